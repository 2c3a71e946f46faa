import assert from 'node:assert/strict';
import { generateKeyPairSync, sign as nodeSign, randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeProvider } from '#lib/crypto/node-native-layer.js';
import { hasNativeScheme, NATIVE_SCHEMES } from '#lib/crypto/node-native-signatures.js';
import type { KeyType, PublicKey } from '#lib/crypto/provider.js';
import { SIGNATURE_SCHEMES, scheme } from '#lib/crypto/signatures.js';

const skip = nativeFailure() ?? false;
const native = nativeProvider(nodeProvider);
const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

const GENERATE = {
  p256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: () => generateKeyPairSync('ed25519'),
};
const TYPES = ['p256', 'p384', 'p521', 'ed25519'] as const;

function pairOf(type: keyof typeof GENERATE) {
  const { privateKey, publicKey } = GENERATE[type]();
  return { privateKey, spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
}

function importBoth(spki: Uint8Array): readonly [PublicKey, PublicKey] {
  const [ours, nodes] = [native.importPublicKey(spki), nodeProvider.importPublicKey(spki)];
  assert.ok(ours !== undefined && nodes !== undefined);
  return [ours, nodes];
}

function flip(from: Uint8Array, bit: number): Uint8Array {
  const copy = from.slice();
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

const namesOf = (type: KeyType) =>
  SIGNATURE_SCHEMES.filter(({ keyTypes12 }) => keyTypes12.includes(type)).map(({ name }) => name);

suite('native verification of signatures', { skip }, () => {
  test('every scheme of curves but Ed448 passes its test', () => {
    assert.deepEqual(NATIVE_SCHEMES, [
      'ecdsa_secp256r1_sha256',
      'ed25519',
      'ecdsa_secp384r1_sha384',
      'ecdsa_secp521r1_sha512',
    ]);
    for (const name of NATIVE_SCHEMES) assert.ok(hasNativeScheme(name), name);
    for (const name of ['ed448', 'rsa_pss_rsae_sha256', 'rsa_pkcs1_sha256'] as const)
      assert.equal(hasNativeScheme(name), false);
  });

  for (const type of TYPES) {
    test(`${type}: a key has the properties of that of node:crypto, which can use it`, () => {
      const { spki } = pairOf(type);
      const [ours, nodes] = importBoth(spki);
      assert.equal(ours.constructor.name, 'NativePublicKey');
      const { type: ourType, bits, hashes } = ours;
      assert.deepEqual([ourType, bits, hashes], [nodes.type, nodes.bits, nodes.hashes]);
      assert.deepEqual(ours.spki, spki);
      for (const provider of [native, nodeProvider]) {
        assert.equal(provider.isKeyOf(spki, ours), true);
        assert.equal(provider.isKeyOf(pairOf(type).spki, ours), false);
      }
      assert.equal(native.isKeyOf(spki, nodes), true);
    });

    test(`${type}: verifies as node:crypto under every scheme, for texts of many lengths`, () => {
      const { privateKey, spki } = pairOf(type);
      const [ours, nodes] = importBoth(spki);
      for (const length of [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 16_384, 70_000]) {
        const text = bytes(length);
        for (const name of namesOf(type)) {
          const signature = new Uint8Array(nodeSign(scheme(name).hash ?? null, text, privateKey));
          assert.equal(native.verify(name, ours, text, signature), true, `${name}, ${length} bytes`);
          assert.equal(native.verify(name, nodes, text, signature), true);
          assert.equal(nodeProvider.verify(name, ours, text, signature), true);
          if (length > 0) assert.equal(native.verify(name, ours, flip(text, length), signature), false);
        }
        for (const { name } of SIGNATURE_SCHEMES)
          if (!namesOf(type).includes(name))
            assert.equal(native.verify(name, ours, text, bytes(64)), false, `${name} is for other keys`);
      }
    });

    test(`${type}: gives the verdict of node:crypto on every changed, cut and lengthened signature`, () => {
      const { privateKey, spki } = pairOf(type);
      const [ours, nodes] = importBoth(spki);
      const [name] = namesOf(type);
      assert.ok(name);
      const text = bytes(100);
      const good = new Uint8Array(nodeSign(scheme(name).hash ?? null, text, privateKey));
      const judge = (signature: Uint8Array, what: string) => {
        const expected = nodeProvider.verify(name, nodes, text, signature);
        assert.equal(native.verify(name, ours, text, signature), expected, what);
        return expected;
      };
      const step = type === 'p256' || type === 'ed25519' ? 1 : 7;
      for (let bit = 0; bit < good.length * 8; bit += step) judge(flip(good, bit), `bit ${bit}`);
      for (let length = 0; length < good.length; length++)
        assert.equal(judge(good.subarray(0, length), `${length} bytes`), false);
      for (const more of [1, 2, 100]) judge(Uint8Array.of(...good, ...new Uint8Array(more)), `${more} more`);
      for (let i = 0; i < 50; i++) judge(bytes(i * 3), `${i * 3} bytes at random`);
      assert.ok(judge(good, 'the good one, after all others'));
    });

    test(`${type}: takes and refuses the keys that node:crypto does`, () => {
      const { spki } = pairOf(type);
      const judge = (given: Uint8Array, what: string) => {
        const [ours, nodes] = [native.importPublicKey(given), nodeProvider.importPublicKey(given)];
        assert.equal(ours === undefined, nodes === undefined, what);
        assert.deepEqual([ours?.type, ours?.bits], [nodes?.type, nodes?.bits], what);
      };
      judge(spki, 'a good one');
      for (let bit = 0; bit < spki.length * 8; bit += 3) judge(flip(spki, bit), `bit ${bit}`);
      for (let length = 0; length < spki.length; length += 5)
        judge(spki.subarray(0, length), `${length} bytes`);
      const pointAt = spki.length - (type === 'ed25519' ? 32 : 2 * Math.ceil(importBoth(spki)[0].bits / 8));
      for (const fill of [0, 255]) judge(spki.slice().fill(fill, pointAt), `all ${fill}`);
    });
  }

  test('data and signatures in shared memory are verified, too', () => {
    const { privateKey, spki } = pairOf('p256');
    const [ours] = importBoth(spki);
    const text = new Uint8Array(new SharedArrayBuffer(40));
    const signature = new Uint8Array(nodeSign('sha256', text, privateKey));
    assert.equal(native.verify('ecdsa_secp256r1_sha256', ours, text, signature), true);
    text[0] = 1;
    assert.equal(native.verify('ecdsa_secp256r1_sha256', ours, text, signature), false);
  });

  test('keys of other types and encodings are those of the platform', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const ed448 = generateKeyPairSync('ed448').publicKey;
    for (const key of [rsa, ed448]) {
      const spki = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
      assert.equal(native.importPublicKey(spki)?.constructor.name, 'Object');
    }
  });
});
