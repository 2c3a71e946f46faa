import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ChaChaMask } from '#lib/crypto/chacha-mask.js';

suite('the record number mask of ChaCha20', () => {
  test('the ChaCha20 mask is what the platform computes, for any key and sample', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(32), bytes(16), (key, sample) => {
        const expected = createCipheriv('chacha20', key, sample).update(new Uint8Array(4));
        assert.deepEqual(Buffer.from(new ChaChaMask(key).mask(sample)), expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('the ChaCha20 mask is what the platform computes for uniform bits of key and sample', () => {
    for (const [k, s] of [
      [0, 0],
      [0, 255],
      [255, 0],
      [255, 255],
    ] as const) {
      const [key, sample] = [new Uint8Array(32).fill(k), new Uint8Array(16).fill(s)];
      const expected = createCipheriv('chacha20', key, sample).update(new Uint8Array(4));
      assert.deepEqual(Buffer.from(new ChaChaMask(key).mask(sample)), expected);
    }
  });

  test('the ChaCha20 mask serves several keys without mixing them up', () => {
    const [one, two] = [
      new ChaChaMask(new Uint8Array(32).fill(1)),
      new ChaChaMask(new Uint8Array(32).fill(2)),
    ];
    const sample = new Uint8Array(16).fill(3);
    const first = one.mask(sample).slice();
    assert.notDeepEqual(two.mask(sample).slice(), first);
    assert.deepEqual(one.mask(sample).slice(), first);
  });
});
