import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TemplateSlab } from '#lib/base/template-slab.js';
import { Random } from '../support/random.js';
import { churn } from './churn.js';

const OWN = 128;

/** Like the states of an endpoint's sessions: much in common, and bytes of its own in two places. */
function alike(random: Random, length = 400): Uint8Array {
  const bytes = new Uint8Array(length).map((_, place) => place & 0xff);
  bytes.set(random.bytes(OWN / 2), 20);
  bytes.set(random.bytes(OWN / 2), 200);
  return bytes;
}

suite('a slab with templates', () => {
  test('returns each block as it was kept, whatever else comes and goes', () => {
    const random = new Random(11);
    const slab = new TemplateSlab();
    const left = churn(slab, random, () => {
      const bytes = random.chance(0.1)
        ? random.bytes(random.below(random.chance(0.1) ? 9000 : 500))
        : alike(random, 390 + random.below(100));
      if (random.chance(0.2)) bytes.fill(random.below(256), random.below(bytes.length));
      return bytes;
    });
    for (const block of left) slab.free(block);
    assert.equal(slab.size, 0);
  });

  test('keeps once what blocks of one length have in common', () => {
    const random = new Random(12);
    const slab = new TemplateSlab();
    for (let i = 0; i < 10_000; i++) slab.keep(alike(random));
    assert.ok(slab.size < 10_000 * (OWN + 50), `${slab.size} bytes`);
  });

  for (const [what, change] of [
    ['less', (bytes: Uint8Array, random: Random) => bytes.set(random.bytes(90), 100)],
    ['more', (bytes: Uint8Array) => bytes.set(alike(new Random(5)))],
  ] as const)
    test(`finds what all have in common where the first two have ${what}`, () => {
      const random = new Random(16);
      const slab = new TemplateSlab();
      const kept = Array.from({ length: 10_000 }, (_, i) => {
        const bytes = alike(random);
        if (i < 2) change(bytes, random);
        return { bytes, block: slab.keep(bytes) };
      });
      assert.ok(slab.size < 10_000 * (OWN + 50), `${slab.size} bytes`);
      for (const { bytes, block } of kept.slice(0, 40)) assert.deepEqual(slab.read(block), bytes);
      for (const { block } of kept) slab.free(block);
      assert.equal(slab.size, 0);
    });

  test('takes no more for blocks that have nothing in common', () => {
    const random = new Random(13);
    const slab = new TemplateSlab();
    for (let i = 0; i < 10_000; i++) slab.keep(random.bytes(300));
    assert.ok(slab.size < 10_000 * 330, `${slab.size} bytes`);
  });

  test('keeps a copy, and returns copies', () => {
    const random = new Random(14);
    const slab = new TemplateSlab();
    for (let i = 0; i < 3; i++) {
      const bytes = alike(random);
      const before = bytes.slice();
      const block = slab.keep(bytes);
      bytes.fill(2);
      slab.read(block).fill(3);
      assert.deepEqual(slab.read(block), before);
    }
  });

  test('makes no template with a block that was freed', () => {
    const random = new Random(15);
    const slab = new TemplateSlab();
    const [first, second] = [alike(random), alike(random)];
    slab.free(slab.keep(first));
    const block = slab.keep(second);
    assert.ok(slab.size > second.length, `${slab.size} bytes: it is kept as a difference to the first`);
    assert.deepEqual(slab.read(block), second);
  });
});
