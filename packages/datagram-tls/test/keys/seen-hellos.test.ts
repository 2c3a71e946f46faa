import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SeenHellos } from '#lib/keys/seen-hellos.js';

const LIFE = 10_000;

function digest(n: number): Uint8Array {
  return Uint8Array.of(n >>> 16, n >>> 8, n);
}

suite('ClientHellos with early data that a server remembers', () => {
  test('one is new once, until it may be forgotten', () => {
    const seen = new SeenHellos(10);
    assert.equal(seen.add(digest(1), LIFE, 0), 'fresh');
    assert.equal(seen.add(digest(1), LIFE, LIFE - 1), 'replayed');
    assert.equal(seen.add(digest(2), 2 * LIFE, LIFE), 'fresh');
    assert.equal(seen.size, 1);
  });

  test('one that may have been forgotten is not new, nor one for which there is no room', () => {
    const seen = new SeenHellos(1);
    seen.add(digest(1), LIFE, 0);
    assert.equal(seen.add(digest(2), LIFE, 1), 'full');
    assert.equal(seen.add(digest(2), 2 * LIFE, LIFE), 'fresh');
    assert.equal(seen.add(digest(1), LIFE, LIFE - 1), 'stale');
  });

  test('are looked through four times a second at most, however many may be forgotten', () => {
    const seen = new SeenHellos(100_000);
    let sweeps = 0;
    let before = 0;
    for (let time = 1; time <= 3 * LIFE; time++) {
      assert.equal(seen.add(digest(time), time + LIFE, time), 'fresh');
      if (seen.size <= before) sweeps++;
      before = seen.size;
      assert.ok(seen.size <= LIFE + 250, `${seen.size} at ${time}`);
    }
    assert.equal(sweeps, (2 * LIFE) / 250);
  });
});
