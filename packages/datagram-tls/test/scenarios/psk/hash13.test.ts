// Siege case C7.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { refused } from '../../support/refused.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const SHA384 = 'TLS_AES_256_GCM_SHA384';

suite('a pre-shared key whose hash does not fit', () => {
  test('server reports that the hash is wrong, and how to import the key', () => {
    const pair = refused({
      version: 'DTLSv1.3',
      client: { psk: { identity: 'a', key: KEY }, ciphers: SHA384 },
      server: { psk: { a: KEY }, ciphers: SHA384, cert: undefined, key: undefined },
    });
    const error = pair.server.error ?? assert.fail();
    assert.equal(error.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
    assert.match(error.message, /TLS_AES_256_GCM_SHA384.*import: true/);
  });
});
