/** Where datagrams come from and go to. */
export interface PeerAddress {
  /** An IP literal, or what a transport of the application calls the peer. */
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6' | 'other';
  readonly port: number;
}
