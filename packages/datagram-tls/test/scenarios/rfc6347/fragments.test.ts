import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeType } from '#lib/wire/codes.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { fragmentRecord } from '../../support/records.js';
import { assertWholeMessages } from '../../support/whole.js';
import { Log } from './log.js';

const version = 'DTLSv1.2';
const FRAME = 13 + 12;

suite('handshake messages of DTLS 1.2 in fragments', () => {
  for (const mtu of [256, 300, 548]) {
    test(`fragments of ${mtu} bytes follow one another without gap or overlap and cover each message`, () => {
      const pair = new Pair({
        version,
        clientBehaviour: { mtu },
        serverBehaviour: { mtu },
        client: CLIENTS.p256,
        server: { ...SERVERS.rsa, requestCert: true },
      });
      const log = new Log(pair);
      pair.handshake();
      for (const role of ['client', 'server'] as const) {
        const fragments = log.fragments(role);
        assert.ok(fragments.some(({ fragmentLength, length }) => fragmentLength < length));
        assert.ok(fragments.every(({ fragmentLength }) => fragmentLength + FRAME <= mtu));
        assertWholeMessages(fragments);
      }
    });
  }

  test('fragments of a processed message are discarded and change nothing', () => {
    const pair = new Pair({ version });
    const log = new Log(pair);
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.secrets.length > 0, 900));
    const hello = log.fragments('server').find(({ type }) => type === HandshakeType.server_hello);
    // The same number with other bytes: had they been taken, no Finished would agree with them.
    assert.ok(hello !== undefined);
    const forged = { ...hello, fragment: new Uint8Array(hello.length) };
    pair.inject(pair.client, fragmentRecord(forged));
    assert.equal(pair.client.dropped['repeated_message'], 1);
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900));
  });
});
