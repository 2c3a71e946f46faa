import type { TestContext } from 'node:test';
import { writerState } from '#lib/record/limits.js';
import { RecordWriter12 } from '#lib/record/protect12.js';

/** Records that a key may seal after {@link limitKeys}. */
export const SEALED = 20;

/** Makes the keys of DTLS 1.2 in this test spent after so many records. */
export function limitKeys(t: Pick<TestContext, 'mock'>, limit: () => number = () => SEALED): void {
  t.mock.getter(RecordWriter12.prototype, 'state', function state(this: RecordWriter12) {
    // As it is without this: the last of the numbers that a checkpoint left is for an alert.
    if (this.sequence >= this.reserved - 1) return 'held';
    return writerState(this.sequence, { sealed: limit(), forged: limit() });
  });
}
