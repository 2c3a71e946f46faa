import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { AeadKey, AeadName } from '#lib/crypto/provider.js';

const KEY_LENGTHS: readonly [AeadName, number][] = [
  ['aes-128-gcm', 16],
  ['aes-256-gcm', 32],
  ['chacha20-poly1305', 32],
  ['aes-128-ccm', 16],
  ['aes-256-ccm', 32],
  ['aes-128-ccm-8', 16],
  ['aes-256-ccm-8', 32],
];
const NONCE = new Uint8Array(12);
const AAD = Uint8Array.of(1, 2, 3);

// Some empty arrays have memory and some have none, which OpenSSL's CCM tells apart.
suite('AEADs of an empty text', () => {
  for (const [name, keyLength] of KEY_LENGTHS) {
    test(`${name} seals an empty text the same, whatever memory the array has`, () => {
      const aead = nodeProvider.aead(name, new Uint8Array(keyLength));
      const expected = seal(aead, new Uint8Array(4).subarray(2, 2));
      assert.deepEqual(aead.open(NONCE, AAD, expected), new Uint8Array(0));
      for (const text of [
        new Uint8Array(0),
        new Uint8Array(new ArrayBuffer(0)),
        new TextEncoder().encode(''),
        aead.open(NONCE, AAD, expected) ?? assert.fail('opened above'),
      ]) {
        assert.deepEqual(seal(aead, text), expected);
      }
    });

    test(`${name} refuses a forged tag of an empty text`, () => {
      const aead = nodeProvider.aead(name, new Uint8Array(keyLength));
      const sealed = seal(aead, new Uint8Array(0));
      for (let at = 0; at < sealed.length; at++) {
        const forged = sealed.map((byte, index) => (index === at ? byte ^ 1 : byte));
        assert.equal(aead.open(NONCE, AAD, forged), undefined);
      }
    });
  }
});

function seal(aead: AeadKey, text: Uint8Array): Uint8Array {
  const out = new Uint8Array(text.length + aead.tagLength);
  aead.seal(NONCE, AAD, text, out, 0);
  return out;
}
