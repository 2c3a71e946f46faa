// A key of another length is refused, by whatever takes it: none is filled with zeros or with what was there before.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { loadSodium, sodiumLayer } from '#lib/crypto/sodium.js';
import { AEADS } from '#lib/crypto/suites.js';

const NAMES = Object.keys(AEADS) as readonly (keyof typeof AEADS)[];
const LENGTHS = [0, 1, 15, 16, 17, 24, 31, 32, 33, 48];
const NO_BYTES = new Uint8Array(0);
const NONCE = new Uint8Array(12);
const RANGE = { name: 'RangeError' };

function sealed(
  provider: Pick<CryptoProvider, 'aead'>,
  name: keyof typeof AEADS,
  key: Uint8Array,
): Uint8Array {
  const aead = provider.aead(name, key);
  const out = new Uint8Array(4 + aead.tagLength);
  aead.seal(NONCE, NO_BYTES, new Uint8Array(4), out, 0);
  return out;
}

suite('keys of a wrong length', () => {
  for (const [what, provider, skip] of [
    ['node:crypto', nodeProvider, undefined],
    ['native code', layerProvider(nodeProvider, nativeLayer(nodeProvider)), nativeFailure()],
  ] as const)
    test(`${what} takes none for an AEAD or for masks`, { skip: skip ?? false }, () => {
      for (const name of NAMES)
        for (const length of LENGTHS.filter((each) => each !== AEADS[name].keyLength)) {
          const key = new Uint8Array(length).fill(1);
          assert.throws(() => provider.aead(name, key), RANGE, `${name}, ${length}`);
          assert.throws(() => provider.recordNumberMask(name, key), RANGE, `mask of ${name}, ${length}`);
        }
    });

  test('libsodium takes none', async () => {
    const layer = sodiumLayer(await loadSodium());
    for (const length of LENGTHS.filter((each) => each !== 32))
      assert.throws(
        () => layer?.aeads?.aead('chacha20-poly1305', new Uint8Array(length)),
        RANGE,
        `${length}`,
      );
  });

  test('node:crypto: a nonce that is refused leaves nothing for the key that comes next', () => {
    for (const name of NAMES) {
      const { keyLength } = AEADS[name];
      const key = new Uint8Array(keyLength).fill(9);
      const expected = sealed(nodeProvider, name, key);
      const other = nodeProvider.aead(name, new Uint8Array(keyLength).fill(7));
      assert.throws(() => other.seal(NO_BYTES, NO_BYTES, NO_BYTES, new Uint8Array(16), 0));
      assert.equal(other.open(NO_BYTES, NO_BYTES, new Uint8Array(20)), undefined);
      assert.deepEqual(sealed(nodeProvider, name, key), expected, name);
    }
  });
});
