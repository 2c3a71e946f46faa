import type { Duration, Instant } from '../base/instant.js';
import { Precedence } from './unanswered.js';

/** The headers of IPv6 and UDP, bytes. */
const HEADERS = 48;
/** What may be sent at once after a pause: the bytes of so many ms. */
const BURST: Duration = 250;

/** Limits the bytes that answers to addresses without an association take of the way out. */
export class AnswerRate {
  readonly #precedence = new Precedence();
  /** Bytes in a millisecond. */
  readonly #rate: number;
  readonly #most: number;
  /** What may be sent now, as of {@link #at}. */
  #left: number;
  #at: Instant = 0;

  /** `limit`: bytes a second; 0: none. */
  constructor(limit: number) {
    this.#rate = limit / 1000;
    this.#most = this.#rate * BURST;
    this.#left = this.#most;
  }

  /** Whether an answer of `size` bytes may be sent. `isFirst`: its ClientHello comes for the first time. */
  takes(size: number, isFirst: boolean, now: Instant): boolean {
    if (this.#rate === 0) return true;
    this.#left = Math.min(this.#most, this.#left + this.#rate * Math.max(0, now - this.#at));
    this.#at = now;
    // However low the limit, one answer after another is sent: the next ones wait until it is paid.
    if (this.#left <= this.#most * (1 - this.#precedence.partOf(isFirst))) return false;
    this.#left -= size + HEADERS;
    this.#precedence.count(isFirst);
    return true;
  }
}
