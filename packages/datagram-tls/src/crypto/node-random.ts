import { randomFillSync } from 'node:crypto';

const POOL_LENGTH = 4096;
/** Longer requests are rare and gain nothing from the pool. */
const LARGEST_FROM_POOL = 256;

const pool = new Uint8Array(POOL_LENGTH);
let used = POOL_LENGTH;

/** One call of the system's generator costs as much for 4096 bytes as for 32, so small requests share it. */
export function randomBytes(length: number): Uint8Array {
  if (length > LARGEST_FROM_POOL) return randomFillSync(new Uint8Array(length));
  if (used + length > POOL_LENGTH) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + length);
  // What was given away may become a secret: the pool keeps no second copy.
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}
