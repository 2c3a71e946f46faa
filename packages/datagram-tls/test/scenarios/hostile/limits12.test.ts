// Siege case A18.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { RecordWriter12 } from '#lib/record/protect12.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { limitKeys, SEALED } from '../../support/key-limit.js';
import { Pair } from '../../support/pair.js';
import { plainRecord } from '../../support/records.js';

/** Forgeries that a sender of junk has made within a minute. */
const FORGED = 2 ** 20;

suite('limits of a key, DTLSv1.2', () => {
  for (const role of ['client', 'server'] as const) {
    test(`${role} sends nothing more with a used-up key: the session ends with an error, and send does not throw`, (t) => {
      limitKeys(t);
      const pair = new Pair().handshake();
      const other = pair[role === 'client' ? 'server' : 'client'];
      let sent = 0;
      const { endpoint, entry } = pair[role];
      while (sent < 2 * SEALED && endpoint.send(entry, utf8('again'))) {
        sent++;
        pair.drain();
      }
      pair.drain();
      assert.equal(pair[role].dropped['key_limit'], 1);
      // The Finished was the first record, and the last is for the alert.
      assert.equal(sent, SEALED - 2);
      assert.equal(pair[role].error?.code, 'ERR_DTLS_KEY_LIMIT');
      assert.equal(pair[role].endpoint.size, 0);
      assert.deepEqual(pair[role].alerts('sent'), ['warning close_notify']);
      pair.runFor(1000);
      assert.deepEqual([other.isClosed, other.error, other.messages.length], [true, undefined, SEALED - 2]);
    });

    test(`${role} closes with the last available record`, (t) => {
      limitKeys(t);
      const pair = new Pair().handshake();
      for (let i = 0; i < SEALED - 2; i++) pair.send(pair[role], utf8('again'));
      pair.close(pair[role]);
      pair.runFor(5000);
      assert.ok(pair.client.isClosed && pair.server.isClosed);
      assert.deepEqual(pair[role].alerts('sent'), ['warning close_notify']);
      assert.equal(pair[role].error, undefined);
    });

    test(`${role} ends silently when even an alert would exceed the limit`, (t) => {
      const pair = new Pair().handshake();
      const other = pair[role === 'client' ? 'server' : 'client'];
      const { datagramsReceived } = other.entry.connection.counters;
      t.mock.getter(RecordWriter12.prototype, 'state', () => 'exhausted');
      pair.close(pair[role]);
      pair.runFor(5000);
      assert.ok(pair[role].isClosed);
      assert.equal(other.entry.connection.counters.datagramsReceived, datagramsReceived);
    });

    test(`${role} keeps a session with 8-byte tags through a million forgeries`, () => {
      const ciphers = 'ECDHE-ECDSA-AES128-CCM8';
      const pair = new Pair({
        client: { ciphers },
        server: { ciphers },
        adjust: (s) => ({ ...s, provider: gullible(s.provider) }),
      });
      pair.handshake();
      const { endpoint } = pair[role];
      const { address, port, family } = pair[role === 'client' ? 'server' : 'client'].address;
      const forgery = plainRecord(ContentType.application_data, new Uint8Array(40).fill(FORGERY), {
        epoch: 1,
      });
      for (let i = 0; i < FORGED; i++) endpoint.receive(forgery, address, port, family, pair.now);
      pair.drain();
      assert.equal(pair[role].dropped['bad_record'], FORGED);
      assertAlive(pair);
    });
  }

  test('a session with usable keys is not affected', (t) => {
    limitKeys(t);
    const pair = new Pair().handshake();
    assertAlive(pair);
  });
});

const FORGERY = 0xee;

/** Sees forgeries at a glance: a million of them take the real cipher too long. */
function gullible(provider: CryptoProvider): CryptoProvider {
  return {
    ...provider,
    aead: (name, key) => {
      const real = provider.aead(name, key);
      return {
        tagLength: real.tagLength,
        seal: (nonce, aad, plaintext, out, offset) => real.seal(nonce, aad, plaintext, out, offset),
        open: (nonce, aad, sealed) => (sealed[0] === FORGERY ? undefined : real.open(nonce, aad, sealed)),
      };
    },
  };
}
