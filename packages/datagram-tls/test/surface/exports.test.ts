// The names that the package exports, and the default export with the same ones.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import dtls, * as names from '#lib/index.js';

suite('the exports', () => {
  test('hold every name of node:dtls', () => {
    for (const name of [
      'connect',
      'createSecureContext',
      'listen',
      'DTLSEndpoint',
      'DTLSSecureContext',
      'DTLSSession',
    ] as const)
      assert.equal(typeof names[name], 'function', name);
  });

  test('the default export has the same names, and the same values', () => {
    const { default: itself, ...others } = names;
    assert.equal(itself, dtls);
    assert.deepEqual({ ...dtls }, others);
  });
});
