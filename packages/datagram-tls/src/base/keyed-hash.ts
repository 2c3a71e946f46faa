/** Bytes of a key. */
export const HASH_KEY_LENGTH = 8;

/**
 * HalfSipHash-1-3 of a text and a number, 32 bits. For tables whose keys come from the network: without the key nobody knows
 * which of them meet. The text is taken in pairs of UTF-16 units.
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
    let a = this.#low;
    let b = this.#high;
    let c = 0x6c796765 ^ a;
    let d = 0x74656462 ^ b;
    // Two words at the end: the number, and how much there was, with what makes the last rounds differ from others.
    const words = (length + 1) >> 1;
    for (let word = 0; word < words + 5; word++) {
      let m = 0;
      if (word < words) {
        const at = 2 * word;
        m = text.charCodeAt(at) | (at + 1 < length ? text.charCodeAt(at + 1) << 16 : 0);
      } else if (word === words) m = number | 0;
      else if (word === words + 1) m = length;
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
      if (word === words + 1) c ^= 0xff;
    }
    return b ^ d;
  }
}
