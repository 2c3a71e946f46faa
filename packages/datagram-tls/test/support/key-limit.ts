import type { TestContext } from 'node:test';
import { writerState } from '#lib/record/limits.js';
import { RecordWriter12 } from '#lib/record/protect12.js';

/** Records that a key may seal after {@link limitKeys}. */
export const SEALED = 20;

/** Makes the keys of DTLS 1.2 in this test spent after {@link SEALED} records. */
export function limitKeys(t: TestContext): void {
  t.mock.getter(RecordWriter12.prototype, 'state', function state(this: RecordWriter12) {
    return writerState(this.sequence, { sealed: SEALED, forged: SEALED });
  });
}
