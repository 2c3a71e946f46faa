import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { PeerAddress } from '../endpoint/peer.js';

export type Found = (address: string, family: PeerAddress['family']) => void;

/**
 * Finds the address of a host: on the spot for an IP literal, else by the system's resolver, whose errors have codes
 * such as `ENOTFOUND`. `family` limits the search.
 */
export function resolveHost(
  host: string,
  family: 0 | 4 | 6,
  found: Found,
  failed: (error: Error) => void,
): void {
  const literal = isIP(host);
  if (literal !== 0) {
    found(host, literal === 6 ? 'IPv6' : 'IPv4');
    return;
  }
  lookup(host, { family }, (error, address, kind) => {
    if (error === null) found(address, kind === 6 ? 'IPv6' : 'IPv4');
    else failed(error);
  });
}
