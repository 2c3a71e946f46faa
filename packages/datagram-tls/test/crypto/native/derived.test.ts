import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { ComposedAead, derivedAead } from '#lib/crypto/derived-aead.js';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { NATIVE_AEADS } from '#lib/crypto/node-native-ciphers.js';
import { NATIVE_HASHES } from '#lib/crypto/node-native-hash.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { AeadName, DerivedAead, HashName } from '#lib/crypto/provider.js';
import { importTicketKey, openTicket, sealTicket } from '#lib/keys/ticket-keys.js';
import { LONG } from '../../support/long.js';

const skip = nativeFailure() ?? false;
const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));
const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** About the ends of kept memory, which root, information and additional data share. */
const LENGTHS = [
  ...Array.from({ length: LONG ? 5000 : 100 }, (_, length) => length),
  ...Array.from({ length: 60 }, (_, i) => 3930 + i),
  ...[4079, 4080, 4081, 4096, 5000, 0x4000],
];

function pairOf(hash: HashName, name: AeadName): readonly [DerivedAead, DerivedAead] {
  const ours = native.derivedAead?.(hash, name) ?? assert.fail('native code lacks it');
  return [ours, new ComposedAead(nodeProvider, hash, name)];
}

function sealed(aead: DerivedAead, ...[root, info, aad, text]: Parts): Uint8Array {
  const out = new Uint8Array(text.length + aead.tagLength + 7);
  aead.seal(root, info, aad, text, out, 5);
  assert.deepEqual([...out.subarray(0, 5), ...out.subarray(-2)], [0, 0, 0, 0, 0, 0, 0]);
  return out.slice(5, -2);
}

type Parts = readonly [Uint8Array, readonly Uint8Array[], readonly Uint8Array[], Uint8Array];

suite('the native AEADs under derived keys', { skip }, () => {
  for (const name of NATIVE_AEADS) {
    test(`${name} seals as HKDF and the AEAD of node:crypto do, and opens what they seal, at every length`, () => {
      for (const length of LENGTHS) {
        const hash = NATIVE_HASHES[length % NATIVE_HASHES.length] ?? assert.fail();
        const [ours, theirs] = pairOf(hash, name);
        const parts = [bytes(32), [bytes(length % 21), bytes(32)], [bytes(32), bytes(length % 30)]] as const;
        const text = bytes(length);
        const expected = sealed(theirs, ...parts, text);
        assert.deepEqual(sealed(ours, ...parts, text), expected, `${length} bytes`);
        assert.deepEqual(ours.open(...parts, expected), text, `${length} bytes`);
        const changed = expected.slice();
        const at = length % changed.length;
        changed[at] = (changed[at] ?? 0) ^ 0x10;
        assert.equal(ours.open(...parts, changed), undefined, `${length} bytes`);
      }
    });
  }

  test('opens nothing that is shorter than a tag, or under another root, information or additional data', () => {
    const [ours] = pairOf('sha256', 'aes-256-gcm');
    const [root, info, aad, text] = [bytes(32), [bytes(9)], [bytes(9)], bytes(40)] as const;
    const good = sealed(ours, root, info, aad, text);
    assert.deepEqual(ours.open(root, info, aad, good), text);
    for (let length = 0; length < good.length; length++)
      assert.equal(ours.open(root, info, aad, good.subarray(0, length)), undefined);
    assert.equal(ours.open(bytes(32), info, aad, good), undefined);
    assert.equal(ours.open(root, [bytes(9)], aad, good), undefined);
    assert.equal(ours.open(root, info, [bytes(9)], good), undefined);
    assert.equal(ours.open(root, info, [], good), undefined);
  });

  test('an opened text is not changed by the next one', () => {
    const [ours] = pairOf('sha256', 'aes-256-gcm');
    const parts = [bytes(32), [bytes(9)], [bytes(9)]] as const;
    const texts = [bytes(40), bytes(100), bytes(3)];
    const opened = texts.map((text) => ours.open(...parts, sealed(ours, ...parts, text)));
    assert.deepEqual(opened, texts);
  });

  test('tickets of either provider open with the other', () => {
    const key = importTicketKey(nodeProvider, bytes(80));
    const context = bytes(8);
    for (const length of [0, 1, 100, 1000, 3000, 4000, 9000]) {
      const content = bytes(length);
      for (const [from, to] of [
        [native, nodeProvider],
        [nodeProvider, native],
      ] as const)
        assert.deepEqual(
          openTicket(to, [key], context, sealTicket(from, key, context, content))?.content,
          content,
        );
    }
  });

  test('belong to a layer that has both the hash and the AEAD, and are composed elsewhere', () => {
    const [ours] = pairOf('sha256', 'aes-256-gcm');
    const nativeKind = ours.constructor;
    const hashes = { ...nodeProvider, has: () => true };
    const aeads = hashes;
    const kind = (...[top]: [Parameters<typeof layerProvider>[1]]) =>
      derivedAead(layerProvider(native, top), 'sha256', 'aes-256-gcm').constructor;
    assert.equal(kind({}), nativeKind);
    assert.equal(kind({ hashes }), ComposedAead);
    assert.equal(kind({ aeads }), ComposedAead);
    assert.equal(kind({ hashes, aeads }), ComposedAead);
    assert.equal(kind({ hashes, aeads, derivedAead: () => ours }), nativeKind);
    assert.equal(derivedAead(nodeProvider, 'sha256', 'aes-256-gcm').constructor, ComposedAead);
  });
});
