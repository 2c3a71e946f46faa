import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { KeyType, PrivateKey, PublicKey } from '#lib/crypto/provider.js';
import { DEFAULT_SCHEMES, SIGNATURE_SCHEMES, schemeByCode, schemesFor } from '#lib/crypto/signatures.js';
import { Scheme, type SchemeName } from '#lib/wire/codes.js';

const PKCS1: SchemeName[] = ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'];
const RSAE: SchemeName[] = ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'];
const PSS: SchemeName[] = ['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'];
const ECDSA: SchemeName[] = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'];

const [P256, P384, P521] = ECDSA as [SchemeName, SchemeName, SchemeName];
const expected: readonly [KeyType, number, SchemeName[], SchemeName[]][] = [
  ['p256', 256, [P256, P384, P521], [P256]],
  ['p384', 384, [P384, P256, P521], [P384]],
  ['p521', 521, [P521, P256, P384], [P521]],
  ['ed25519', 255, ['ed25519'], ['ed25519']],
  ['ed448', 448, ['ed448'], ['ed448']],
  ['rsa', 2048, [...RSAE, ...PKCS1], RSAE],
  ['rsa-pss', 2048, PSS, PSS],
  ['rsa', 1034, [...RSAE, ...PKCS1], RSAE],
  ['rsa', 1033, [...RSAE.slice(0, 2), ...PKCS1], RSAE.slice(0, 2)],
  ['rsa', 768, [...RSAE.slice(0, 1), ...PKCS1], RSAE.slice(0, 1)],
];

suite('signature schemes', () => {
  for (const [keyType, bits, in12, in13] of expected) {
    test(`a ${keyType} key of ${bits} bits signs with ${in12.length} schemes in 1.2 and ${in13.length} in 1.3`, () => {
      assert.deepEqual(schemesFor({ type: keyType, bits, hashes: undefined }, 'DTLSv1.2'), in12);
      assert.deepEqual(schemesFor({ type: keyType, bits, hashes: undefined }, 'DTLSv1.3'), in13);
    });
  }

  test('every named scheme of the registry is found by its code and offered', () => {
    for (const [name, code] of Object.entries(Scheme)) assert.equal(schemeByCode(code)?.name, name);
    assert.deepEqual([...DEFAULT_SCHEMES].sort(), Object.keys(Scheme).sort());
    assert.equal(schemeByCode(0x0203), undefined);
  });
});

const PAIRS: Readonly<Record<KeyType, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  ed25519: generateKeyPairSync('ed25519'),
  ed448: generateKeyPairSync('ed448'),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'rsa-pss': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
};

suite('signatures', () => {
  const data = new TextEncoder().encode('signed');

  for (const { name, keyTypes12 } of SIGNATURE_SCHEMES) {
    for (const type of Object.keys(PAIRS) as KeyType[]) {
      if (!keyTypes12.includes(type)) {
        test(`${name} is neither made nor accepted with a ${type} key`, async () => {
          assert.throws(() => nodeProvider.sign(name, privateKey(type), data), TypeError);
          await assert.rejects(
            async () => nodeProvider.signInThread?.(name, privateKey(type), data),
            TypeError,
          );
          const [other] = schemesFor(publicKey(type), 'DTLSv1.2');
          assert.ok(other);
          const signature = nodeProvider.sign(other, privateKey(type), data);
          assert.equal(nodeProvider.verify(name, publicKey(type), data, signature), false);
        });
        continue;
      }
      test(`${name} with a ${type} key is made in a thread, too`, async () => {
        const signature = await nodeProvider.signInThread?.(name, privateKey(type), data);
        assert.ok(signature !== undefined && nodeProvider.verify(name, publicKey(type), data, signature));
      });
      test(`${name} with a ${type} key verifies its own signatures and no others`, () => {
        const signature = nodeProvider.sign(name, privateKey(type), data);
        const verify = (of: Uint8Array, by: Uint8Array, as = name) =>
          nodeProvider.verify(as, publicKey(type), of, by);
        assert.equal(verify(data, signature), true);
        assert.equal(verify(data.slice(1), signature), false);
        assert.equal(verify(data, signature.slice(1)), false);
        assert.equal(verify(data, new Uint8Array(0)), false);
        for (const other of SIGNATURE_SCHEMES) {
          if (other.name !== name) assert.equal(verify(data, signature, other.name), false, other.name);
        }
      });
    }
  }

  test('every flipped byte of an ECDSA signature is noticed', () => {
    const signature = nodeProvider.sign('ecdsa_secp256r1_sha256', privateKey('p256'), data);
    for (let i = 0; i < signature.length; i++) {
      const forged = signature.slice();
      forged[i] = (forged[i] ?? 0) ^ 0x80;
      assert.equal(nodeProvider.verify('ecdsa_secp256r1_sha256', publicKey('p256'), data, forged), false);
    }
  });
});

function privateKey(type: KeyType): PrivateKey {
  return nodeProvider.importPrivateKey(PAIRS[type].privateKey.export({ type: 'pkcs8', format: 'der' }));
}

function publicKey(type: KeyType): PublicKey {
  const key = nodeProvider.importPublicKey(PAIRS[type].publicKey.export({ type: 'spki', format: 'der' }));
  assert.ok(key);
  return key;
}
