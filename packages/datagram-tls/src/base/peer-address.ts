/** Where datagrams come from and go to. */
export interface PeerAddress {
  /** An IP literal, or what a transport of the application calls the peer. */
  readonly address: string;
  /** `other` where it is no IP address. */
  readonly family: 'IPv4' | 'IPv6' | 'other';
  /** Of UDP; any number where the family is `other`. */
  readonly port: number;
}
