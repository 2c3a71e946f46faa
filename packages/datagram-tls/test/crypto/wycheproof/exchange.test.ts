import assert from 'node:assert/strict';
import { createECDH, createPrivateKey } from 'node:crypto';
import { suite, test } from 'node:test';
import { EcdhExchange, X25519Exchange } from '#lib/crypto/node-exchange.js';
import { nobleMlKem768 } from '#lib/crypto/node-mlkem.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { NativeExchange } from '#lib/crypto/node-native-exchange.js';
import type { KeyExchange } from '#lib/crypto/provider.js';
import { hex, judge, needsWycheproof, type Vector, which, wycheproof } from './vectors.js';

interface ExchangeVector extends Vector {
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

interface KemVector extends Vector {
  readonly seed: string;
  readonly m: string;
  readonly ek: string;
  readonly c: string;
  readonly K: string;
}

/** PrivateKeyInfo of X25519 up to the key (RFC 8410 §7), and of curves (RFC 5915 §3). */
const X25519_PREFIX = hex('302e020100300506032b656e04220420');
const PREFIXES = {
  x25519: X25519_PREFIX,
  secp256r1: hex('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420'),
  secp384r1: hex('304e020100301006072a8648ce3d020106052b81040022043730350201010430'),
};

/** By native code, where there is some. */
function imported(group: keyof typeof PREFIXES, privateKey: Uint8Array): KeyExchange[] {
  if (nativeFailure() !== undefined) return [];
  const scalar = new Uint8Array(group === 'secp384r1' ? 48 : 32);
  scalar.set(privateKey, scalar.length - privateKey.length);
  const exchange = NativeExchange.import(group, Buffer.concat([PREFIXES[group], scalar]));
  return [exchange ?? assert.fail(`${group}: no key`)];
}

suite('key exchange against Wycheproof', () => {
  for (const [group, openssl, coordinate] of [
    ['secp256r1', 'prime256v1', 32],
    ['secp384r1', 'secp384r1', 48],
  ] as const) {
    const file = `ecdh_${group}_ecpoint` as const;
    test(`${group} accepts only valid, uncompressed points`, needsWycheproof(file), () => {
      const [{ tests } = { tests: [] }] = wycheproof<object, ExchangeVector>(file);
      assert.ok(tests.length > 300);
      for (const vector of tests) {
        const ecdh = createECDH(openssl);
        ecdh.setPrivateKey(hex(vector.private).slice(-coordinate));
        for (const exchange of [new EcdhExchange(group, ecdh), ...imported(group, ecdh.getPrivateKey())]) {
          const secret = exchange.finish(hex(vector.public));
          if (vector.flags.includes('CompressedPoint')) assert.equal(secret, undefined, which(vector));
          else judge(vector, secret !== undefined);
          if (secret !== undefined) assert.deepEqual(secret, hex(vector.shared), which(vector));
        }
      }
    });
  }

  test('X25519 computes every secret but the all-zero one', needsWycheproof('x25519'), () => {
    const [{ tests } = { tests: [] }] = wycheproof<object, ExchangeVector>('x25519');
    assert.ok(tests.length > 500);
    for (const vector of tests) {
      const key = Buffer.concat([X25519_PREFIX, hex(vector.private)]);
      const nodes = new X25519Exchange(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
      const zero = vector.flags.includes('ZeroSharedSecret');
      const expected = zero ? undefined : hex(vector.shared);
      for (const exchange of [nodes, ...imported('x25519', hex(vector.private))])
        assert.deepEqual(exchange.finish(hex(vector.public)), expected, which(vector));
    }
  });

  test('ML-KEM-768 derives keys from seeds and decapsulates', needsWycheproof('mlkem_768'), () => {
    const tests = wycheproof<object, KemVector>('mlkem_768').flatMap((group) => group.tests);
    // What the exchange refuses by length never gets here.
    const whole = tests.filter(({ seed, c }) => seed.length === 128 && c.length === 2 * 1088);
    assert.ok(whole.length > 20, `${whole.length} vectors fit`);
    for (const vector of whole) {
      const key = nobleMlKem768.generate(hex(vector.seed));
      assert.deepEqual(key.publicKey, hex(vector.ek), which(vector));
      judge(vector, toMatch(key.decapsulate(hex(vector.c)), hex(vector.K)));
    }
  });

  test('ML-KEM-768 encapsulates to valid keys only', needsWycheproof('mlkem_768_encaps'), () => {
    const tests = wycheproof<object, KemVector>('mlkem_768_encaps').flatMap((group) => group.tests);
    assert.ok(tests.length > 200);
    for (const vector of tests) {
      const sealed = nobleMlKem768.encapsulate(hex(vector.ek), hex(vector.m));
      judge(vector, sealed !== undefined);
      if (sealed === undefined) continue;
      assert.deepEqual(sealed.ciphertext, hex(vector.c), which(vector));
      assert.deepEqual(sealed.secret, hex(vector.K), which(vector));
    }
  });
});

function toMatch(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b);
}
