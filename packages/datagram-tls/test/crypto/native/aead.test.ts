import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { hasNativeAead, NATIVE_AEADS } from '#lib/crypto/node-native-ciphers.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { AeadKey, AeadName } from '#lib/crypto/provider.js';
import { LONG } from '../../support/long.js';
import { Random } from '../../support/random.js';
import { tryToMove } from '../../support/transfer.js';

/** Every length of a record up to the longest (RFC 8446 §5.2) in a long run; otherwise those about blocks, and some others. */
const MAX_LENGTH = 0x4000;
const LENGTHS = LONG
  ? Array.from({ length: MAX_LENGTH + 1 }, (_, length) => length)
  : [
      ...Array.from({ length: 66 }, (_, length) => length),
      127,
      255,
      256,
      257,
      511,
      1200,
      4097,
      9001,
      MAX_LENGTH,
    ];

const reason = nativeFailure();
const skip = reason === undefined ? false : reason;
const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));
const KEY_LENGTH = (name: AeadName): number => (name.includes('128') ? 16 : 32);
const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

interface Pair {
  readonly name: AeadName;
  readonly ours: AeadKey;
  readonly nodes: AeadKey;
}

function pairOf(name: AeadName): Pair {
  const key = bytes(KEY_LENGTH(name));
  return { name, ours: native.aead(name, key), nodes: nodeProvider.aead(name, key) };
}

function sealed(aead: AeadKey, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
  const out = new Uint8Array(text.length + aead.tagLength);
  aead.seal(nonce, aad, text, out, 0);
  return out;
}

