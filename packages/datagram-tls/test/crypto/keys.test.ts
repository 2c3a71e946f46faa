import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { KeyType } from '#lib/crypto/provider.js';

const KEYS: readonly [KeyType, number, { publicKey: KeyObject; privateKey: KeyObject }][] = [
  ['p256', 256, generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  ['p384', 384, generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  ['p521', 521, generateKeyPairSync('ec', { namedCurve: 'secp521r1' })],
  ['ed25519', 255, generateKeyPairSync('ed25519')],
  ['rsa', 1024, generateKeyPairSync('rsa', { modulusLength: 1024 })],
  ['rsa', 2048, generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['rsa', 2048, generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })],
  ['rsa-pss', 2048, generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
];
const [, , p256] = KEYS[0] as (typeof KEYS)[0];
const [, , rsa] = KEYS[5] as (typeof KEYS)[0];

suite('keys', () => {
  for (const [type, bits, { publicKey, privateKey }] of KEYS) {
    const spki = publicKey.export({ type: 'spki', format: 'der' });

    test(`a private ${type} key of ${bits} bits is read from PEM and DER`, () => {
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      const der = privateKey.export({ type: 'pkcs8', format: 'der' });
      for (const data of [pem, new TextEncoder().encode(pem), `explanatory text\n${pem}`, der]) {
        const key = nodeProvider.importPrivateKey(data);
        assert.deepEqual([key.type, key.bits], [type, bits]);
        assert.deepEqual(key.spki, new Uint8Array(spki));
      }
    });

    test(`a public ${type} key of ${bits} bits is the one that OpenSSL reads`, () => {
      const key = nodeProvider.importPublicKey(new Uint8Array(spki));
      assert.ok(key);
      assert.deepEqual([key.type, key.bits], [type, bits]);
      assert.ok((key.handle as KeyObject).equals(publicKey));
    });

    test(`a public ${type} key of ${bits} bits is refused when it is cut or extended`, () => {
      for (const length of [0, 1, spki.length - 1]) {
        assert.equal(nodeProvider.importPublicKey(spki.subarray(0, length)), undefined);
      }
    });
  }

  test('a point off its curve is refused as a public key', () => {
    const spki = new Uint8Array(p256.publicKey.export({ type: 'spki', format: 'der' }));
    spki[spki.length - 1] = (spki[spki.length - 1] ?? 0) ^ 1;
    assert.equal(nodeProvider.importPublicKey(spki), undefined);
  });

  test('a compressed point is read', () => {
    const uncompressed = p256.publicKey.export({ type: 'spki', format: 'der' });
    const compressed = new Uint8Array(uncompressed.subarray(0, 27 + 32));
    compressed[1] = 0x39;
    compressed[24] = 0x22;
    compressed[26] = 2 + ((uncompressed.at(-1) ?? 0) & 1);
    const key = nodeProvider.importPublicKey(compressed);
    assert.ok(key);
    assert.ok((key.handle as KeyObject).equals(p256.publicKey));
  });

  for (const [name, pair, types] of [
    ['P-256', p256, ['sec1', 'pkcs8']],
    ['RSA', rsa, ['pkcs1', 'pkcs8']],
  ] as const) {
    for (const type of types) {
      test(`a private ${name} key is read from ${type}`, () => {
        for (const format of ['pem', 'der'] as const) {
          const data = pair.privateKey.export({ type: type, format: format as 'pem' });
          const key = nodeProvider.importPrivateKey(data);
          assert.ok((key.handle as KeyObject).equals(pair.privateKey));
        }
      });
    }
  }

  for (const format of ['pem', 'der'] as const) {
    const encrypted = p256.privateKey.export({
      type: 'pkcs8',
      format,
      cipher: 'aes-256-cbc',
      passphrase: 'right',
    } as { type: 'pkcs8'; format: 'pem' });

    test(`an encrypted key in ${format} opens with its passphrase, as text or bytes`, () => {
      for (const passphrase of ['right', new TextEncoder().encode('right')]) {
        const key = nodeProvider.importPrivateKey(encrypted, passphrase);
        assert.ok((key.handle as KeyObject).equals(p256.privateKey));
      }
    });

    test(`an encrypted key in ${format} without its passphrase fails with the code of node:tls for that`, () => {
      for (const data of format === 'pem' ? [encrypted, legacy()] : [encrypted]) {
        assert.throws(() => nodeProvider.importPrivateKey(data), {
          code: 'ERR_OSSL_BAD_DECRYPT',
          message: /Give options\.passphrase/,
        });
      }
      // One wrong key in 256 leaves something that looks padded: OpenSSL then says that it is no key.
      const code = /^ERR_OSSL_(BAD_DECRYPT|UNSUPPORTED|ASN1_\w+)$/;
      assert.throws(() => nodeProvider.importPrivateKey(encrypted, 'wrong'), { code });
    });
  }

  test('data that is not a key fails with an OpenSSL code', () => {
    for (const data of ['', 'no key', new Uint8Array(0), Uint8Array.of(0x30, 3, 1, 2, 3)]) {
      assert.throws(() => nodeProvider.importPrivateKey(data), { code: /^ERR_OSSL_/ });
    }
  });

  test('a valid key of an unsupported algorithm is refused by name', () => {
    for (const { publicKey, privateKey } of [
      generateKeyPairSync('x448'),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    ]) {
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      assert.throws(() => nodeProvider.importPrivateKey(pem), { code: 'ERR_DTLS_UNSUPPORTED_KEY' });
      assert.equal(
        nodeProvider.importPublicKey(publicKey.export({ type: 'spki', format: 'der' })),
        undefined,
      );
    }
  });

  test('a key of another type does not match a public key, and the next key can still be read', () => {
    const pem = p256.privateKey.export({ type: 'pkcs8', format: 'pem' });
    for (const [, , { publicKey }] of KEYS) {
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      // The first one throws what the comparison before left behind, if it left anything.
      const key = nodeProvider.importPrivateKey(pem);
      assert.equal(nodeProvider.isKeyOf(spki, key), publicKey === p256.publicKey);
    }
    nodeProvider.importPrivateKey(pem);
  });
});

/** PEM encrypted as OpenSSL did it before PKCS#8. */
function legacy(): string {
  return p256.privateKey.export({
    type: 'sec1',
    format: 'pem',
    cipher: 'aes-128-cbc',
    passphrase: 'right',
  }) as string;
}
