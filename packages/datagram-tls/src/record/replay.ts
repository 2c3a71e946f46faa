import type { Reader, Writer } from '../wire/cursor.js';

/** Bits of the ring; a power of two, so that positions come by masking. */
const BITS = 256;
const WORDS = BITS / 32;

/**
 * How far behind the newest record an older one is still accepted. One word less than the ring, because moving on
 * clears whole words (RFC 6347 §4.1.2.6 requires at least 32, RFC 9147 §4.5.1 recommends 64).
 */
export const REPLAY_WINDOW = BITS - 32;

/**
 * Remembers accepted sequence numbers of one epoch. Callers ask {@link fresh} before they decrypt and {@link accept}
 * only authentic records, so that forged numbers never move the window.
 */
export class ReplayWindow {
  /** The newest accepted number; -1 before the first. */
  #newest = -1;
  /** The word of the newest number, which is the only one that most records need. */
  #word = 0;
  /**
   * The words before it. Integers of 32 bits: an array of them takes less than half of a typed array, and each association has
   * some.
   */
  readonly #words = [0, 0, 0, 0, 0, 0, 0, 0];

  get newest(): number {
    return this.#newest;
  }

  /** Neither accepted before nor too old. */
  fresh(sequence: number): boolean {
    if (sequence > this.#newest) return true;
    if (this.#newest - sequence >= REPLAY_WINDOW) return false;
    const place = placeOf(sequence);
    const word = place === placeOf(this.#newest) ? this.#word : (this.#words[place] as number);
    return (word & bitOf(sequence)) === 0;
  }

  /** Marks a number for which {@link fresh} was true. */
  accept(sequence: number): void {
    if (sequence > this.#newest) this.#advance(sequence);
    const place = placeOf(sequence);
    if (place === placeOf(this.#newest)) this.#word |= bitOf(sequence);
    else this.#words[place] = (this.#words[place] as number) | bitOf(sequence);
  }

  /** Words of one kind, which most are, take two bits. */
  save(w: Writer): void {
    w.varint(this.#newest + 1);
    this.#words[placeOf(this.#newest)] = this.#word;
    let kinds = 0;
    for (const [i, word] of this.#words.entries()) kinds |= kindOf(word) << (2 * i);
    w.u16(kinds);
    for (const word of this.#words) if (kindOf(word) === MIXED) w.u32(word >>> 0);
  }

  restore(r: Reader): void {
    this.#newest = r.varint() - 1;
    const kinds = r.u16();
    for (let i = 0; i < WORDS; i++) {
      const kind = (kinds >>> (2 * i)) & 3;
      this.#words[i] = kind === MIXED ? r.u32() | 0 : kind === FULL ? -1 : 0;
    }
    this.#word = this.#words[placeOf(this.#newest)] as number;
  }

  /** Clears the words between the old newest number's and the new one's, the latter included. */
  #advance(to: number): void {
    const from = Math.floor(this.#newest / 32);
    const steps = Math.min(Math.floor(to / 32) - from, WORDS);
    if (steps > 0) {
      this.#words[placeOf(this.#newest)] = this.#word;
      this.#word = 0;
    }
    for (let step = 1; step <= steps; step++) this.#words[(from + step) % WORDS] = 0;
    this.#newest = to;
  }
}

/** Kinds of words: with no number, with all, with some. */
const FULL = 1;
const MIXED = 2;

function kindOf(word: number): number {
  return word === 0 ? 0 : word === -1 ? FULL : MIXED;
}

/** That of its word. The low bits of a 48-bit number survive the conversion to 32 bits. */
function placeOf(sequence: number): number {
  return ((sequence >>> 0) & (BITS - 1)) >>> 5;
}

function bitOf(sequence: number): number {
  return 1 << (sequence & 31);
}
