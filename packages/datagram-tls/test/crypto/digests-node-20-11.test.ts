import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { suite } from 'node:test';
import { testDigests } from './digests.js';

// Node before 20.12 hashes nothing in one call. The provider looks when it is loaded, so it is loaded after this.
Reflect.deleteProperty(crypto, 'hash');
const { nodeProvider } = await import('#lib/crypto/node.js');
const { digestOf } = await import('#lib/crypto/node-hash.js');

suite('hashes and MACs where the platform has only objects for them', () => {
  assert.equal(digestOf, undefined);
  testDigests(nodeProvider);
});
