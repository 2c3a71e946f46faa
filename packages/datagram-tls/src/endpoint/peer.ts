import type { PeerAddress } from '../base/peer-address.js';
import type { EndpointLimits } from '../config/limits.js';

/** The key by which a peer's associations are found. */
export function peerKey(address: string, port: number): string {
  return `${address}|${port}`;
}

const GROUPS = 8;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const DOTTED = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/;

/**
 * The key under which limits per host count an address: its first bits, because an IPv6 host has at least a /64 of
 * addresses. An IPv4-mapped IPv6 address counts as the IPv4 address. A zone is part of the key: it names the link. An
 * address that is not IP is its own key.
 */
export function hostOf(
  { address, family }: Pick<PeerAddress, 'address' | 'family'>,
  { ipv4, ipv6 }: EndpointLimits['hostPrefix'],
): string {
  if (family === 'other') return address;
  const plain = family === 'IPv4' ? address : (MAPPED.exec(address)?.[1] ?? address);
  if (!plain.includes(':')) return ipv4 === 32 ? plain : ipv4Prefix(plain, ipv4);
  return ipv6 === 128 ? plain : ipv6Prefix(plain, ipv6);
}

function ipv4Prefix(address: string, bits: number): string {
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return `${Math.floor(value / 2 ** (32 - bits))}/${bits}`;
}

function ipv6Prefix(address: string, bits: number): string {
  const [literal = address, zone = ''] = address.split('%');
  const kept = groupsOf(literal).map((group, i) => {
    const left = Math.min(Math.max(bits - 16 * i, 0), 16);
    return group & (0xffff << (16 - left)) & 0xffff;
  });
  const whole = Math.ceil(bits / 16);
  return `${kept
    .slice(0, whole)
    .map((group) => group.toString(16))
    .join(':')}/${bits}%${zone}`;
}

/** The eight numbers of an IPv6 address without zone. */
function groupsOf(literal: string): number[] {
  const [head = '', tail] = withoutDots(literal).split('::');
  const first = numbers(head);
  const last = tail === undefined ? [] : numbers(tail);
  const gap = Math.max(GROUPS - first.length - last.length, 0);
  return [...first, ...new Array<number>(gap).fill(0), ...last];
}

function numbers(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
}

/** The last four bytes may be written as an IPv4 address. */
function withoutDots(literal: string): string {
  const dotted = DOTTED.exec(literal);
  if (dotted === null) return literal;
  const [, start = '', ...bytes] = dotted;
  const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
  return `${start}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
