import { concat, EMPTY, joined } from '../base/bytes.js';
import { Tag } from '../x509/der.js';

/** No legitimate file nests deeper. */
const MAX_DEPTH = 32;
const CONSTRUCTED = 0x20;
const CONSTRUCTED_OCTETS = Tag.octetString | CONSTRUCTED;

interface Element {
  readonly der: Uint8Array;
  /** Where the next element begins. */
  readonly end: number;
}

/**
 * The same values in DER: lengths definite and minimal, octet strings in one piece. For files that the standard
 * allows to be BER, and that some programs write so; never for a peer's data. `undefined` when malformed, or with
 * bytes left over.
 */
export function derOf(ber: Uint8Array): Uint8Array | undefined {
  const element = readElement(ber, 0, 0);
  return element?.end === ber.length ? element.der : undefined;
}

function readElement(bytes: Uint8Array, at: number, depth: number): Element | undefined {
  const tag = bytes[at];
  const length = readLength(bytes, at + 1);
  if (tag === undefined || length === undefined || depth > MAX_DEPTH || (tag & 0x1f) === 0x1f)
    return undefined;
  const { start, end } = length;
  if ((tag & CONSTRUCTED) === 0) {
    if (end === undefined) return undefined;
    return { der: encode(tag, [bytes.subarray(start, end)]), end };
  }
  const children = readChildren(bytes, start, end, depth + 1);
  if (children === undefined) return undefined;
  if (tag !== CONSTRUCTED_OCTETS) return { der: encode(tag, children.parts), end: children.end };
  const pieces = children.parts.map(contentOf);
  return children.parts.every((part) => part[0] === Tag.octetString)
    ? { der: encode(Tag.octetString, pieces), end: children.end }
    : undefined;
}

/** Up to `end`, or to the mark that ends an indefinite length. */
function readChildren(
  bytes: Uint8Array,
  start: number,
  end: number | undefined,
  depth: number,
): { readonly parts: Uint8Array[]; readonly end: number } | undefined {
  const parts: Uint8Array[] = [];
  let at = start;
  while (at !== end) {
    if (end === undefined && bytes[at] === 0 && bytes[at + 1] === 0) return { parts, end: at + 2 };
    const child = readElement(bytes, at, depth);
    if (child === undefined || (end !== undefined && child.end > end)) return undefined;
    parts.push(child.der);
    at = child.end;
  }
  return { parts, end: at };
}

/** Position of the content; `end` is `undefined` where an end-of-contents mark follows. */
function readLength(bytes: Uint8Array, at: number): { start: number; end: number | undefined } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first === 0x80) return { start: at + 1, end: undefined };
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 1 + octets;
  let length = octets === 0 ? first : 0;
  if (octets > 4 || start > bytes.length) return undefined;
  for (let i = at + 1; i < start; i++) length = length * 256 + (bytes[i] as number);
  const end = start + length;
  return end > bytes.length ? undefined : { start, end };
}

function encode(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = joined(parts);
  const { length } = content;
  const octets = length < 0x80 ? [] : bigEndian(length);
  const head = octets.length === 0 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  return concat(Uint8Array.from(head), content);
}

function bigEndian(value: number): number[] {
  return value === 0 ? [] : [...bigEndian(Math.floor(value / 256)), value % 256];
}

/** Of an element that {@link encode} made. */
function contentOf(der: Uint8Array): Uint8Array {
  const first = der[1] ?? 0;
  return der.length < 2 ? EMPTY : der.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
}
