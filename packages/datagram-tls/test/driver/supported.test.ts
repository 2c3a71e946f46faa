import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSecureContext, getSupported } from '#lib/index.js';

suite('what the runtime supports', () => {
  const { versions, ciphers, groups, sigalgs } = getSupported();
  const psk = { identity: 'one', key: Buffer.alloc(16, 1) };

  test('versions are named, latest first', () => {
    assert.deepEqual(versions, ['DTLSv1.3', 'DTLSv1.2']);
  });

  test('every cipher is taken as an option', () => {
    assert.ok(ciphers.includes('TLS_AES_128_GCM_SHA256'));
    for (const name of ciphers)
      createSecureContext({ ciphers: name, ...(name.includes('PSK') ? { psk } : {}) });
  });

  test('every group and signature scheme is taken as an option', () => {
    assert.ok(groups.length > 0 && sigalgs.length > 0);
    for (const name of groups) createSecureContext({ groups: name });
    for (const name of sigalgs) createSecureContext({ sigalgs: name });
  });
});
