import { decodeUtf8, utf8 } from '../base/bytes.js';
import type { PeerAddress } from '../base/peer-address.js';
import { type Reader, Writer } from '../wire/cursor.js';

const FAMILIES: readonly PeerAddress['family'][] = ['IPv4', 'IPv6', 'other'];
const MAX_PORT = 0xffff;

/** In states that other processes read. */
export function encodeAddress({ address, family, port }: PeerAddress): Uint8Array {
  return new Writer().u8(FAMILIES.indexOf(family)).vec16(utf8(address)).varint(port).finish();
}

/** What {@link encodeAddress} wrote; `undefined` when malformed. */
export function readAddress(r: Reader): PeerAddress | undefined {
  const family = FAMILIES[r.u8()];
  const address = decodeUtf8(r.vec16());
  const port = r.varint();
  const isPort = port <= MAX_PORT;
  if (!r.failed && family !== undefined && address !== undefined && isPort) return { address, family, port };
  r.fail();
  return undefined;
}

/*
 * Addresses in few bytes, for very many of them in this process: an IP literal as the system writes it has 4 or 16, any other one
 * is kept as the code units of its text, of which UTF-8 has no form for some. What is read is what was written.
 */

const IPV4 = 4;
const IPV6 = 6;
/** The families of addresses that are kept as text, from this on. */
const TEXTS = 0x10;
const GROUPS = 8;

export function writeShortAddress(w: Writer, { address, family, port }: PeerAddress): void {
  const isShort = port <= MAX_PORT;
  const ipv4 = isShort && family === 'IPv4' ? ipv4Bytes(address) : undefined;
  const ipv6 = isShort && family === 'IPv6' ? ipv6Groups(address) : undefined;
  if (ipv4 !== undefined) w.u8(IPV4).bytes(ipv4).u16(port);
  else if (ipv6 !== undefined) {
    w.u8(IPV6);
    for (const group of ipv6) w.u16(group);
    w.u16(port);
  } else {
    w.u8(TEXTS + FAMILIES.indexOf(family)).varint(address.length);
    for (let i = 0; i < address.length; i++) w.u16(address.charCodeAt(i));
    w.varint(port);
  }
}

/** What {@link writeShortAddress} wrote. */
export function readShortAddress(r: Reader): PeerAddress {
  const form = r.u8();
  if (form === IPV4) return { address: r.bytes(4).join('.'), family: 'IPv4', port: r.u16() };
  if (form === IPV6) {
    const groups = Array.from({ length: GROUPS }, () => r.u16());
    return { address: ipv6Text(groups), family: 'IPv6', port: r.u16() };
  }
  const family = FAMILIES[form - TEXTS] ?? 'other';
  const length = r.varint();
  let address = '';
  for (let i = 0; i < length; i++) address += String.fromCharCode(r.u16());
  return { address, family, port: r.varint() };
}

/** `undefined` where the bytes would be read as another text. */
function ipv4Bytes(address: string): Uint8Array | undefined {
  const parts = address.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    bytes[i] = Number(parts[i]);
    if (String(bytes[i]) !== parts[i]) return undefined;
  }
  return bytes;
}

/** As {@link ipv4Bytes}. */
function ipv6Groups(address: string): number[] | undefined {
  const [head = '', tail] = address.split('::');
  const first = hexGroups(head);
  const last = tail === undefined ? [] : hexGroups(tail);
  const gap = new Array<number>(Math.max(GROUPS - first.length - last.length, 0)).fill(0);
  const groups = [...first, ...gap, ...last];
  return groups.length === GROUPS && ipv6Text(groups) === address ? groups : undefined;
}

function hexGroups(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16) & 0xffff);
}

/** RFC 5952 §4, without the dotted form of §5: such addresses are kept as text. */
function ipv6Text(groups: readonly number[]): string {
  let [from, to] = [0, 0];
  for (let start = 0, end: number; start < GROUPS; start = end + 1) {
    end = start;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - start > to - from) [from, to] = [start, end];
  }
  const texts = groups.map((group) => group.toString(16));
  if (to - from < 2) return texts.join(':');
  return `${texts.slice(0, from).join(':')}::${texts.slice(to).join(':')}`;
}
