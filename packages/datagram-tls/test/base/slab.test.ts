import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Block, Slab } from '#lib/base/slab.js';
import { Random } from '../support/random.js';

suite('a slab', () => {
  test('returns each block as it was kept, whatever else comes and goes', () => {
    const random = new Random(7);
    const slab = new Slab();
    const kept: { readonly block: Block; readonly bytes: Uint8Array }[] = [];
    for (let step = 0; step < 20_000; step++) {
      if (kept.length > 0 && random.chance(0.45)) {
        const [gone] = kept.splice(random.below(kept.length), 1);
        assert.ok(gone);
        assert.deepEqual(slab.read(gone.block), gone.bytes);
        slab.free(gone.block);
      } else {
        const bytes = random.bytes(random.below(random.chance(0.02) ? 9000 : 700));
        kept.push({ block: slab.keep(bytes), bytes });
      }
    }
    for (const { block, bytes } of kept) assert.deepEqual(slab.read(block), bytes);
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
