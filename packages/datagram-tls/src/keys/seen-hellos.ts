import { toHex } from '../base/bytes.js';

/** ms. A sweep looks at all, so that one for each that is to be forgotten would take longer the more there are. */
const PAUSE = 250;

/**
 * ClientHellos with accepted early data, by the digest of a binder, for as long as each could be accepted again (RFC
 * 8446 §8.2). When there is no room for another one, it is unknown whether a ClientHello is new; likewise when the
 * clock was set back so far that it may have been forgotten.
 */
export class SeenHellos {
  readonly #most: number;
  /** When each may be forgotten, ms since 1970. */
  readonly #until = new Map<string, number>();
  /** Entries up to this time may be gone. */
  #forgottenBy = Number.NEGATIVE_INFINITY;
  /** The earliest of the coming times, or an earlier one. */
  #nextSweep = Number.POSITIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#until.size;
  }

  /** Remembers a digest until `until`, if it is new and there is room. Both times: ms since 1970. */
  add(digest: Uint8Array, until: number, time: number): 'fresh' | 'replayed' | 'full' | 'stale' {
    if (time >= Math.max(this.#nextSweep, this.#sweptAt + PAUSE)) this.#sweep(time);
    if (until <= this.#forgottenBy) return 'stale';
    const key = toHex(digest);
    if (this.#until.has(key)) return 'replayed';
    if (this.#until.size >= this.#most) return 'full';
    this.#until.set(key, until);
    this.#nextSweep = Math.min(this.#nextSweep, until);
    return 'fresh';
  }

  #sweep(time: number): void {
    this.#forgottenBy = Math.max(this.#forgottenBy, time);
    this.#nextSweep = Number.POSITIVE_INFINITY;
    this.#sweptAt = time;
    for (const [key, until] of this.#until) {
      if (until <= time) this.#until.delete(key);
      else this.#nextSweep = Math.min(this.#nextSweep, until);
    }
  }
}
