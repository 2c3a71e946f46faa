/** Bytes of a key. */
export const HASH_KEY_LENGTH = 8;

/**
 * HalfSipHash-1-3 of a text and a number, or of bytes, 32 bits. For tables whose keys come from the network: without the
 * hash's key no sender can find table keys with equal hashes. The text is taken in pairs of UTF-16 units.
 */
export class KeyedHash {
  readonly #low: number;
  readonly #high: number;

  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, HASH_KEY_LENGTH);
    this.#low = view.getInt32(0, true);
    this.#high = view.getInt32(4, true);
  }

  of(text: string, number: number): number {
    const { length } = text;
    const count = (length + 1) >> 1;
    const words = room(count);
    for (let word = 0; word < count; word++) {
      const at = 2 * word;
      words[word] = text.charCodeAt(at) | (at + 1 < length ? text.charCodeAt(at + 1) << 16 : 0);
    }
    return this.#mix(words, count, number, length);
  }

  /** Of bytes, four in a word. */
  ofBytes(bytes: Uint8Array, at: number, length: number): number {
    const count = (length + 3) >> 2;
    const words = room(count).fill(0, 0, count);
    for (let i = 0; i < length; i++) (words[i >> 2] as number) |= (bytes[at + i] as number) << (8 * (i & 3));
    return this.#mix(words, count, 0, length);
  }

  /** Two words at the end: the number, and how much there was, with what makes the last rounds differ from others. */
  #mix(words: Int32Array, count: number, number: number, length: number): number {
    let a = this.#low;
    let b = this.#high;
    let c = 0x6c796765 ^ a;
    let d = 0x74656462 ^ b;
    for (let word = 0; word < count + 5; word++) {
      let m = 0;
      if (word < count) m = words[word] as number;
      else if (word === count) m = number | 0;
      else if (word === count + 1) m = length;
      d ^= m;
      a = (a + b) | 0;
      b = ((b << 5) | (b >>> 27)) ^ a;
      a = (a << 16) | (a >>> 16);
      c = (c + d) | 0;
      d = ((d << 8) | (d >>> 24)) ^ c;
      a = (a + d) | 0;
      d = ((d << 7) | (d >>> 25)) ^ a;
      c = (c + b) | 0;
      b = ((b << 13) | (b >>> 19)) ^ c;
      c = (c << 16) | (c >>> 16);
      a ^= m;
      if (word === count + 1) c ^= 0xff;
    }
    return b ^ d;
  }
}

/** For the words of one text at a time. */
let scratch = new Int32Array(32);

function room(words: number): Int32Array {
  if (words > scratch.length) scratch = new Int32Array(words);
  return scratch;
}
