import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MlKem768 } from '#lib/crypto/kem.js';
import { nativeMlKem768, nobleMlKem768 } from '#lib/crypto/node-mlkem.js';

const native = nativeMlKem768();
const absent = { skip: native === undefined && 'this Node has no ML-KEM of its own' };

const PAIRS: readonly [string, MlKem768 | undefined, MlKem768 | undefined, object][] = [
  ['@noble/post-quantum decapsulates its own', nobleMlKem768, nobleMlKem768, {}],
  ['node:crypto decapsulates its own', native, native, absent],
  ['node:crypto decapsulates what @noble/post-quantum made', native, nobleMlKem768, absent],
  ['@noble/post-quantum decapsulates what node:crypto made', nobleMlKem768, native, absent],
];

suite('ML-KEM-768', () => {
  for (const [name, receiver, sender, options] of PAIRS) {
    test(name, options, () => {
      assert.ok(receiver !== undefined && sender !== undefined);
      const key = receiver.generate();
      const made = sender.encapsulate(key.publicKey);
      assert.ok(made);
      assert.deepEqual(key.decapsulate(made.ciphertext), made.secret);
      assert.deepEqual([key.publicKey.length, made.ciphertext.length, made.secret.length], [1184, 1088, 32]);
    });
  }

  for (const [name, kem, options] of [
    ['@noble/post-quantum', nobleMlKem768, {}],
    ['node:crypto', native, absent],
  ] as const) {
    test(`${name} refuses a key with a coefficient out of range`, options, () => {
      assert.ok(kem);
      const invalid = kem.generate().publicKey.slice().fill(0xff, 0, 3);
      assert.equal(kem.encapsulate(invalid), undefined);
    });

    test(`${name} answers a forged ciphertext with another secret`, options, () => {
      assert.ok(kem);
      const key = kem.generate();
      const made = kem.encapsulate(key.publicKey);
      assert.ok(made);
      const forged = made.ciphertext.slice();
      forged[0] = (forged[0] ?? 0) ^ 1;
      assert.notDeepEqual(key.decapsulate(forged), made.secret);
    });
  }
});
