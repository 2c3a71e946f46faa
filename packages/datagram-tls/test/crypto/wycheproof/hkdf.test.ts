import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { hkdfExtract } from '#lib/keys/schedule13.js';
import { hex, needsWycheproof, type Vector, which, wycheproof } from './vectors.js';

interface HkdfVector extends Vector {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

suite('HKDF against Wycheproof', () => {
  for (const hash of ['sha256', 'sha384'] as const) {
    const file = `hkdf_${hash}` as const;
    test(`extract and expand under ${hash} give every output`, needsWycheproof(file), () => {
      const tests = wycheproof<object, HkdfVector>(file).flatMap((group) => group.tests);
      const valid = tests.filter(({ result }) => result === 'valid');
      assert.ok(valid.length > 70);
      for (const vector of valid) {
        const prk = hkdfExtract(nodeProvider, hash, hex(vector.salt), hex(vector.ikm));
        const output = nodeProvider.hkdfExpand(hash, prk, hex(vector.info), vector.size);
        assert.deepEqual(output, hex(vector.okm), which(vector));
      }
    });

    test(`more than 255 blocks of ${hash} are refused`, needsWycheproof(file), () => {
      const tests = wycheproof<object, HkdfVector>(file).flatMap((group) => group.tests);
      const tooLong = tests.filter(({ result }) => result === 'invalid');
      assert.ok(tooLong.length > 0);
      for (const vector of tooLong) {
        const expand = () => nodeProvider.hkdfExpand(hash, hex(vector.ikm), hex(vector.info), vector.size);
        assert.throws(expand, RangeError, which(vector));
      }
    });
  }
});
