/** Repeatable pseudo-randomness: the same seed gives the same run. Not for secrets. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not start alike, and a state of zero would never leave it.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995 || 1;
    for (let i = 0; i < 8; i++) this.#next();
  }

  /** At least 0 and less than 1. */
  fraction(): number {
    return this.#next() / 0x1_0000_0000;
  }

  /** An integer of 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** An integer, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
    }
    return shuffled;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#next() >>> 24;
    return bytes;
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return Math.imul(x, 0x2545f491) >>> 0;
  }
}
