// The state of an open session goes on in another process.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type CipherSuite, SUITES } from '#lib/crypto/suites.js';
import { exportKeyingMaterial } from '#lib/handshake/session.js';
import { CLIENTS, SERVERS } from '../support/identities.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { VERSIONS } from '../support/settings.js';
import type { Side } from '../support/side.js';

const ROLES = ['client', 'server'] as const;
const PSK = { identity: 'sensor-1', key: new Uint8Array(32).fill(7) };

/** Both directions work, with messages of their own. */
function talk(pair: Pair, text: string): void {
  const before = [pair.client.messages.length, pair.server.messages.length] as const;
  pair.send(pair.client, utf8(`${text} up`));
  pair.send(pair.server, utf8(`${text} down`));
  pair.runFor(100);
  assert.deepEqual(pair.server.messages.slice(before[1]).map(text8), [`${text} up`]);
  assert.deepEqual(pair.client.messages.slice(before[0]).map(text8), [`${text} down`]);
}

const text8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function sideOf(pair: Pair, role: (typeof ROLES)[number]): Side {
  return pair[role];
}

function optionsOf(of: CipherSuite): Partial<PairOptions> {
  const ciphers = of.opensslName;
  const { keyExchange } = of;
  if (keyExchange === 'psk' || keyExchange === 'ecdhe_psk')
    return { server: { psk: () => PSK.key, ciphers }, client: { psk: PSK, ciphers } };
  const identity = keyExchange === 'ecdhe_rsa' ? SERVERS.rsa : SERVERS.ed25519;
  return { server: { ...identity, ciphers }, client: { ciphers } };
}

for (const of of SUITES) {
  suite(`${of.name}: a session`, () => {
    for (const role of ROLES)
      test(`goes on after its ${role} moved, twice`, () => {
        const version = of.version;
        new Pair({ version, ...optionsOf(of) }).handshake().explain((pair) => {
          talk(pair, 'before');
          pair.move(sideOf(pair, role));
          talk(pair, 'after');
          pair.move(sideOf(pair, role), 5000);
          talk(pair, 'again');
        });
      });
  });
}

for (const version of VERSIONS) {
  suite(`${version}: a moved session`, () => {
    for (const role of ROLES)
      test(`keeps the connection IDs of both sides when its ${role} moved`, () => {
        const connectionId = { connectionId: 8 };
        const options = { version, clientBehaviour: connectionId, serverBehaviour: connectionId };
        new Pair(options).handshake().explain((pair) => {
          const before = [pair.idsOf(pair.client), pair.idsOf(pair.server)];
          assert.equal(before[0]?.send.length, 8);
          talk(pair, 'before');
          pair.move(sideOf(pair, role));
          talk(pair, 'after');
          assert.deepEqual([pair.idsOf(pair.client), pair.idsOf(pair.server)], before);
        });
      });

    test('shows what it showed', () => {
      const both: SecurityOptions = { alpn: ['coap', 'x'], srtp: 'SRTP_AEAD_AES_128_GCM' };
      const server: SecurityOptions = { ...SERVERS.ed25519, ...both, requestCert: true };
      const client: SecurityOptions = { ...CLIENTS.ed25519, ...both };
      const pair = new Pair({ version, server, client }).handshake();
      for (const role of ROLES) {
        const before = sideOf(pair, role).entry.connection;
        const { session, counters } = before;
        assert.ok(session);
        const material = exportKeyingMaterial(nodeProvider, session, 'EXPORTER-x', utf8('c'), 40);
        const seen = structuredClone({ ...counters });
        const after = pair.move(sideOf(pair, role)).entry.connection;
        assert.ok(after.session);
        const { secrets, ...shown } = after.session;
        const { secrets: _, ...expected } = session;
        assert.deepEqual(shown, expected);
        assert.deepEqual(
          exportKeyingMaterial(nodeProvider, after.session, 'EXPORTER-x', utf8('c'), 40),
          material,
        );
        assert.ok(secrets);
        assert.deepEqual({ ...after.counters }, seen);
        assert.equal(after.maxMessageSize, before.maxMessageSize);
      }
    });

    test('delivers no record twice', () => {
      const pair = new Pair({ version }).handshake();
      const sent: Uint8Array[] = [];
      pair.onDelivery = ({ data, from }) => {
        if (from === 'client') sent.push(data);
      };
      for (let i = 0; i < 40; i++) pair.send(pair.client, utf8(String(i)));
      pair.runFor(1000);
      assert.equal(pair.server.messages.length, 40);
      pair.move(pair.server);
      for (const datagram of sent) pair.inject(pair.server, datagram);
      assert.deepEqual(pair.server.messages, []);
      talk(pair, 'new');
    });

    test('hands over messages and datagrams that nobody has polled', () => {
      const pair = new Pair({ version }).handshake();
      const { endpoint, entry } = pair.server;
      endpoint.send(entry, utf8('not polled'));
      const state = endpoint.save(entry, pair.now);
      assert.equal(endpoint.pollTransmit(), undefined);
      pair.goOn('server', state);
      pair.runFor(100);
      assert.deepEqual(pair.client.messages.map(text8), ['not polled']);
    });

    test('carries the words of the application about its peer, however many, and hibernates with them', () => {
      const reason = 'the device was reported as stolen; '.repeat(3000);
      const client: SecurityOptions = { rejectUnauthorized: false, verifyPeer: () => reason };
      const pair = new Pair({ version, client }).handshake();
      pair.runFor(300_000);
      assert.equal(pair.client.endpoint.hibernate(pair.client.entry, pair.now), true);
      assert.equal(pair.client.entry.connection.session?.peer.authorizationError, reason);
      pair.move(pair.client);
      assert.equal(pair.client.entry.connection.session.peer.authorizationError, reason);
      talk(pair, 'after');
    });

    test('is refused in the middle of a handshake, and when it is over', () => {
      const pair = new Pair({ version }).connect();
      assert.throws(() => pair.client.endpoint.save(pair.client.entry, 0), { code: 'ERR_INVALID_STATE' });
      const open = new Pair({ version }).handshake();
      open.close(open.client);
      assert.throws(() => open.client.endpoint.save(open.client.entry, 0), { code: 'ERR_INVALID_STATE' });
    });

    test('tells its peer nothing', () => {
      const pair = new Pair({ version }).handshake();
      pair.runFor(1000);
      let heard = 0;
      pair.onDelivery = () => heard++;
      const before = pair.server;
      pair.move(before);
      pair.runFor(1000);
      assert.equal(heard, 0);
      assert.deepEqual(
        before.closed.map(({ error }) => error),
        [undefined],
      );
      assert.equal(before.endpoint.size, 0);
    });

    test('is small once its handshake is forgotten', () => {
      const pair = new Pair({ version }).handshake();
      talk(pair, 'hello');
      pair.runFor(300_000);
      const { length } = pair.server.endpoint.save(pair.server.entry, pair.now);
      assert.ok(length < 360, `${length} bytes`);
    });
  });
}
