/** A point on the caller's monotonic clock, in milliseconds. The core compares instants and never reads a clock. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

/** The earlier of two instants, either of which may be absent. */
export function earliest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return a < b ? a : b;
}
