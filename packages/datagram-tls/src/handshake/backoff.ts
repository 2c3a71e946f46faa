import type { Duration } from '../base/instant.js';

export interface BackoffLimits {
  /** First retransmission timeout, ms (RFC 6347 §4.2.4.1: 1 s). */
  readonly initial: Duration;
  /** The timeout never grows beyond this, ms (60 s). */
  readonly max: Duration;
}

/**
 * The retransmission timer's length. It doubles with each timeout, and falls back to its first value only when a flight
 * got through without one (RFC 6347 §4.2.4.1).
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  #current: Duration;
  #timeouts = 0;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
    this.#current = limits.initial;
  }

  get timeout(): Duration {
    return this.#current;
  }

  onTimeout(): void {
    this.#timeouts++;
    this.#current = Math.min(this.#current * 2, this.#limits.max);
  }

  /** The flight under way was answered. */
  onAnswer(): void {
    if (this.#timeouts === 0) this.#current = this.#limits.initial;
    this.#timeouts = 0;
  }
}
