import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign as nodeSign, randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeProvider } from '#lib/crypto/node-native-layer.js';
import { hasNativeScheme, NATIVE_SCHEMES } from '#lib/crypto/node-native-signatures.js';
import type { KeyType, PrivateKey, PublicKey } from '#lib/crypto/provider.js';
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

/** Signs nothing itself: what is signed over it, native code signs. */
const onlyNative = nativeProvider({
  ...nodeProvider,
  sign: () => {
    throw new Error('node:crypto is asked');
  },
});

function importPrivate(type: keyof typeof GENERATE): PrivateKey {
  const { privateKey } = pairOf(type);
  return native.importPrivateKey(new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })));
}

suite('native signatures', { skip }, () => {
  for (const type of ['p256', 'p384', 'p521'] as const) {
    test(`${type}: node:crypto verifies what is signed, under every scheme, for texts of many lengths`, () => {
      const key = importPrivate(type);
      const nodes = nodeProvider.importPublicKey(key.spki) ?? assert.fail('no key');
      for (const length of [0, 1, 63, 64, 65, 127, 128, 129, 1000, 16_384, 70_000])
        for (const name of namesOf(type)) {
          const text = bytes(length);
          const [one, other] = [onlyNative.sign(name, key, text), onlyNative.sign(name, key, text)];
          for (const signature of [one, other])
            assert.equal(nodeProvider.verify(name, nodes, text, signature), true, `${name}, ${length} bytes`);
          assert.notDeepEqual(one, other, 'a number that is used once');
          assert.equal(one.constructor, Uint8Array);
          assert.equal(one.buffer.byteLength, one.length, 'memory of its own');
        }
    });
  }

  test('two keys in turn each sign for themselves', () => {
    const keys = [importPrivate('p256'), importPrivate('p256'), importPrivate('p384')];
    const text = bytes(50);
    for (let i = 0; i < 60; i++) {
      const key = keys[i % keys.length] as PrivateKey;
      const signature = onlyNative.sign('ecdsa_secp256r1_sha256', key, text);
      for (const other of keys) {
        const nodes = nodeProvider.importPublicKey(other.spki) ?? assert.fail('no key');
        assert.equal(nodeProvider.verify('ecdsa_secp256r1_sha256', nodes, text, signature), other === key);
      }
    }
  });

  test('keys of other types are those of node:crypto, and data in shared memory is its', () => {
    const key = importPrivate('ed25519');
    assert.throws(() => onlyNative.sign('ed25519', key, bytes(10)), /node:crypto is asked/);
    const nodes = nodeProvider.importPublicKey(key.spki) ?? assert.fail('no key');
    assert.equal(
      nodeProvider.verify('ed25519', nodes, bytes(0), native.sign('ed25519', key, bytes(0))),
      true,
    );
    const curve = importPrivate('p256');
    const text = new Uint8Array(new SharedArrayBuffer(40));
    assert.throws(() => onlyNative.sign('ecdsa_secp256r1_sha256', curve, text), /node:crypto is asked/);
  });

  test('a key that another provider made, and a scheme that is not for the key, are left to the base', () => {
    const key = importPrivate('p256');
    const foreign = { ...key, handle: { not: 'a key' } };
    assert.throws(() => onlyNative.sign('ecdsa_secp256r1_sha256', foreign, bytes(9)), /node:crypto is asked/);
    assert.throws(() => native.sign('ed25519', key, bytes(9)), TypeError);
    assert.throws(() => native.sign('rsa_pss_rsae_sha256', key, bytes(9)), TypeError);
  });

  test('a key that cannot be exported is used by node:crypto', () => {
    const key = importPrivate('p256');
    const stays = key.handle as KeyObject;
    let asked = 0;
    stays.export = () => {
      asked++;
      throw new Error('the key stays in its module');
    };
    const nodes = nodeProvider.importPublicKey(key.spki) ?? assert.fail('no key');
    for (let i = 0; i < 3; i++) {
      const text = bytes(40);
      const signature = native.sign('ecdsa_secp256r1_sha256', key, text);
      assert.equal(nodeProvider.verify('ecdsa_secp256r1_sha256', nodes, text, signature), true);
    }
    assert.equal(asked, 1);
  });

  test('a key whose public half is another one does not sign natively', () => {
    const key = { ...importPrivate('p256'), spki: importPrivate('p256').spki };
    assert.throws(() => onlyNative.sign('ecdsa_secp256r1_sha256', key, bytes(9)), /node:crypto is asked/);
  });
});
