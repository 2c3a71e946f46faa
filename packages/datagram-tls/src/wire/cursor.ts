import { EMPTY, MAX_LOOPED, put, takenFrom } from '../base/bytes.js';

/**
 * Reads big-endian structures from bytes it does not own: results are views that live as long as the bytes. After a
 * read past the end it is at its end and yields zeros and empty views, so decoders need one check, {@link
 * Reader.finished}, and loops over the rest always end.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  #failed = false;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Nothing failed and no bytes are left over. */
  finished(): boolean {
    return !this.#failed && this.#at === this.#end;
  }

  /** Marks the input as malformed; for checks beyond lengths. */
  fail(): void {
    this.#failed = true;
    this.#at = this.#end;
  }

  u8(): number {
    return this.#take(1) ? (this.#bytes[this.#at - 1] as number) : 0;
  }

  u16(): number {
    if (!this.#take(2)) return 0;
    return ((this.#bytes[this.#at - 2] as number) << 8) | (this.#bytes[this.#at - 1] as number);
  }

  u24(): number {
    const high = this.u8();
    return (high << 16) | this.u16();
  }

  u32(): number {
    const high = this.u16();
    return high * 0x10000 + this.u16();
  }

  /** A 48-bit number, such as a record's sequence number. */
  u48(): number {
    const high = this.u16();
    return high * 0x1_0000_0000 + this.u32();
  }

  /** What {@link Writer.varint} wrote. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= MAX_SCALE; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (!Number.isSafeInteger(value)) this.fail();
    return this.#failed ? 0 : value;
  }

  bytes(length: number): Uint8Array {
    if (!this.#take(length) || length === 0) return EMPTY;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** `opaque x<min..max>` with a one-byte length. */
  vec8(min = 0, max = 0xff): Uint8Array {
    return this.#vector(this.u8(), min, max);
  }

  vec16(min = 0, max = 0xffff): Uint8Array {
    return this.#vector(this.u16(), min, max);
  }

  vec24(min = 0, max = 0xffffff): Uint8Array {
    return this.#vector(this.u24(), min, max);
  }

  /** `uint16 x<min..max>`; lengths in bytes, as the RFCs count them. */
  listU16(min = 0, max = 0xfffe): number[] {
    const length = this.u16();
    if (length < min || length > max || length > this.left || length % 2 !== 0) this.fail();
    if (this.#failed) return [];
    const items = new Array<number>(length / 2);
    for (let i = 0; i < items.length; i++) items[i] = this.u16();
    return items;
  }

  #vector(length: number, min: number, max: number): Uint8Array {
    if (length < min || length > max) {
      this.fail();
      return EMPTY;
    }
    return this.bytes(length);
  }

  #take(length: number): boolean {
    if (length > this.#end - this.#at) {
      this.fail();
      return false;
    }
    this.#at += length;
    return true;
  }
}

/** Of the eighth byte of a varint: eight hold 56 bits, more than a double holds exactly. */
const MAX_SCALE = 0x80 ** 7;

/** The place of a vector's length. Made by `Writer.openVec…`. */
type Mark = number & { readonly mark: unique symbol };

const DRAFT_LENGTH = 2048;
/** Nested writers beyond this depth are left to the collector. */
const MAX_DRAFTS = 4;
/** Buffers of finished writers: most messages are short and short-lived. */
const drafts: Uint8Array[] = [];

/** Writes big-endian structures into a growing buffer, which {@link Writer.finish} takes away. */
export class Writer {
  #bytes = drafts.pop() ?? new Uint8Array(DRAFT_LENGTH);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#room(2);
    this.#bytes[this.#length++] = value >>> 8;
    this.#bytes[this.#length++] = value;
    return this;
  }

  u24(value: number): this {
    return this.u8(value >>> 16).u16(value & 0xffff);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  u48(value: number): this {
    return this.u16(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
  }

  /** An integer of up to 53 bits, seven in a byte, the lowest first: most numbers are small. For our own formats. */
  varint(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.u8(0x80 | (rest % 0x80));
    return this.u8(rest);
  }

  bytes(bytes: Uint8Array): this {
    this.#room(bytes.length);
    put(bytes, this.#bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  vec8(bytes: Uint8Array): this {
    return this.u8(limited(bytes.length, 0xff)).bytes(bytes);
  }

  vec16(bytes: Uint8Array): this {
    return this.u16(limited(bytes.length, 0xffff)).bytes(bytes);
  }

  vec24(bytes: Uint8Array): this {
    return this.u24(limited(bytes.length, 0xffffff)).bytes(bytes);
  }

  listU16(items: readonly number[]): this {
    this.u16(limited(items.length * 2, 0xfffe));
    for (const item of items) this.u16(item);
    return this;
  }

  openVec8(): Mark {
    return this.#open(1);
  }

  openVec16(): Mark {
    return this.#open(2);
  }

  openVec24(): Mark {
    return this.#open(3);
  }

  closeVec8(mark: Mark): this {
    return this.#close(mark, 1);
  }

  closeVec16(mark: Mark): this {
    return this.#close(mark, 2);
  }

  closeVec24(mark: Mark): this {
    return this.#close(mark, 3);
  }

  /** The written bytes, as a copy of exactly that length. */
  finish(): Uint8Array {
    const isShort = this.#length <= MAX_LOOPED;
    const written = isShort ? takenFrom(this.#bytes, 0, this.#length) : this.#bytes.slice(0, this.#length);
    if (this.#bytes.length === DRAFT_LENGTH && drafts.length < MAX_DRAFTS) {
      // It may have been a secret.
      if (!isShort) this.#bytes.fill(0, 0, this.#length);
      drafts.push(this.#bytes);
    }
    this.#bytes = EMPTY;
    this.#length = 0;
    return written;
  }

  #open(width: number): Mark {
    this.#room(width);
    this.#length += width;
    return this.#length as Mark;
  }

  #close(mark: Mark, width: number): this {
    const length = limited(this.#length - mark, (1 << (8 * width)) - 1);
    for (let i = 1; i <= width; i++) this.#bytes[mark - i] = length >>> (8 * (i - 1));
    return this;
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Callers check fields against their limits; this catches a missing check. */
function limited(length: number, max: number): number {
  if (length > max) throw new RangeError(`a vector of ${length} bytes does not fit its length field`);
  return length;
}

/**
 * Reads items until `bytes`, a vector just taken from `r`, are used up; a malformed item fails `r`. Memory is
 * proportional to the bytes: an item takes at least one byte, or fails and ends the loop.
 */
export function readItems<T>(r: Reader, bytes: Uint8Array, readItem: (list: Reader) => T): T[] {
  const list = new Reader(bytes);
  const items: T[] = [];
  while (list.left > 0) items.push(readItem(list));
  if (list.failed) r.fail();
  return items;
}
