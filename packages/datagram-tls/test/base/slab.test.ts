import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Slab } from '#lib/base/slab.js';
import { Random } from '../support/random.js';
import { churn } from './churn.js';

suite('a slab', () => {
  test('returns each block as it was kept, whatever else comes and goes', () => {
    const random = new Random(7);
    const slab = new Slab();
    churn(slab, random, () => random.bytes(random.below(random.chance(0.02) ? 9000 : 700)));
  });

  test('keeps a copy, and returns copies', () => {
    const slab = new Slab();
    for (const length of [10, 10_000]) {
      const bytes = new Uint8Array(length).fill(1);
      const block = slab.keep(bytes);
      bytes.fill(2);
      slab.read(block).fill(3);
      assert.deepEqual(slab.read(block), new Uint8Array(length).fill(1));
    }
  });

  test('takes little more than the blocks of one size', () => {
    const slab = new Slab();
    for (let i = 0; i < 10_000; i++) slab.keep(new Uint8Array(300));
    assert.ok(slab.size < 10_000 * 330, `${slab.size} bytes`);
  });

  test('is small while it keeps little', () => {
    const slab = new Slab();
    slab.keep(new Uint8Array(300));
    assert.ok(slab.size < 700, `${slab.size} bytes`);
  });

  test('takes the place of freed blocks again, and gives empty pages back', () => {
    const slab = new Slab();
    const blocks = Array.from({ length: 1000 }, () => slab.keep(new Uint8Array(100)));
    const full = slab.size;
    for (const block of blocks.slice(0, 500)) slab.free(block);
    for (let i = 0; i < 500; i++) blocks.push(slab.keep(new Uint8Array(100)));
    assert.equal(slab.size, full);
    for (const block of blocks.slice(500)) slab.free(block);
    assert.equal(slab.size, 0);
    assert.deepEqual(slab.read(slab.keep(new Uint8Array(100).fill(9))), new Uint8Array(100).fill(9));
  });
});
