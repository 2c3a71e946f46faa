import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { nodeProvider } from '#lib/crypto/node.js';
import type { AeadKey } from '#lib/crypto/provider.js';
import { createSodium, loadSodium, sodiumLayer } from '#lib/crypto/sodium.js';
import { tryToMove } from '../support/transfer.js';

type Sodium = Parameters<typeof sodiumLayer>[0];

const NAME = 'chacha20-poly1305';

/** An instance of the module, whose memory a test looks into. */
const sodium = await loadSodium();

type Three = [Uint8Array, Uint8Array, Uint8Array];
const NONE_SEEN = { newest: -1, fresh: () => true };

function ours(key: Uint8Array): AeadKey {
  return sodiumLayer(sodium)?.aeads?.aead(NAME, key) ?? assert.fail('libsodium gives wrong results');
}

function sealed(aead: AeadKey, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
  const out = new Uint8Array(text.length + aead.tagLength);
  aead.seal(nonce, aad, text, out, 0);
  return out;
}

/** Places of `bytes` in the memory of the module. */
function placesOf(bytes: Uint8Array): number {
  const memory = Buffer.from(sodium.HEAPU8.buffer);
  let places = 0;
  for (let at = memory.indexOf(bytes); at >= 0; at = memory.indexOf(bytes, at + 1)) places++;
  return places;
}

