import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SlotIndex, SlotOrder } from '#lib/endpoint/dormant-table.js';
import { Random } from '../support/random.js';

suite('slots in typed arrays', () => {
  for (const [title, hashes] of [
    ['spread evenly', (random: Random) => random.below(2 ** 32) | 0],
    ['few', (random: Random) => random.below(40) - 20],
    ['at the end of all', (random: Random) => -1 - random.below(20)],
  ] as const)
    test(`are found by their hashes, which are ${title}, as they come and go`, () => {
      const random = new Random(1);
      const index = new SlotIndex();
      /** A slot has several hashes. */
      const pairs: { readonly slot: number; readonly hash: number }[] = [];
      const found = (hash: number): number[] => {
        const slots: number[] = [];
        index.find(hash, (slot) => {
          slots.push(slot);
          return false;
        });
        return slots.sort((a, b) => a - b);
      };
      const expected = (hash: number): number[] =>
        pairs.flatMap((each) => (each.hash === hash ? [each.slot] : [])).sort((a, b) => a - b);
      for (let step = 0; step < 6000; step++) {
        const isGrowing = Math.floor(step / 1500) % 2 === 0;
        if (pairs.length === 0 || random.below(10) < (isGrowing ? 8 : 3)) {
          const pair = { slot: random.below(600), hash: hashes(random) };
          if (pairs.some(({ slot, hash }) => slot === pair.slot && hash === pair.hash)) continue;
          index.add(pair.slot, pair.hash);
          pairs.push(pair);
          assert.equal(
            index.find(pair.hash, (slot) => slot === pair.slot),
            pair.slot,
          );
        } else {
          const [gone] = pairs.splice(random.below(pairs.length), 1);
          if (gone === undefined) continue;
          index.delete(gone.slot, gone.hash);
          assert.deepEqual(found(gone.hash), expected(gone.hash));
        }
        const other = hashes(random);
        assert.deepEqual(found(other), expected(other));
      }
      for (const { hash } of pairs) assert.deepEqual(found(hash), expected(hash));
    });

  test('are in the order of their instants, as they come and go', () => {
    const random = new Random(2);
    const order = new SlotOrder();
    const instants = new Map<number, number>();
    for (let step = 0; step < 10_000; step++) {
      const slot = random.below(200);
      if (instants.has(slot)) {
        order.delete(slot);
        instants.delete(slot);
      } else {
        const at = (random.below(1000) - 500) * (random.below(2) === 0 ? 1 : 2 ** 31 + 1);
        order.add(slot, at);
        instants.set(slot, at);
      }
      assert.equal(order.has(slot), instants.has(slot));
      const first = instants.size === 0 ? undefined : Math.min(...instants.values());
      assert.equal(order.firstAt, first);
      assert.equal(order.first < 0 ? undefined : instants.get(order.first), first);
    }
    order.delete(1000);
    const left: number[] = [];
    while (order.first >= 0) {
      left.push(order.firstAt ?? assert.fail());
      order.delete(order.first);
    }
    assert.deepEqual(
      left,
      [...instants.values()].sort((a, b) => a - b),
    );
  });

  test('are in that order at instants that no clock shows', () => {
    const order = new SlotOrder();
    const instants = [Number.POSITIVE_INFINITY, 2 ** 53, 5, -1, Number.NEGATIVE_INFINITY];
    for (const [slot, at] of instants.entries()) order.add(slot, at);
    const first: number[] = [];
    for (let left = 3; left > 0; left--) {
      first.push(order.first);
      order.delete(order.first);
    }
    assert.deepEqual(first, [4, 3, 2]);
    assert.ok((order.firstAt ?? 0) > 2 ** 46);
  });
});
