import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SlotIndex, SlotOrder } from '#lib/endpoint/dormant-table.js';
import { Random } from '../support/random.js';

suite('slots in typed arrays', () => {
  test('are found by their hash, as they come and go', () => {
    const random = new Random(1);
    const index = new SlotIndex();
    const hashes = new Map<number, number>();
    for (let step = 0; step < 20_000; step++) {
      const slot = random.below(600);
      // Few hashes, so that many slots have the same.
      const hash = random.below(200) - 100;
      const known = hashes.get(slot);
      if (known === undefined) {
        index.add(slot, hash);
        hashes.set(slot, hash);
      } else {
        assert.equal(
          index.find(known, (each) => each === slot),
          slot,
        );
        assert.equal(
          index.find(known + 1000, () => true),
          -1,
        );
        index.delete(slot);
        hashes.delete(slot);
        assert.equal(
          index.find(known, (each) => each === slot),
          -1,
        );
      }
    }
    for (const [slot, hash] of hashes)
      assert.equal(
        index.find(hash, (each) => each === slot),
        slot,
      );
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
        const at = random.below(1000) / 8;
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
});