suite('ChaCha20-Poly1305 of libsodium', () => {
  test('seals as node:crypto does, at every length up to 300 and at random ones up to a whole record', () => {
    const anyText = fc.record({
      key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      nonce: fc.uint8Array({ minLength: 12, maxLength: 12 }),
      aad: fc.uint8Array({ maxLength: 280 }),
      length: fc.oneof(fc.integer({ min: 0, max: 16_385 }), fc.constantFrom(16_383, 16_384, 16_385)),
    });
    const compare = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, length: number): void => {
      const text = nodeProvider.randomBytes(length);
      const [here, there] = [ours(key), nodeProvider.aead(NAME, key)];
      const expected = sealed(there, nonce, aad, text);
      assert.deepEqual(sealed(here, nonce, aad, text), expected, `${length} bytes`);
      assert.deepEqual(here.open(nonce, aad, expected), text, `${length} bytes`);
    };
    for (let length = 0; length <= 300; length++)
      compare(new Uint8Array(32).fill(length), new Uint8Array(12).fill(1), new Uint8Array(13), length);
    fc.assert(
      fc.property(anyText, ({ key, nonce, aad, length }) => {
        compare(key, nonce, aad, length);
      }),
      { numRuns: 200 },
    );
  });

  test('refuses each text in which a bit of text, tag, nonce or additional data is changed', () => {
    const part = fc.constantFrom('sealed', 'nonce', 'aad');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), part, fc.nat(), (text, changed, bit) => {
        const parts = { nonce: new Uint8Array(12).fill(7), aad: new Uint8Array(13).fill(8) };
        const aead = ours(new Uint8Array(32).fill(9));
        const whole = { ...parts, sealed: sealed(aead, parts.nonce, parts.aad, text) };
        const bytes = whole[changed].slice();
        const at = (bit >>> 3) % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        const forged = { ...whole, [changed]: bytes };
        assert.equal(aead.open(forged.nonce, forged.aad, forged.sealed), undefined);
      }),
    );
  });

  test('refuses what is shorter than a tag, and what is longer than any record', () => {
    const aead = ours(new Uint8Array(32));
    const [nonce, aad] = [new Uint8Array(12), new Uint8Array(13)];
    for (const length of [0, 1, 15, 16, 20_481, 70_000])
      assert.equal(aead.open(nonce, aad, new Uint8Array(length)), undefined, `${length} bytes`);
    assert.equal(aead.open(nonce, new Uint8Array(513), new Uint8Array(64)), undefined);
    assert.throws(() => sealed(aead, nonce, aad, new Uint8Array(20_480)), RangeError);
    assert.throws(() => sealed(aead, nonce, new Uint8Array(513), new Uint8Array(1)), RangeError);
  });

  test('seals in place, and writes nothing before or behind the sealed bytes', () => {
    const aead = ours(new Uint8Array(32).fill(3));
    const [nonce, aad] = [new Uint8Array(12), new Uint8Array(5)];
    for (const length of [0, 1, 47, 48, 49, 1200]) {
      const text = nodeProvider.randomBytes(length);
      const room = new Uint8Array(length + 36).fill(0xee);
      room.set(text, 10);
      aead.seal(nonce, aad, room.subarray(10, 10 + length), room, 10);
      assert.deepEqual(room.subarray(10, -10), sealed(aead, nonce, aad, text));
      assert.ok([...room.subarray(0, 10), ...room.subarray(-10)].every((byte) => byte === 0xee));
    }
  });

  test('the plaintext that it returns stays as it is while others are sealed and opened', () => {
    const aead = ours(new Uint8Array(32));
    const [nonce, aad] = [new Uint8Array(12), new Uint8Array(0)];
    const texts = Array.from({ length: 600 }, (_, i) => nodeProvider.randomBytes(i % 97 === 0 ? 5000 : i));
    const opened = texts.map((text) => aead.open(nonce, aad, sealed(aead, nonce, aad, text)));
    assert.deepEqual(opened, texts);
  });

  test('texts go on when the memory that they share is given to another thread', () => {
    const aead = ours(new Uint8Array(32));
    const [nonce, aad, text] = [new Uint8Array(12), new Uint8Array(0), nodeProvider.randomBytes(100)];
    const whole = sealed(aead, nonce, aad, text);
    const first = aead.open(nonce, aad, whole) ?? assert.fail();
    tryToMove(first);
    assert.deepEqual(aead.open(nonce, aad, whole), text);
  });

  test('leaves neither keys nor plaintext in the memory of the module, also where opening fails', () => {
    const key = nodeProvider.randomBytes(32);
    const text = nodeProvider.randomBytes(600);
    const aead = ours(key);
    const [nonce, aad] = [new Uint8Array(12), new Uint8Array(13)];
    const whole = sealed(aead, nonce, aad, text);
    assert.equal(placesOf(key.subarray(0, 16)) + placesOf(text.subarray(0, 32)), 0);
    assert.ok(aead.open(nonce, aad, whole) !== undefined);
    assert.equal(placesOf(key.subarray(0, 16)) + placesOf(text.subarray(0, 32)), 0);
    const forged = whole.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    assert.equal(aead.open(nonce, aad, forged), undefined);
    assert.equal(placesOf(key.subarray(0, 16)) + placesOf(text.subarray(0, 32)), 0);
  });

  test('leaves nothing of a record and its secrets there, with a connection ID and without one', () => {
    const [key, iv, content] = [32, 12, 90].map((length) => nodeProvider.randomBytes(length)) as Three;
    const secrets = { epoch: 1, key, iv, sn: new Uint8Array(0) };
    const made = sodiumLayer(sodium)?.aeads?.recordKey?.(NAME, secrets) ?? assert.fail();
    const left = (): number =>
      [key.subarray(0, 16), iv.subarray(0, 4), content.subarray(0, 32)].map(placesOf).reduce((a, b) => a + b);
    for (const cid of [new Uint8Array(0), nodeProvider.randomBytes(8)]) {
      made.useConnectionId(cid);
      const record = new Uint8Array(200);
      const end = made.seal(23, 5, content, record, 0);
      assert.equal(left(), 0);
      const place = { start: 0, bodyStart: 13 + cid.length, end, type: record[0] ?? 0, sequence: 5 };
      assert.deepEqual(made.open(record, { ...place }, NONE_SEEN), content);
      assert.equal(left(), 0);
      record[end - 1] = (record[end - 1] ?? 0) ^ 1;
      assert.equal(made.open(record, { ...place }, NONE_SEEN), undefined);
      assert.equal(left(), 0);
    }
  });

  test('a record without room, or longer than any, is an error, and one that came before is not opened', () => {
    const secrets = { epoch: 1, key: new Uint8Array(32), iv: new Uint8Array(12), sn: new Uint8Array(0) };
    const made = sodiumLayer(sodium)?.aeads?.recordKey?.(NAME, secrets) ?? assert.fail();
    assert.throws(() => made.seal(23, 0, new Uint8Array(10), new Uint8Array(38), 0), RangeError);
    assert.throws(() => made.seal(23, 0, new Uint8Array(20_480), new Uint8Array(30_000), 0), RangeError);
    const record = new Uint8Array(70_000);
    const end = made.seal(23, 0, new Uint8Array(10), record, 0);
    const place = { start: 0, bodyStart: 13, end, type: 23, sequence: 0 };
    assert.equal(made.open(record, place, { newest: 0, fresh: () => false }), 'replayed');
    for (const wrong of [13, 28, 20_494, 70_000])
      assert.equal(made.open(record, { ...place, end: wrong }, NONE_SEEN), undefined, `${wrong}`);
  });

  test('the memory of the module does not grow with the number of keys', () => {
    const layer = sodiumLayer(sodium) ?? assert.fail();
    const before = sodium.HEAPU8.length;
    for (let i = 0; i < 20_000; i++) layer.aeads?.aead(NAME, new Uint8Array(32).fill(i));
    assert.equal(sodium.HEAPU8.length, before);
  });

  test('goes on when another user of the module makes its memory grow', async () => {
    const grown = await loadSodium();
    const aead = sodiumLayer(grown)?.aeads?.aead(NAME, new Uint8Array(32)) ?? assert.fail();
    const [nonce, aad, text] = [new Uint8Array(12), new Uint8Array(13), new Uint8Array(64)];
    const before = sealed(aead, nonce, aad, text);
    assert.ok(grown._malloc(32 << 20) > 0);
    assert.deepEqual(sealed(aead, nonce, aad, text), before);
    assert.deepEqual(aead.open(nonce, aad, before), text);
  });

  test('a key that the caller changes afterwards is still the key', () => {
    const key = new Uint8Array(32).fill(1);
    const aead = ours(key);
    const before = sealed(aead, new Uint8Array(12), new Uint8Array(0), new Uint8Array(8));
    key.fill(2);
    assert.deepEqual(sealed(aead, new Uint8Array(12), new Uint8Array(0), new Uint8Array(8)), before);
  });

  test('a module that seals wrongly, opens wrongly or accepts a forgery is not used', () => {
    const seal = '_crypto_aead_chacha20poly1305_ietf_encrypt';
    const open = '_crypto_aead_chacha20poly1305_ietf_decrypt';
    const real = sodium[open];
    const acceptsAll: Sodium[typeof open] = (...all) => {
      real(...all);
      return 0;
    };
    const faulty: readonly Partial<Sodium>[] = [
      { [seal]: () => 0 },
      { [open]: () => -1 },
      { [open]: acceptsAll },
      { _malloc: () => 0 },
      { [seal]: undefined as never },
      {
        [seal]: () => {
          throw new Error('unreachable');
        },
      },
    ];
    for (const fault of faulty) {
      const { HEAPU8, _malloc } = sodium;
      assert.equal(sodiumLayer({ HEAPU8, _malloc, [seal]: sodium[seal], [open]: real, ...fault }), undefined);
    }
  });

  test('createSodium loads the installed package, and has ChaCha20-Poly1305 alone', async () => {
    const { aeads, ...others } = await createSodium();
    assert.deepEqual(others, {});
    assert.ok(aeads?.has(NAME) && !aeads.has('aes-128-gcm'));
  });
});
