// Siege case A18.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MAX_SEQUENCE } from '#lib/base/sequence.js';
import { SUITES, suiteByName } from '#lib/crypto/suites.js';
import { limitsOf, writerState } from '#lib/record/limits.js';

const expected: readonly [string, number, number][] = [
  ['TLS_AES_128_GCM_SHA256', 23_726_566, 2 ** 36],
  ['TLS_AES_256_GCM_SHA384', 23_726_566, 2 ** 36],
  ['TLS_CHACHA20_POLY1305_SHA256', 2 ** 48, 2 ** 36],
  ['TLS_AES_128_CCM_SHA256', 2 ** 23, 11_863_283],
  ['ECDHE-RSA-AES128-GCM-SHA256', 23_726_566, 2 ** 28],
  ['ECDHE-ECDSA-AES256-GCM-SHA384', 23_726_566, 2 ** 28],
  ['ECDHE-RSA-CHACHA20-POLY1305', 2 ** 48, 2 ** 36],
  ['ECDHE-ECDSA-AES128-CCM', 2 ** 23, 2 ** 28],
  ['ECDHE-ECDSA-AES128-CCM8', 2 ** 23, 2 ** 28],
  ['ECDHE-ECDSA-AES256-CCM8', 2 ** 23, 2 ** 28],
];

suite('AEAD limits', () => {
  for (const [name, sealed, forged] of expected) {
    test(`${name} seals ${sealed} records and survives ${forged} forgeries`, () => {
      const of = suiteByName(name);
      assert.ok(of);
      assert.deepEqual(limitsOf(of), { sealed, forged });
    });
  }

  test('no suite outlasts the sequence numbers', () => {
    for (const of of SUITES) {
      const limits = limitsOf(of);
      assert.equal(writerState(0, limits), 'open');
      assert.equal(writerState(Math.ceil(limits.sealed / 2), limits), 'update-due');
      const end = Math.min(limits.sealed, MAX_SEQUENCE + 1);
      const states = [end - 2, end - 1, end, end + 1].map((sequence) => writerState(sequence, limits));
      assert.deepEqual(states, ['update-due', 'last', 'exhausted', 'exhausted']);
    }
  });
});
