import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { completeSequence, MAX_SEQUENCE, writeEpochAndSequence, writeSequence } from '#lib/base/sequence.js';

suite('sequence numbers', () => {
  for (const span of [0x100, 0x10000]) {
    test(`low bits of ${span} values name every number within half of that around the next`, () => {
      const anyPlace = fc.record({
        expected: fc.integer({ min: 0, max: MAX_SEQUENCE }),
        off: fc.integer({ min: -span / 2 + 1, max: span / 2 - 1 }),
      });
      fc.assert(
        fc.property(anyPlace, ({ expected, off }) => {
          const sequence = expected + off;
          fc.pre(sequence >= 0 && sequence <= MAX_SEQUENCE);
          assert.equal(completeSequence(expected, sequence % span, span), sequence);
        }),
      );
    });

    test(`low bits of ${span} values never name a number outside of 48 bits`, () => {
      for (const expected of [0, 1, span - 1, MAX_SEQUENCE - span, MAX_SEQUENCE, MAX_SEQUENCE + 1]) {
        for (let low = 0; low < span; low += span / 0x100) {
          const sequence = completeSequence(expected, low, span);
          assert.ok(sequence >= 0 && sequence <= MAX_SEQUENCE, `${expected} ${low}`);
        }
      }
    });
  }

  test('48 bits are written as BigInt would write them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: MAX_SEQUENCE }),
        fc.integer({ min: 0, max: 0xffff }),
        (sequence, epoch) => {
          const out = new Uint8Array(15);
          writeEpochAndSequence(out, 0, epoch, sequence);
          writeSequence(out, 9, sequence);
          const expected = (BigInt(epoch) << 48n) | BigInt(sequence);
          assert.equal(new DataView(out.buffer).getBigUint64(0), expected);
          assert.deepEqual(out.slice(9), out.slice(2, 8));
          assert.equal(out[8], 0);
        },
      ),
    );
  });
});
