import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { hasNativeHash, NATIVE_HASHES } from '#lib/crypto/node-native-hash.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import { type CryptoProvider, type Derivation, HASH_LENGTH } from '#lib/crypto/provider.js';
import { SUITES } from '#lib/crypto/suites.js';
import { prf12 } from '#lib/keys/prf12.js';
import {
  deriveApplicationSecrets13,
  deriveEarlySecret13,
  deriveHandshakeSecrets13,
  deriveTrafficKeys13,
} from '#lib/keys/schedule13.js';
import { LONG } from '../../support/long.js';

const MAX_LENGTH = 0x4000;
/** About blocks and about the ends of kept memory, and some others. */
const SOME_LENGTHS = [
  ...Array.from({ length: 260 }, (_, length) => length),
  ...[511, 512, 1023, 1024, 1025, 1200, 3999, 4000, 4063, 4064, 4065, 4095, 4096, 4097, 9001, MAX_LENGTH],
];
const LENGTHS = LONG ? Array.from({ length: MAX_LENGTH + 1 }, (_, length) => length) : SOME_LENGTHS;
/** What is longer than kept memory is made of digests and of single HMACs. */
const KEPT = 0x1000;
const LENGTHS_TO_KEPT = LONG
  ? [...LENGTHS.slice(0, KEPT + 200), ...SOME_LENGTHS.filter((length) => length >= KEPT + 200)]
  : SOME_LENGTHS;

const skip = nativeFailure() ?? false;
const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));
const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

