import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { CryptoProvider, HashName } from '#lib/crypto/provider.js';

const HASHES: readonly HashName[] = ['sha256', 'sha384', 'sha512'];
/** Around the block of each hash, and around what a provider may gather of one text. */
const LENGTHS = [
  0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 1983, 1984, 1985, 2047, 2048, 4095, 4096, 4097,
];

/** The hashes and MACs of `provider` are those of the platform's own objects, whatever the lengths and the pieces. */
export function testDigests(provider: CryptoProvider): void {
  for (const name of HASHES) {
    test(`HMAC with ${name}`, () => {
      for (const keyLength of LENGTHS) {
        const key = bytes(keyLength);
        const mac = provider.mac(name, key);
        for (const length of LENGTHS) {
          const text = bytes(length, keyLength);
          const expected = new Uint8Array(createHmac(name, key).update(text).digest());
          const at = length >> 1;
          assert.deepEqual(mac.sign(text), expected, `a key of ${keyLength} bytes and a text of ${length}`);
          assert.deepEqual(mac.sign(text.subarray(0, at), text.subarray(at)), expected);
        }
      }
    });

    test(`${name} of what comes in pieces, whenever it is asked`, () => {
      for (const piece of [1, 37, 700, 1024, 4096, 5000]) {
        const expected = createHash(name);
        const hash = provider.hash(name);
        for (let length = 0; length < 9000; length += piece) {
          const text = bytes(piece, length);
          hash.update(text);
          expected.update(text);
          if (length % 7 === 0)
            assert.deepEqual(hash.digest(), digestOf(expected), `${length} bytes by ${piece}`);
        }
        assert.deepEqual(hash.digest(), digestOf(expected));
      }
    });

    test(`a copy of ${name} goes its own way`, () => {
      for (const length of [0, 10, 4096, 4097]) {
        const hash = provider.hash(name);
        hash.update(bytes(length));
        const copy = hash.copy();
        copy.update(bytes(5000, 1));
        hash.update(bytes(3, 2));
        const expected = createHash(name).update(bytes(length));
        assert.deepEqual(copy.digest(), digestOf(expected.copy().update(bytes(5000, 1))));
        assert.deepEqual(hash.digest(), digestOf(expected.copy().update(bytes(3, 2))));
      }
    });
  }

  test('a key that its owner overwrites is still the key', () => {
    for (const key of [bytes(32), Buffer.from(bytes(32))]) {
      const mac = provider.mac('sha256', key);
      const expected = mac.sign(bytes(5));
      key.fill(0);
      assert.deepEqual(mac.sign(bytes(5)), expected);
    }
  });
}

function digestOf(hash: ReturnType<typeof createHash>): Uint8Array {
  return new Uint8Array(hash.copy().digest());
}

/** Some that differ by place and by `salt`. */
function bytes(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + salt * 7) & 0xff);
}
