import { performance } from 'node:perf_hooks';
import type { Instant } from '../base/instant.js';

/** Timers of Node hold 31 bits of milliseconds. */
const MAX_DELAY = 0x7fff_ffff;

/** Milliseconds on a clock that never jumps. */
export function now(): Instant {
  return performance.now();
}

/** How far the clock of `process.hrtime` is ahead of {@link now}, ns. */
const ORIGIN = originOfNow();

/** The least interrupted of several readings. */
function originOfNow(): number {
  let origin = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 5; tries++) {
    const ms = now();
    const [seconds, rest] = process.hrtime();
    origin = Math.min(origin, seconds * 1e9 + rest - Math.round(ms * 1e6));
  }
  return origin;
}

/**
 * Nanoseconds on the clock of `process.hrtime`, whose own array costs more than the reading. Exact for 104 days after the start
 * of the system, then to the nearest two.
 */
export function nanoseconds(): number {
  return ORIGIN + Math.round(now() * 1e6);
}

/** One timer for a whole endpoint: it sleeps until the earliest deadline. */
export class WakeUp {
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at: Instant | undefined;
  #referenced = true;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /**
   * Sleeps until `at` at the latest. Cheap when nothing changed. A later instant, or none, is noticed only when the
   * timer fires: an unnecessary wake-up now and then costs less than a timer for each handshake.
   */
  arm(at: Instant | undefined): void {
    if (at === undefined || (this.#at !== undefined && this.#at <= at)) return;
    this.stop();
    this.#at = at;
    this.#timer = setTimeout(this.#fire, Math.min(Math.max(Math.ceil(at - now()), 0), MAX_DELAY));
    if (!this.#referenced) this.#timer.unref();
  }

  /** Whether the timer keeps the process running. */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (referenced) this.#timer?.ref();
    else this.#timer?.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#at = undefined;
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#at = undefined;
    this.#wake();
  };
}
