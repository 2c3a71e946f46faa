import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { trim } from '#lib/base/trim.js';

/** A map that counts how often its keys are looked through. */
class Counted extends Map<number, true> {
  looks = 0;

  override keys(): MapIterator<number> {
    this.looks++;
    return super.keys();
  }
}

suite('a map or a set that is trimmed', () => {
  test('always keeps the newest, and at most a sixteenth more', () => {
    const map = new Map<number, true>();
    const set = new Set<number>();
    for (let key = 1; key <= 1000; key++) {
      map.set(key, true);
      set.add(key);
      trim(map, 160);
      trim(set, 160);
      const kept = [...set];
      assert.deepEqual([...map.keys()], kept);
      assert.ok(kept.length >= Math.min(key, 160) && kept.length <= 170, `${kept.length}`);
      assert.deepEqual(
        kept,
        kept.map((_, i) => key - kept.length + 1 + i),
      );
    }
  });

  test('forgets one at a time where a sixteenth is less than one', () => {
    const map = new Map([1, 2, 3].map((key) => [key, true]));
    trim(map, 3);
    assert.deepEqual([...map.keys()], [1, 2, 3]);
    trim(map, 2);
    assert.deepEqual([...map.keys()], [2, 3]);
  });

  test('is looked through once for a sixteenth of its keys', () => {
    const map = new Counted();
    for (let key = 0; key < 16_000; key++) {
      map.set(key, true);
      trim(map, 1600);
    }
    assert.equal(map.looks, Math.floor((16_000 - 1600) / 101));
  });
});
