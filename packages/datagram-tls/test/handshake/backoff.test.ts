import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Backoff } from '#lib/connection/flights.js';

const LIMITS = { initial: 1000, max: 60_000 };

function after(timeouts: number, limits = LIMITS): Backoff {
  const backoff = new Backoff(limits);
  for (let i = 0; i < timeouts; i++) backoff.onTimeout();
  return backoff;
}

suite('the retransmission timer', () => {
  test('the retransmission timer starts with its first value, doubles, and stops at its cap', () => {
    const lengths = Array.from({ length: 9 }, (_, i) => after(i).timeout / 1000);
    assert.deepEqual(lengths, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test('the retransmission timer takes first value and cap from its limits, which may be equal', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => after(i, { initial: 50, max: 120 }).timeout),
      [50, 100, 120, 120],
    );
    assert.deepEqual(
      [0, 1].map((i) => after(i, { initial: 70, max: 70 }).timeout),
      [70, 70],
    );
  });

  test('the retransmission timer keeps its length after a retransmission, until a flight gets through without one', () => {
    const backoff = after(2);
    backoff.onAnswer();
    assert.equal(backoff.timeout, 4000);
    backoff.onAnswer();
    assert.equal(backoff.timeout, 1000);
  });

  test('the retransmission timer is 1.5 times the round trip, between half of its first value and its cap', () => {
    const measured = (roundTrip: number) => {
      const backoff = after(0);
      backoff.onMeasured(roundTrip);
      assert.equal(backoff.timeout, 1000, 'not before the flight is done with');
      backoff.onAnswer();
      return backoff.timeout;
    };
    assert.deepEqual([0, 20, 400, 3000, 50_000].map(measured), [500, 500, 600, 4500, 60_000]);
  });

  test('the retransmission timer doubles from the measured value, and falls back to it', () => {
    const backoff = after(0);
    backoff.onMeasured(800);
    backoff.onAnswer();
    backoff.onTimeout();
    backoff.onTimeout();
    assert.equal(backoff.timeout, 4800);
    backoff.onAnswer();
    assert.equal(backoff.timeout, 4800);
    backoff.onAnswer();
    assert.equal(backoff.timeout, 1200);
  });

  test('the retransmission timer forgets its measurement and its growth after a long pause', () => {
    const backoff = after(1);
    backoff.onMeasured(800);
    backoff.onIdle(19_999);
    assert.equal(backoff.timeout, 2000);
    backoff.onIdle(20_000);
    assert.equal(backoff.timeout, 1000);
    backoff.onAnswer();
    backoff.onAnswer();
    assert.equal(backoff.timeout, 1000);
  });
});
