import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Backoff } from '#lib/handshake/backoff.js';

const LIMITS = { initial: 1000, max: 60_000 };

function after(timeouts: number, limits = LIMITS): Backoff {
  const backoff = new Backoff(limits);
  for (let i = 0; i < timeouts; i++) backoff.onTimeout();
  return backoff;
}

suite('the retransmission timer', () => {
  test('starts with its first value, doubles, and stops at its cap', () => {
    const lengths = Array.from({ length: 9 }, (_, i) => after(i).timeout / 1000);
    assert.deepEqual(lengths, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test('takes first value and cap from its limits, which may be equal', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => after(i, { initial: 50, max: 120 }).timeout),
      [50, 100, 120, 120],
    );
    assert.deepEqual(
      [0, 1].map((i) => after(i, { initial: 70, max: 70 }).timeout),
      [70, 70],
    );
  });

  test('keeps its length after a flight that needed a retransmission, until one gets through without', () => {
    const backoff = after(2);
    backoff.onAnswer();
    assert.equal(backoff.timeout, 4000);
    backoff.onAnswer();
    assert.equal(backoff.timeout, 1000);
  });
});
