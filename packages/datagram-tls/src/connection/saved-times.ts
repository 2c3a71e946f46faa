import type { Instant } from '../base/instant.js';
import type { Reader, Writer } from '../wire/cursor.js';

/** Half of the numbers of 48 bits; ms before and after the instant of the writing. */
const MIDDLE = 2 ** 47;
const NEVER_BEFORE = 0;
const NEVER = 2 * MIDDLE - 1;

/**
 * Instants are those of one process. Written they count from the writing, at `at`; the reader says which instant of its own
 * clock that was. Whole ms.
 */
export function writeInstant(w: Writer, instant: Instant, at: Instant): void {
  const offset = MIDDLE + Math.round(instant - at);
  w.u48(Math.min(Math.max(offset, NEVER_BEFORE), NEVER));
}

export function readInstant(r: Reader, at: Instant): Instant {
  const offset = r.u48();
  if (offset === NEVER_BEFORE) return Number.NEGATIVE_INFINITY;
  return offset === NEVER ? Number.POSITIVE_INFINITY : at + (offset - MIDDLE);
}
