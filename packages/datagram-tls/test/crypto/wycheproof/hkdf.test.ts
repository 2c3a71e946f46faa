import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { hkdfExtract } from '#lib/keys/schedule13.js';
import { hex, needsWycheproof, type Vector, which, wycheproof } from './vectors.js';

interface HkdfVector extends Vector {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));

suite('HKDF against Wycheproof', () => checkAll(nodeProvider));
suite('native HKDF against Wycheproof', { skip: nativeFailure() ?? false }, () => checkAll(native));

function checkAll(provider: CryptoProvider): void {
  for (const hash of ['sha256', 'sha384'] as const) {
    const file = `hkdf_${hash}` as const;
    test(`extract and expand under ${hash} give every output`, needsWycheproof(file), () => {
      const tests = wycheproof<object, HkdfVector>(file).flatMap((group) => group.tests);
      const valid = tests.filter(({ result }) => result === 'valid');
      assert.ok(valid.length > 70);
      for (const vector of valid) {
        const prk = hkdfExtract(provider, hash, hex(vector.salt), hex(vector.ikm));
        const output = provider.hkdfExpand(hash, prk, hex(vector.info), vector.size);
        assert.deepEqual(output, hex(vector.okm), which(vector));
      }
    });

    test(`more than 255 blocks of ${hash} are refused`, needsWycheproof(file), () => {
      const tests = wycheproof<object, HkdfVector>(file).flatMap((group) => group.tests);
      const tooLong = tests.filter(({ result }) => result === 'invalid');
      assert.ok(tooLong.length > 0);
      for (const vector of tooLong) {
        const expand = () => provider.hkdfExpand(hash, hex(vector.ikm), hex(vector.info), vector.size);
        assert.throws(expand, RangeError, which(vector));
      }
    });
  }
}
