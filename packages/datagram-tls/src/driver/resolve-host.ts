import { lookup } from 'node:dns';
import { isIP, SocketAddress, type SocketAddressInitOptions } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ownProperties } from '../base/own-properties.js';
import type { PeerAddress } from '../base/peer-address.js';

export type Found = (address: string, family: PeerAddress['family']) => void;

/**
 * Finds the address of a host: synchronously for an IP literal, otherwise with the system's resolver, whose errors
 * have codes such as `ENOTFOUND`. `family` limits the search.
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

type Interfaces = ReturnType<typeof networkInterfaces>;

/** fe80::/10: addresses that need an interface (RFC 4291 §2.5.6). */
const LINK_LOCAL = /^fe[89ab]/;

/**
 * An IP literal in the system's form for the sender of a datagram, so that answers find their session. Only a
 * link-local address has a zone; it is the name of the interface, and its number on Windows (RFC 4007 §11.2).
 */
export function canonicalAddress(
  address: string,
  family: PeerAddress['family'],
  interfaces: () => Interfaces = networkInterfaces,
  system: NodeJS.Platform = process.platform,
): string {
  if (family === 'IPv4') return address === '0.0.0.0' ? '127.0.0.1' : address;
  const at = address.indexOf('%');
  const literal = at < 0 ? address : address.slice(0, at);
  const plain = new SocketAddress(
    ownProperties<SocketAddressInitOptions>({ address: literal, family: 'ipv6' }),
  ).address;
  if (plain === '::') return '::1';
  if (at < 0 || !LINK_LOCAL.test(plain)) return plain;
  return `${plain}%${canonicalZone(address.slice(at + 1), interfaces(), system)}`;
}

/** The zone of an unknown interface is kept: the system reports the error. */
function canonicalZone(zone: string, interfaces: Interfaces, system: NodeJS.Platform): string {
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    const number = addresses.find((one) => one.family === 'IPv6' && one.scopeid > 0)?.scopeid;
    if (zone === name || zone === String(number)) return system === 'win32' ? String(number ?? zone) : name;
  }
  return zone;
}
