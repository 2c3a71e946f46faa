import type { Duration } from '../base/instant.js';

export interface BackoffLimits {
  /** First retransmission timeout, ms (RFC 6347 §4.2.4.1: 1 s). */
  readonly initial: Duration;
  /** The timeout never grows beyond this, ms (60 s). */
  readonly max: Duration;
}

/** Timeouts after which the fragments of a flight are made smaller: the path may lose large datagrams. */
const TIMEOUTS_PER_SHRINK = 2;
/** Datagram sizes to fall back to, bytes of UDP payload: IPv6's minimum MTU, IPv4's common one, and a last resort. */
const FALLBACK_SIZES = [1232, 548, 256];

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

  /** Timeouts of the flight that is under way. */
  get timeouts(): number {
    return this.#timeouts;
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

  /** Largest datagram to send now on a path whose configured limit is `mtu`, bytes. */
  datagramSize(mtu: number): number {
    let shrinks = Math.floor(this.#timeouts / TIMEOUTS_PER_SHRINK);
    let size = mtu;
    for (const fallback of FALLBACK_SIZES) {
      if (shrinks === 0) break;
      if (fallback >= size) continue;
      size = fallback;
      shrinks--;
    }
    return size;
  }
}
