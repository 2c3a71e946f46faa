/**
 * Where datagrams come from and go to.
 *
 * @example
 * ```ts
 * import type { PeerAddress } from 'datagram-tls';
 *
 * const peer: PeerAddress = { address: '192.0.2.1', port: 5684, family: 'IPv4' };
 * ```
 */
export interface PeerAddress {
  /** An IP literal, or the name that a transport of the application gives the peer. */
  readonly address: string;
  /** `other` where it is no IP address. */
  readonly family: 'IPv4' | 'IPv6' | 'other';
  /** Of UDP; any number where the family is `other`. */
  readonly port: number;
}
