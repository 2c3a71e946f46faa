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
   * The words before it, once a number among them has been missing: without losses each of them is full, and none is needed.
   * Integers of 32 bits: an array of them takes less than half of a typed array, and each association has some.
   */
  #words: number[] | undefined;

  get newest(): number {
    return this.#newest;
  }

  /** Neither accepted before nor too old. */
  fresh(sequence: number): boolean {
    if (sequence > this.#newest) return true;
    if (this.#newest - sequence >= REPLAY_WINDOW) return false;
    const place = placeOf(sequence);
    const word = place === placeOf(this.#newest) ? this.#word : (this.#words?.[place] ?? FULL_WORD);
    return (word & bitOf(sequence)) === 0;
  }

  /** Marks a number for which {@link fresh} was true. */
  accept(sequence: number): void {
    if (sequence > this.#newest) this.advance(sequence);
    const place = placeOf(sequence);
    if (place === placeOf(this.#newest)) this.#word |= bitOf(sequence);
    else if (this.#words !== undefined) this.#words[place] = (this.#words[place] as number) | bitOf(sequence);
  }

  /** Words of one kind, which most are, take two bits. */
  save(w: Writer): void {
    w.varint(this.#newest + 1);
    const words = this.#words ?? gaplessWords(this.#newest);
    words[placeOf(this.#newest)] = this.#word;
    let kinds = 0;
    for (const [i, word] of words.entries()) kinds |= kindOf(word) << (2 * i);
    w.u16(kinds);
    for (const word of words) if (kindOf(word) === MIXED) w.u32(word >>> 0);
  }

  restore(r: Reader): void {
    this.#newest = r.varint() - 1;
    const kinds = r.u16();
    const words: number[] = [];
    for (let i = 0; i < WORDS; i++) {
      const kind = (kinds >>> (2 * i)) & 3;
      words[i] = kind === MIXED ? r.u32() | 0 : kind === FULL ? FULL_WORD : 0;
    }
    this.#word = words[placeOf(this.#newest)] as number;
    this.#words = isFull(words, this.#newest) ? undefined : words.slice();
  }

  /** Clears the words between the old newest number's and the new one's, the latter included. */
  private advance(to: number): void {
    const from = Math.floor(this.#newest / 32);
    const steps = Math.min(Math.floor(to / 32) - from, WORDS);
    const isGapless = steps === 1 && (this.#word === FULL_WORD || this.#newest < 0);
    if (steps > 0 && (this.#words !== undefined || !isGapless)) {
      const words = this.#words ?? gaplessWords(this.#newest);
      words[placeOf(this.#newest)] = this.#word;
      for (let step = 1; step <= steps; step++) words[(from + step) % WORDS] = 0;
      this.#words = isFull(words, to) ? undefined : words;
    }
    if (steps > 0) this.#word = 0;
    this.#newest = to;
  }
}

/** Those of a window in which no number before `newest` is missing. */
function gaplessWords(newest: number): number[] {
  return new Array<number>(WORDS).fill(newest < 0 ? 0 : FULL_WORD);
}

/** Of a word with all numbers. */
const FULL_WORD = -1;

/** Of the numbers before the word of `newest` none is missing. Words beyond it have none yet in the first lap. */
function isFull(words: readonly number[], newest: number): boolean {
  const place = placeOf(newest);
  return (
    newest < 0 || words.every((word, i) => word === FULL_WORD || i === place || (newest < BITS && i > place))
  );
}

/** Kinds of words: with no number, with all, with some. */
const FULL = 1;
const MIXED = 2;

function kindOf(word: number): number {
  return word === 0 ? 0 : word === FULL_WORD ? FULL : MIXED;
}

/** That of its word. The low bits of a 48-bit number survive the conversion to 32 bits. */
function placeOf(sequence: number): number {
  return ((sequence >>> 0) & (BITS - 1)) >>> 5;
}

function bitOf(sequence: number): number {
  return 1 << (sequence & 31);
}
