import type { Duration } from '../base/instant.js';
import type { EarlyRefusal } from '../handshake/early-refusal.js';

/** RFC 9147 §5.1: so many times the bytes of a peer that has proved nothing of its address. */
const AMPLIFICATION = 3;
/** How long it may take to tell whether early data is taken, ms. */
export const ASKED_LIFE: Duration = 10_000;
/** And how long the client may then take to show that it hears us, ms, if its handshake may take that long. */
const ANSWERED_LIFE: Duration = 60_000;

/** `timeout`: of handshakes, 0 for none. */
export function answeredLife(timeout: Duration): Duration {
  return timeout === 0 ? ANSWERED_LIFE : Math.min(timeout, ANSWERED_LIFE);
}

/**
 * A server whose peer brings early data and no cookie. Until the peer shows that it hears us it gets no more than three
 * times what it sent, and nothing by a timer of ours.
 */
export class Probation {
  /** Whether there is to be an association at all is not known yet; there is; there is not. */
  standing: 'asked' | 'answered' | 'declined' = 'asked';
  /** Why not. */
  reason: EarlyRefusal | undefined;
  /** Bytes of early data that may come before it is known. */
  readonly mayWait: number;
  #sent = 0;

  constructor(mayWait: number) {
    this.mayWait = mayWait;
  }

  decline(reason: EarlyRefusal): void {
    this.standing = 'declined';
    this.reason = reason;
  }

  /** Whether `bytes` more may go out to a peer that sent `received`; if so they count. */
  grants(bytes: number, received: number): boolean {
    if (this.standing !== 'answered' || this.#sent + bytes > AMPLIFICATION * received) return false;
    this.#sent += bytes;
    return true;
  }
}
