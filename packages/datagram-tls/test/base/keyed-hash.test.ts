import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HASH_KEY_LENGTH, KeyedHash } from '#lib/base/keyed-hash.js';
import { Random } from '../support/random.js';

const BITS = 10;
const zeros = new KeyedHash(new Uint8Array(HASH_KEY_LENGTH));

function keyed(seed: number): KeyedHash {
  const random = new Random(seed);
  return new KeyedHash(Uint8Array.from({ length: HASH_KEY_LENGTH }, () => random.below(256)));
}

/** The most of `texts` that share the lowest bits of their hash. */
function longestChain(hash: KeyedHash, texts: readonly string[], port: (i: number) => number): number {
  const chains = new Map<number, number>();
  for (const [i, text] of texts.entries()) {
    const bucket = hash.of(text, port(i)) & (2 ** BITS - 1);
    chains.set(bucket, (chains.get(bucket) ?? 0) + 1);
  }
  return Math.max(...chains.values());
}

suite('a hash with a key', () => {
  test('is the same for the same text and number, and another with another key', () => {
    assert.equal(keyed(1).of('10.0.0.1', 5684), keyed(1).of('10.0.0.1', 5684));
    assert.notEqual(keyed(1).of('10.0.0.1', 5684), keyed(2).of('10.0.0.1', 5684));
    for (let bit = 0; bit < 8 * HASH_KEY_LENGTH; bit++) {
      const key = new Uint8Array(HASH_KEY_LENGTH);
      key[bit >> 3] = 1 << (bit & 7);
      assert.notEqual(new KeyedHash(key).of('10.0.0.1', 5684), zeros.of('10.0.0.1', 5684), `bit ${bit}`);
    }
  });

  test('tells texts and numbers apart', () => {
    const inputs = [
      ['', 0],
      ['', 1],
      ['\0', 0],
      ['\0\0', 0],
      ['a', 1],
      ['a\u0001', 0],
      ['ab', 0],
      ['ba', 0],
    ] as const;
    assert.equal(new Set(inputs.map(([text, number]) => zeros.of(text, number))).size, inputs.length);
  });

  test('spreads neighbouring addresses and ports as by chance', () => {
    const addresses = Array.from({ length: 16 * 2 ** BITS }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    assert.ok(longestChain(keyed(3), addresses, () => 5684) < 48);
    assert.ok(longestChain(keyed(3), addresses.fill('10.0.0.1'), (i) => i) < 48);
  });

  test('gives other collisions under another key', () => {
    // All of these meet under the first key.
    const met: string[] = [];
    const [first, second] = [keyed(4), keyed(5)];
    for (let i = 0; met.length < 64; i++) {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      if ((first.of(address, 1) & (2 ** BITS - 1)) === 0) met.push(address);
    }
    assert.equal(
      longestChain(first, met, () => 1),
      64,
    );
    assert.ok(longestChain(second, met, () => 1) < 8);
  });
});
