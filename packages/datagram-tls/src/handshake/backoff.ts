import type { Duration } from '../base/instant.js';

export interface BackoffLimits {
  /** First retransmission timeout, ms (RFC 6347 §4.2.4.1: 1 s). */
  readonly initial: Duration;
  /** The timeout never grows beyond this, ms (60 s). */
  readonly max: Duration;
}

/** RFC 9147 §5.8.2. */
const TIMES_ROUND_TRIP = 1.5;
/**
 * A measured timer is no shorter than this part of the first value. A peer that has everything and takes its time to
 * answer, for the sake of a signature, says so by an ACK after a quarter of its own timer (§7.1).
 */
const LEAST_PART = 0.5;
/** After this many times its length without use a measured timer tells nothing any more (§5.8.2). */
const IDLE_TIMES = 10;

/**
 * The retransmission timer's length. It doubles with each timeout, and falls only when a flight got through without one:
 * to its first value (RFC 6347 §4.2.4.1), or to what the path was measured to need (RFC 9147 §5.8.2).
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  /** To be used after a flight without a timeout. */
  #base: Duration;
  #current: Duration;
  #timeouts = 0;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
    this.#base = limits.initial;
    this.#current = limits.initial;
  }

  get timeout(): Duration {
    return this.#current;
  }

  /** Of the flight under way. */
  get timeouts(): number {
    return this.#timeouts;
  }

  onTimeout(): void {
    this.#timeouts++;
    this.#current = Math.min(this.#current * 2, this.#limits.max);
  }

  /** A flight that went out once was answered after `roundTrip`. */
  onMeasured(roundTrip: Duration): void {
    const { initial, max } = this.#limits;
    this.#base = Math.min(Math.max(roundTrip * TIMES_ROUND_TRIP, initial * LEAST_PART), max);
  }

  /** The flight under way was answered. */
  onAnswer(): void {
    if (this.#timeouts === 0) this.#current = this.#base;
    this.#timeouts = 0;
  }

  /** Nothing was sent for `duration`. */
  onIdle(duration: Duration): void {
    if (duration < IDLE_TIMES * this.#current) return;
    this.#base = this.#limits.initial;
    this.#current = this.#limits.initial;
  }
}
