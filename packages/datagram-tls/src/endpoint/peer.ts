/** Where datagrams come from and go to. */
export interface PeerAddress {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
}

/** The key under which a peer's associations are found. */
export function peerKey(address: string, port: number): string {
  return `${address}|${port}`;
}
