import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MAX_SEQUENCE } from '#lib/base/sequence.js';
import { REPLAY_WINDOW, ReplayWindow } from '#lib/record/replay.js';

/** The same with all numbers kept. */
class NaiveWindow {
  readonly #seen = new Set<number>();
  #newest = -1;

  fresh(sequence: number): boolean {
    return sequence > this.#newest - REPLAY_WINDOW && !this.#seen.has(sequence);
  }

  accept(sequence: number): void {
    this.#seen.add(sequence);
    this.#newest = Math.max(this.#newest, sequence);
  }
}

suite('the replay window', () => {
  test('the replay window is at least 128 records wide', () => {
    assert.ok(REPLAY_WINDOW >= 128);
  });

  test('the replay window decides like one that remembers everything', () => {
    const step = fc.oneof(
      fc.integer({ min: -300, max: 300 }),
      fc.constantFrom(-REPLAY_WINDOW, 1 - REPLAY_WINDOW, -32, 31, 32, 33, 64, 128, 255, 256, 257, 10_000),
      fc.integer({ min: 0, max: 2 ** 40 }),
    );
    const run = fc.record({
      start: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 46 })),
      steps: fc.array(step, { maxLength: 200 }),
    });
    fc.assert(
      fc.property(run, ({ start, steps }) => {
        const window = new ReplayWindow();
        const naive = new NaiveWindow();
        let position = start;
        for (const step of steps) {
          position = Math.min(Math.max(position + step, 0), MAX_SEQUENCE);
          const fresh = naive.fresh(position);
          assert.equal(window.fresh(position), fresh, `record ${position}`);
          if (!fresh) continue;
          naive.accept(position);
          window.accept(position);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('the replay window knows every number after a full lap', () => {
    const window = new ReplayWindow();
    for (let sequence = 0; sequence < 1000; sequence += 2) window.accept(sequence);
    for (let sequence = 999 - REPLAY_WINDOW + 1; sequence < 998; sequence++) {
      assert.equal(window.fresh(sequence), sequence % 2 === 1, `record ${sequence}`);
    }
  });

  test('asking the replay window moves nothing', () => {
    const window = new ReplayWindow();
    window.accept(5);
    assert.equal(window.fresh(MAX_SEQUENCE), true);
    assert.equal(window.newest, 5);
    assert.equal(window.fresh(4), true);
  });
});
