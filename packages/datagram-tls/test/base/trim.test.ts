import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { trim } from '#lib/base/trim.js';

/** Keys that are walked over to find the oldest, counted where V8 would walk over places of removed ones, too. */
class Counted extends Map<number, true> {
  looks = 0;

  override keys(): MapIterator<number> {
    this.looks++;
    return super.keys();
  }
}

suite('a map that is trimmed', () => {
  test('keeps what fits, and of more the newest fifteen sixteenths', () => {
    const map = new Map([1, 2, 3].map((key) => [key, true]));
    trim(map, 3);
    assert.deepEqual([...map.keys()], [1, 2, 3]);
    trim(map, 2);
    assert.deepEqual([...map.keys()], [2, 3]);
    const set = new Set(Array.from({ length: 161 }, (_, key) => key));
    trim(set, 160);
    assert.deepEqual(
      [...set],
      [...Array(150).keys()].map((key) => key + 11),
    );
  });

  test('is looked through once for a sixteenth of its keys', () => {
    const map = new Counted();
    for (let key = 0; key < 16_000; key++) {
      map.set(key, true);
      trim(map, 1600);
    }
    assert.equal(map.looks, Math.ceil((16_000 - 1600) / 101));
  });
});