suite('the native AEADs', { skip }, () => {
  for (const name of NATIVE_AEADS) {
    test(`${name} passes its test, and is not the platform's`, () => {
      assert.ok(hasNativeAead(name));
      assert.equal(native.aead(name, bytes(KEY_LENGTH(name))).constructor.name, 'NativeAead');
    });

    test(`${name} seals as node:crypto at every length, and each opens what the other sealed`, () => {
      const { ours, nodes } = pairOf(name);
      const aad = bytes(13);
      const source = bytes(MAX_LENGTH);
      for (const length of LENGTHS) {
        const nonce = bytes(12);
        const text = source.subarray(0, length);
        const expected = sealed(nodes, nonce, aad, text);
        assert.deepEqual(sealed(ours, nonce, aad, text), expected, `${length} bytes`);
        assert.deepEqual(ours.open(nonce, aad, expected), text, `${length} bytes`);
      }
    });

    test(`${name} takes associated data of any length`, () => {
      const { ours, nodes } = pairOf(name);
      for (const length of [0, 1, 5, 13, 15, 16, 17, 300, 70_000]) {
        const [nonce, aad, text] = [bytes(12), bytes(length), bytes(40)] as const;
        const expected = sealed(nodes, nonce, aad, text);
        assert.deepEqual(sealed(ours, nonce, aad, text), expected);
        assert.deepEqual(ours.open(nonce, aad, expected), text);
      }
    });

    test(`${name} refuses a change of any bit, of the nonce and of the associated data, and opens the next text`, () => {
      const { ours } = pairOf(name);
      const [nonce, aad, text] = [bytes(12), bytes(13), bytes(33)] as const;
      const good = sealed(ours, nonce, aad, text);
      const changed = (from: Uint8Array, bit: number): Uint8Array => {
        const copy = from.slice();
        copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
        return copy;
      };
      for (let bit = 0; bit < good.length * 8; bit++)
        assert.equal(ours.open(nonce, aad, changed(good, bit)), undefined);
      for (let bit = 0; bit < 96; bit++) assert.equal(ours.open(changed(nonce, bit), aad, good), undefined);
      for (let bit = 0; bit < 104; bit++) assert.equal(ours.open(nonce, changed(aad, bit), good), undefined);
      assert.deepEqual(ours.open(nonce, aad, good), text);
    });

    test(`${name} refuses every shorter text without throwing`, () => {
      const { ours } = pairOf(name);
      const [nonce, aad] = [bytes(12), bytes(13)] as const;
      const good = sealed(ours, nonce, aad, bytes(20));
      for (let length = 0; length < good.length; length++)
        assert.equal(ours.open(nonce, aad, good.subarray(0, length)), undefined);
    });

    test(`${name} seals in place, from overlapping memory, and leaves what stands around alone`, () => {
      const { ours, nodes } = pairOf(name);
      const [nonce, aad] = [bytes(12), bytes(13)] as const;
      for (const from of [40, 30, 55, 0]) {
        const room = bytes(200);
        const before = room.slice();
        const text = room.subarray(from, from + 64);
        const expected = sealed(nodes, nonce, aad, text.slice());
        ours.seal(nonce, aad, text, room, 40);
        const end = 40 + 64 + ours.tagLength;
        assert.deepEqual(room.subarray(40, end), expected, `from ${from}`);
        assert.deepEqual(room.subarray(0, 40), before.subarray(0, 40));
        assert.deepEqual(room.subarray(end), before.subarray(end));
      }
    });

    test(`${name} leaves opened texts alone, whatever is opened or refused later, and whatever becomes of one`, () => {
      const { ours } = pairOf(name);
      const [nonce, aad] = [bytes(12), bytes(13)] as const;
      const texts = Array.from({ length: 300 }, (_, i) => bytes(i % 5 === 0 ? 5000 : i));
      const opened = texts.map((text, i) => {
        const good = sealed(ours, nonce, aad, text);
        const bad = good.slice();
        bad[i % bad.length] = (bad[i % bad.length] as number) ^ 1;
        assert.equal(ours.open(nonce, aad, bad), undefined);
        const one = ours.open(nonce, aad, good) ?? assert.fail();
        if (i % 50 === 7) tryToMove(one);
        return one;
      });
      for (const [i, text] of texts.entries()) if (i % 50 !== 7) assert.deepEqual(opened[i], text);
    });

    test(`${name} holds short texts together, and long ones in memory of their own`, () => {
      const { ours } = pairOf(name);
      const [nonce, aad] = [bytes(12), bytes(13)] as const;
      const buffersOf = (length: number): number =>
        new Set(
          Array.from(
            { length: 50 },
            () => ours.open(nonce, aad, sealed(ours, nonce, aad, bytes(length)))?.buffer,
          ),
        ).size;
      assert.ok(buffersOf(100) <= 2);
      assert.equal(buffersOf(5000), 50);
    });
  }

  test('a text longer than a record is opened', () => {
    const { ours, nodes } = pairOf('aes-128-gcm');
    const [nonce, aad, text] = [bytes(12), bytes(13), bytes(100_000)] as const;
    assert.deepEqual(ours.open(nonce, aad, sealed(nodes, nonce, aad, text)), text);
  });

  test('masks of record numbers are those of node:crypto', () => {
    for (const name of NATIVE_AEADS) {
      const key = bytes(KEY_LENGTH(name));
      const [ours, nodes] = [native.recordNumberMask(name, key), nodeProvider.recordNumberMask(name, key)];
      for (let i = 0; i < 100; i++) {
        const sample = bytes(16);
        assert.deepEqual(ours.mask(sample).slice(0, 2), new Uint8Array(nodes.mask(sample)).slice(0, 2), name);
      }
    }
  });

  test('many keys are kept apart, and closed with their owners', async () => {
    const alive = Array.from({ length: 1000 }, () => pairOf('aes-128-gcm'));
    for (let i = 0; i < 20_000; i++) native.aead('aes-128-gcm', bytes(16));
    await new Promise((resolve) => setImmediate(resolve));
    const [nonce, aad, text] = [bytes(12), bytes(13), bytes(50)] as const;
    for (const { ours, nodes } of alive)
      assert.deepEqual(sealed(ours, nonce, aad, text), sealed(nodes, nonce, aad, text));
  });

  test('keys of all algorithms, more than there are contexts for, take turns in both directions', (t) => {
    const seed = randomBytes(4).readUInt32LE();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    const pairs = Array.from({ length: 400 }, () => NATIVE_AEADS.map(pairOf)).flat();
    const masks = Array.from({ length: 600 }, () => {
      const name = random.pick(['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'] as const);
      const key = bytes(KEY_LENGTH(name));
      return { ours: native.recordNumberMask(name, key), nodes: nodeProvider.recordNumberMask(name, key) };
    });
    for (let round = 0; round < 6000; round++) {
      const { name, ours, nodes } = random.pick(pairs);
      const [nonce, aad, text] = [bytes(12), bytes(13), bytes(random.between(1, 100))] as const;
      const expected = sealed(nodes, nonce, aad, text);
      if (random.chance(0.5)) assert.deepEqual(sealed(ours, nonce, aad, text), expected, name);
      else assert.deepEqual(ours.open(nonce, aad, expected), text, name);
      const at = random.below(expected.length);
      expected[at] = (expected[at] as number) ^ random.between(1, 255);
      if (random.chance(0.3)) assert.equal(ours.open(nonce, aad, expected), undefined, name);
      const mask = random.pick(masks);
      const sample = bytes(16);
      assert.deepEqual(
        mask.ours.mask(sample).slice(0, 2),
        new Uint8Array(mask.nodes.mask(sample)).slice(0, 2),
      );
    }
  });
});
