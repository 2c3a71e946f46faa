import { EMPTY } from '../base/bytes.js';

/** Identifier octets of X.690: class, constructed bit and tag number in one byte. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of `[number] IMPLICIT` over a primitive type. */
export function implicitTag(number: number): number {
  return 0x80 | number;
}

/** The tag of `[number] EXPLICIT`, or of `[number] IMPLICIT` over a constructed type. */
export function explicitTag(number: number): number {
  return 0xa0 | number;
}

const LONGEST_OID = 128;

/** Shared by readers of nested elements. */
export interface DerState {
  failed: boolean;
  /** Elements that may still be read; one more makes the whole malformed. */
  elements: number;
}

/**
 * Reads DER (X.690 §10: definite, minimal lengths) from bytes it does not own; results are views. Readers of nested
 * elements share one verdict: after any malformed element `failed` is true for all of them, reads yield zeros and
 * empty views, and loops over the rest end. Decoders check once, at the bottom.
 *
 * BER is refused on purpose. A general BER parser costs about 300 µs per certificate and accepts more than other
 * verifiers do.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  readonly #state: DerState;
  /** Where the content of the last element starts. */
  #content = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, state?: DerState) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#state = state ?? { failed: false, elements: Infinity };
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Tag of the next element; -1 at the end. */
  get tag(): number {
    return this.left > 0 ? (this.#bytes[this.#at] as number) : -1;
  }

  get failed(): boolean {
    return this.#state.failed;
  }

  /** Nothing failed anywhere, and no bytes are left over here. */
  finished(): boolean {
    return !this.#state.failed && this.#at === this.#end;
  }

  fail(): void {
    this.#state.failed = true;
    this.#at = this.#end;
  }

  /** Decodes the content of the next element, and requires that all of it is used. */
  inside<T>(tag: number, decode: (content: DerReader) => T): T {
    const content = this.#take(tag)
      ? new DerReader(this.#bytes, this.#content, this.#at, this.#state)
      : new DerReader(EMPTY, 0, 0, this.#state);
    const value = decode(content);
    if (content.left > 0) content.fail();
    return value;
  }

  /** Decodes elements until the end of this one. */
  each(decode: (reader: DerReader) => void): void {
    while (this.left > 0) decode(this);
  }

  /** The content of the next element, which must have this tag. */
  content(tag: number): Uint8Array {
    return this.#take(tag) ? this.#bytes.subarray(this.#content, this.#at) : EMPTY;
  }

  /** The whole next element, header included. */
  element(tag = this.tag): Uint8Array {
    const start = this.#at;
    return this.#take(tag) ? this.#bytes.subarray(start, this.#at) : EMPTY;
  }

  /** The whole next element, without moving past it. */
  peek(tag: number): Uint8Array {
    const start = this.#at;
    const element = this.element(tag);
    if (!this.failed) this.#at = start;
    return element;
  }

  /** The next element, whatever it is; empty at the end. */
  optional(): Uint8Array {
    return this.left > 0 ? this.element() : EMPTY;
  }

  boolean(): boolean {
    const content = this.content(Tag.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) this.fail();
    return content[0] === 0xff;
  }

  /** Two's complement, big-endian, at least one byte, minimal. */
  integer(tag: number = Tag.integer): Uint8Array {
    const content = this.content(tag);
    const [first = 0, second = 0] = content;
    const padded =
      content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    if (content.length === 0 || padded) this.fail();
    return content;
  }

  /** A non-negative integer below 2^31; larger and negative ones are malformed here. */
  count(tag: number = Tag.integer): number {
    const content = this.integer(tag);
    if (content.length > 4 || (content[0] ?? 0) >= 0x80) this.fail();
    return this.failed ? 0 : content.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  oid(tag: number = Tag.oid): Oid {
    const content = this.content(tag);
    const last = content[content.length - 1] ?? 0x80;
    if (last >= 0x80 || content.length > LONGEST_OID || hasPaddedArc(content)) {
      this.fail();
      return '' as Oid;
    }
    return latin1(content) as Oid;
  }

  /** A BIT STRING whose content is not read. */
  bits(tag: number): void {
    const content = this.content(tag);
    const unused = content[0] ?? 8;
    if (unused > 7 || (content.length === 1 && unused > 0)) this.fail();
  }

  /** The bytes of a BIT STRING that holds whole bytes, such as a signature. */
  octets(): Uint8Array {
    const content = this.content(Tag.bitString);
    if (content[0] !== 0) this.fail();
    return content.subarray(1);
  }

  /** The first 16 bits of a BIT STRING of flags, bit 0 the most significant. */
  flags(): number {
    const content = this.content(Tag.bitString);
    const unused = content[0] ?? 8;
    if (unused > 7 || (content.length === 1 && unused > 0)) this.fail();
    if (content.length < 2) return 0;
    const bits = ((content[1] as number) << 8) | (content[2] ?? 0);
    if (content.length > 3) return bits;
    return bits & (0xffff << (unused + (content.length === 2 ? 8 : 0)));
  }

  #take(tag: number): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    // Tag numbers above 30 take more bytes; X.509 has none.
    if (this.left < 2 || bytes[at] !== tag || (tag & 0x1f) === 0x1f) return this.#malformed();
    if (--this.#state.elements < 0) return this.#malformed();
    let start = at + 2;
    let length = bytes[at + 1] as number;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets < 1 || octets > 3 || octets > this.#end - start || bytes[start] === 0)
        return this.#malformed();
      length = 0;
      for (const stop = start + octets; start < stop; start++)
        length = length * 256 + (bytes[start] as number);
      if (length < 0x80) return this.#malformed();
    }
    if (length > this.#end - start) return this.#malformed();
    this.#content = start;
    this.#at = start + length;
    return true;
  }

  #malformed(): false {
    this.fail();
    return false;
  }
}

/** X.690 §8.19.2: the first byte of an arc is never 0x80. */
function hasPaddedArc(content: Uint8Array): boolean {
  return content.some((byte, i) => byte === 0x80 && (i === 0 || (content[i - 1] as number) < 0x80));
}

/** An object identifier as its content bytes, one character per byte: for comparisons and as a key of maps. */
export type Oid = string & { readonly oid: unique symbol };

/** The identifier in this form for a dotted one, such as `2.5.4.3`. */
export function oid(dotted: string): Oid {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return [40 * first + second, ...rest].map(base128).join('') as Oid;
}

function base128(arc: number): string {
  let digits = String.fromCharCode(arc % 128);
  for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) {
    digits = String.fromCharCode(0x80 | (high % 128)) + digits;
  }
  return digits;
}

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