suite('the native hashes', { skip }, () => {
  for (const name of NATIVE_HASHES) {
    test(`${name} passes its test, and HMACs are not the platform's`, () => {
      assert.ok(hasNativeHash(name));
      assert.equal(native.mac(name, bytes(32)).constructor.name, 'NativeMac');
    });

    test(`${name} digests as node:crypto at every length, at once and in pieces`, () => {
      const source = bytes(MAX_LENGTH);
      for (const length of LENGTHS) {
        const text = source.subarray(0, length);
        const expected = new Uint8Array(createHash(name).update(text).digest());
        const [whole, pieces] = [native.hash(name), native.hash(name)];
        whole.update(text);
        assert.deepEqual(whole.digest(), expected, `${length} bytes`);
        for (let at = 0; at < length; at += 700) pieces.update(text.subarray(at, at + 700));
        const copy = pieces.copy();
        pieces.update(Uint8Array.of(1));
        assert.deepEqual(copy.digest(), expected, `${length} bytes in pieces`);
        assert.deepEqual(copy.digest(), expected, `${length} bytes, again`);
      }
    });

    test(`${name}: HMAC is that of node:crypto for texts and keys of every length`, () => {
      const source = bytes(MAX_LENGTH);
      const usual = native.mac(name, source.subarray(0, 48));
      for (const length of LENGTHS_TO_KEPT) {
        const text = source.subarray(0, length);
        const of = (key: Uint8Array, data: Uint8Array) =>
          new Uint8Array(createHmac(name, key).update(data).digest());
        assert.deepEqual(usual.sign(text), of(source.subarray(0, 48), text), `a text of ${length} bytes`);
        const third = Math.floor(length / 3);
        const parts = [text.subarray(0, third), new Uint8Array(0), text.subarray(third)];
        assert.deepEqual(usual.sign(...parts), of(source.subarray(0, 48), text), `${length} bytes in parts`);
        const label = source.subarray(0, 40);
        assert.deepEqual(native.mac(name, text).sign(label), of(text, label), `a key of ${length} bytes`);
      }
    });

    test(`${name}: the PRF of TLS 1.2 is that of single HMACs, for output of every length`, () => {
      const [secret, seed] = [bytes(48), bytes(64)] as const;
      const [ours, nodes] = [native.mac(name, secret), nodeProvider.mac(name, secret)];
      for (const length of LENGTHS_TO_KEPT) {
        const expected = prf12(nodes, 'key expansion', length, seed);
        assert.deepEqual(prf12(ours, 'key expansion', length, seed), expected, `${length} bytes`);
        const isAtOnce = ours.prf?.(length, utf8('key expansion'), seed) !== undefined;
        assert.equal(isAtOnce, length <= 1024, 'longer ones are made of single HMACs');
      }
    });

    test(`${name}: the PRF takes secrets and seeds of every length`, () => {
      const source = bytes(MAX_LENGTH);
      for (const length of LENGTHS_TO_KEPT) {
        const part = source.subarray(0, length);
        for (const [secret, seed] of [
          [part, source.subarray(0, 32)],
          [source.subarray(0, 32), part],
        ] as const) {
          const expected = prf12(nodeProvider.mac(name, secret), 'client finished', 12, seed);
          const made = prf12(native.mac(name, secret), 'client finished', 12, seed);
          assert.deepEqual(made, expected, `${length} bytes`);
        }
      }
    });

    test(`${name}: HKDF-Expand is that of the platform for keys, information and output of every length`, () => {
      const source = bytes(MAX_LENGTH);
      const most = 255 * HASH_LENGTH[name];
      for (const length of LENGTHS_TO_KEPT) {
        const part = source.subarray(0, length);
        const size = Math.min(length, most);
        for (const [prk, info, output] of [
          [source.subarray(0, 32), source.subarray(0, 20), size],
          [part, source.subarray(0, 20), 32],
          [source.subarray(0, 32), part, 32],
        ] as const) {
          const expected = nodeProvider.hkdfExpand(name, prk, info, output);
          assert.deepEqual(native.hkdfExpand(name, prk, info, output), expected, `${length} bytes`);
        }
      }
      assert.throws(() => native.hkdfExpand(name, source, source, most + 1), RangeError);
      assert.throws(() => native.hkdfExpand(name, source.subarray(0, 32), source, -1), RangeError);
    });
  }

  for (const name of NATIVE_HASHES) {
    test(`${name}: derivations at once are what each is by itself, for outputs, heads and inputs of every length`, () => {
      const hashLength = HASH_LENGTH[name];
      for (let length = 0; length < 260; length++) {
        const secret = bytes(length);
        const inputs = [bytes(length), bytes((length * 7) % 100)] as const;
        const heads = [bytes(length % 40), bytes((length * 3) % 256)] as const;
        const steps = [
          { from: 0, by: 'expand', length: length % (2 * hashLength), head: heads[0], input: 0 },
          { from: 0, by: 'hmac', length: hashLength, head: heads[1], input: 1 },
          { from: 2, by: 'expand', length: 300, head: heads[0], input: 1 },
          { from: 3, by: 'hmac', length: hashLength, head: heads[1], input: 0 },
        ] as const;
        const outputs: Uint8Array[] = [secret];
        for (const { from, by, length: output, head, input } of steps) {
          const key = outputs[from] ?? assert.fail();
          const text = concat(head, inputs[input]);
          outputs.push(
            by === 'hmac'
              ? nodeProvider.mac(name, key).sign(text)
              : nodeProvider.hkdfExpand(name, key, text, output),
          );
        }
        const made = native.mac(name, secret).derive?.(steps, inputs);
        assert.deepEqual(made, outputs.slice(1), `${length} bytes`);
      }
    });

    test(`${name}: the schedule of DTLS 1.3 is that of single HMACs`, () => {
      const secret = bytes(HASH_LENGTH[name]);
      for (const suite of SUITES.filter(({ hash, version }) => hash === name && version === 'DTLSv1.3')) {
        const schedule = (provider: CryptoProvider) => {
          const early = deriveEarlySecret13(provider, name, undefined);
          return [
            deriveTrafficKeys13(provider, suite, secret),
            ...[secret, early].map((from) => deriveHandshakeSecrets13(provider, suite, from, secret, secret)),
            deriveHandshakeSecrets13(provider, suite, secret, undefined, secret),
            deriveApplicationSecrets13(provider, suite, secret, secret),
          ];
        };
        assert.deepEqual(schedule(native), schedule(nodeProvider));
      }
    });
  }

  test('derivations that are many, or ask for much, are left to single HMACs', () => {
    const mac = native.mac('sha256', bytes(32));
    const step = (length: number) =>
      ({ from: 0, by: 'expand', length, head: bytes(1), input: 0 }) as const satisfies Derivation;
    const derive = (lengths: readonly number[], input: Uint8Array) => {
      assert.ok(mac.derive !== undefined);
      return mac.derive(
        lengths.map((length) => step(length)),
        [input],
      );
    };
    assert.equal(derive([1024], bytes(1))?.[0]?.length, 1024);
    assert.equal(derive([1000, 25], bytes(1)), undefined);
    assert.equal(derive(new Array<number>(31).fill(1), bytes(1))?.length, 31);
    assert.equal(derive(new Array<number>(32).fill(1), bytes(1)), undefined);
    assert.equal(derive([1, 1], bytes(2100)), undefined);
    assert.deepEqual(derive([], bytes(1)), []);
  });

  test('SHA-1, a look-up key, stays with the platform', () => {
    assert.equal(hasNativeHash('sha1'), false);
    const hash = native.hash('sha1');
    hash.update(Uint8Array.of(1, 2, 3));
    assert.deepEqual(
      hash.digest(),
      new Uint8Array(
        createHash('sha1')
          .update(Uint8Array.of(1, 2, 3))
          .digest(),
      ),
    );
  });

  test('outputs and the bytes of keys are memory of their own', () => {
    const key = bytes(32);
    const mac = native.mac('sha256', key);
    const step = { from: 0, by: 'expand', head: key, input: 0 } as const;
    const steps = [20, 4].map((length) => ({ ...step, length }));
    const [one, other] = mac.derive?.(steps, [key]) ?? [];
    assert.deepEqual([one?.buffer.byteLength, other?.buffer.byteLength], [20, 4]);
    const text = bytes(40);
    const first = mac.sign(text);
    const copy = first.slice();
    key.fill(0);
    assert.deepEqual(mac.sign(text), copy);
    mac.sign(bytes(40));
    native.hkdfExpand('sha256', copy, text, 32);
    assert.deepEqual(first, copy);
    assert.equal(first.buffer.byteLength, 32);
    assert.equal(first.constructor, Uint8Array);
  });
});
