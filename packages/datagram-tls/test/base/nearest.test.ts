import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nearest } from '#lib/base/nearest.js';

const WORDS = ['ca', 'cert', 'ciphers', 'requestCert', 'requestOCSP', 'mtu'];

suite('the name that is meant', () => {
  for (const [wrong, meant] of [
    ['cihpers', 'ciphers'],
    ['cipher', 'ciphers'],
    ['cipherss', 'ciphers'],
    ['cyphers', 'ciphers'],
    ['requestcert', 'requestCert'],
    ['requestOscp', 'requestOCSP'],
    ['MTU', 'mtu'],
    ['mut', 'mtu'],
    ['c', 'ca'],
  ] as const) {
    test(`${wrong} is likely ${meant}`, () => assert.equal(nearest(wrong, WORDS), meant));
  }

  test('is unknown where more than a third of the letters differ', () => {
    for (const wrong of ['', 'xyz', 'request', 'x'.repeat(100_000)])
      assert.equal(nearest(wrong, WORDS), undefined);
  });

  test('is the first of those that are equally near', () => {
    assert.equal(nearest('ab', ['ax', 'bb']), 'ax');
  });
});
