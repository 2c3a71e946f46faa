import assert from 'node:assert/strict';
import type { Block, Slab } from '#lib/base/slab.js';
import type { Random } from '../support/random.js';

/**
 * Keeps and frees blocks in a random order; each has to be read as it was kept. Returns those that are left. `make`
 * gives the bytes of the next block.
 */
export function churn(
  slab: Pick<Slab, 'keep' | 'read' | 'free'>,
  random: Random,
  make: () => Uint8Array,
): Block[] {
  const kept: { readonly block: Block; readonly bytes: Uint8Array }[] = [];
  for (let step = 0; step < 20_000; step++) {
    if (kept.length > 0 && random.chance(0.45)) {
      const [gone] = kept.splice(random.below(kept.length), 1);
      assert.ok(gone);
      assert.deepEqual(slab.read(gone.block), gone.bytes);
      slab.free(gone.block);
    } else {
      const bytes = make();
      kept.push({ block: slab.keep(bytes), bytes });
    }
  }
  for (const { block, bytes } of kept) assert.deepEqual(slab.read(block), bytes);
  return kept.map(({ block }) => block);
}
