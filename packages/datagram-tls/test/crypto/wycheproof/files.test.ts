import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { listVectors, needs } from '../../support/vectors.js';
import { WYCHEPROOF_FILES } from './vectors.js';

suite('Wycheproof files', () => {
  test('every Wycheproof file is read by a test', needs('wycheproof'), () => {
    const there = listVectors('wycheproof').flatMap((name) => /^(.*)_test\.json$/.exec(name)?.[1] ?? []);
    assert.deepEqual(there.sort(), [...WYCHEPROOF_FILES].sort());
  });
});
