import { toHex } from '../base/bytes.js';
import type { Duration } from '../base/instant.js';

/**
 * ClientHellos with early data that were taken, by the digest of a binder, for as long as each could be taken again
 * (RFC 8446 §8.2). When there is no room for another one it cannot be told whether it is new.
 */
export class SeenHellos {
  readonly #most: number;
  /** When each may be forgotten, ms since 1970. */
  readonly #until = new Map<string, number>();
  /** The first of these times, or earlier. */
  #nextSweep = Number.POSITIVE_INFINITY;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#until.size;
  }

  /** Remembers a digest for `life` ms from `time`, ms since 1970, if it is new and there is room. */
  add(digest: Uint8Array, life: Duration, time: number): 'fresh' | 'replayed' | 'full' {
    if (time >= this.#nextSweep) this.#sweep(time);
    const key = toHex(digest);
    if (this.#until.has(key)) return 'replayed';
    if (this.#until.size >= this.#most) return 'full';
    const until = time + life;
    this.#until.set(key, until);
    this.#nextSweep = Math.min(this.#nextSweep, until);
    return 'fresh';
  }

  #sweep(time: number): void {
    this.#nextSweep = Number.POSITIVE_INFINITY;
    for (const [key, until] of this.#until) {
      if (until <= time) this.#until.delete(key);
      else this.#nextSweep = Math.min(this.#nextSweep, until);
    }
  }
}
