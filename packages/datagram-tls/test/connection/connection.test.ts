import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { Connection } from '#lib/connection/connection.js';
import { assertAlive } from '../support/alive.js';
import { Pair } from '../support/pair.js';
import { recordsOf } from '../support/records.js';
import { behaviour, security, VERSIONS } from '../support/settings.js';

const ROLES = ['client', 'server'] as const;
const LINGER = 500;

for (const version of VERSIONS) {
  suite(`sending, ${version}`, () => {
    test('send throws ERR_INVALID_STATE before the start, during the handshake and after the end', () => {
      const destination = { serverName: undefined, verifyName: undefined };
      const fresh = Connection.create(security('client', version), behaviour(), destination, {
        address: '192.0.2.1',
        family: 'IPv4',
        port: 1,
      });
      assert.throws(() => fresh.send(utf8('x')), { code: 'ERR_INVALID_STATE' });
      fresh.start(0);
      assert.throws(() => fresh.send(utf8('x')), { code: 'ERR_INVALID_STATE' });
      fresh.close(0);
      assert.throws(() => fresh.send(utf8('x')), { code: 'ERR_INVALID_STATE' });
      assert.equal(fresh.phase, 'closed');
    });

    for (const role of ROLES) {
      test(`${role} sends any length up to the largest in one datagram within the MTU`, () => {
        const pair = new Pair({
          version,
          clientBehaviour: { mtu: 500 },
          serverBehaviour: { mtu: 500 },
        }).handshake();
        const { connection } = pair[role].entry;
        const other = pair[role === 'client' ? 'server' : 'client'];
        const largest = connection.maxMessageSize;
        const sizes: number[] = [];
        pair.intercept = (data) => {
          sizes.push(data.length);
          return [data];
        };
        for (const length of [0, 1, largest - 1, largest])
          pair.send(pair[role], new Uint8Array(length).fill(7));
        pair.runFor(100);
        assert.deepEqual(
          other.messages.map((m) => m.length),
          [0, 1, largest - 1, largest],
        );
        assert.equal(Math.max(...sizes), 500);
        assert.throws(() => connection.send(new Uint8Array(largest + 1)), {
          code: 'ERR_OUT_OF_RANGE',
          message: new RegExp(
            `^data is ${largest + 1} bytes, .* ${largest} byte maximum for a single datagram\\. Split`,
          ),
        });
        pair.intercept = undefined;
        assertAlive(pair);
      });

      test(`${role} never sends more than a record holds, however large the MTU`, () => {
        const pair = new Pair({
          version,
          clientBehaviour: { mtu: 65_535 },
          serverBehaviour: { mtu: 65_535 },
        });
        pair.handshake();
        assert.equal(pair[role].entry.connection.maxMessageSize, 0x4000);
        pair.send(pair[role], new Uint8Array(0x4000));
        pair.runFor(100);
        const other = pair[role === 'client' ? 'server' : 'client'];
        assert.equal(other.messages[0]?.length, 0x4000);
      });

      test(`${role} counts messages, bytes and datagrams of both directions`, () => {
        const pair = new Pair({ version }).handshake();
        const other = pair[role === 'client' ? 'server' : 'client'];
        const before = other.entry.connection.counters.datagramsReceived;
        for (let i = 1; i <= 10; i++) pair.send(pair[role], new Uint8Array(i));
        pair.runFor(100);
        const sent = pair[role].entry.connection.counters;
        const received = other.entry.connection.counters;
        assert.deepEqual([sent.messagesSent, sent.payloadSent], [10, 55]);
        assert.deepEqual([received.messagesReceived, received.payloadReceived], [10, 55]);
        assert.equal(received.datagramsReceived - before, 10);
      });
    }

    // The last Finished is the server's in 1.2, and the client's in 1.3.
    const [first, second] = version === 'DTLSv1.3' ? (['client', 'server'] as const) : ROLES.toReversed();
    assert.ok(first && second);

    test('data that overtakes the Finished is delivered after it, in order', () => {
      const pair = new Pair({ version });
      let finished: Uint8Array | undefined;
      pair.intercept = (data, from) => {
        if (from !== first || finished !== undefined || recordsOf(data).every(({ epoch }) => epoch === 0))
          return [data];
        finished = data;
        return [];
      };
      pair.connect();
      pair.runUntil(() => finished !== undefined, 900);
      assert.ok(finished && pair[first].isConnected);
      for (const text of ['one', 'two', 'three']) pair.send(pair[first], utf8(text));
      pair.runFor(50);
      assert.equal(pair[second].messages.length, 0);
      pair.inject(pair[second], finished);
      assert.deepEqual(pair[second].messages, ['one', 'two', 'three'].map(utf8));
    });

    test('data that overtakes the Finished is kept within a budget, empty messages too', () => {
      for (const size of [0, 1000]) {
        const pair = new Pair({ version });
        pair.intercept = (data, from) => {
          // Records of DTLS 1.3 do not show their type, only the handshake's epoch.
          const last = recordsOf(data).some(({ epoch, type }) => epoch === 2 || (epoch === 1 && type === 22));
          return from === first && last ? [] : [data];
        };
        pair.connect();
        pair.runUntil(() => pair[first].isConnected, 900);
        for (let i = 0; i < 1000; i++) pair.send(pair[first], new Uint8Array(size));
        pair.runFor(50);
        assert.ok((pair[second].dropped['over_budget'] ?? 0) >= 1000 - 16_384 / 64);
        pair.intercept = undefined;
        pair.runUntil(() => pair[second].isConnected, 5000);
        assert.ok(pair[second].messages.length > 0);
      }
    });
  });

  suite(`closing, ${version}`, () => {
    for (const role of ROLES) {
      const peer = role === 'client' ? 'server' : 'client';

      test(`${role} sends close_notify, and both end without an error`, () => {
        const pair = new Pair({ version }).handshake();
        pair.close(pair[role]);
        assert.equal(pair[role].phase, 'closing');
        assert.throws(() => pair[role].entry.connection.send(utf8('x')), { code: 'ERR_INVALID_STATE' });
        pair.runFor(100);
        for (const side of [pair.client, pair.server]) {
          assert.ok(side.isClosed);
          assert.equal(side.error, undefined);
          assert.deepEqual(side.alerts('sent'), ['warning close_notify']);
        }
      });

      test(`${role} that closes does not wait forever for an answer`, () => {
        const pair = new Pair({ version }).handshake();
        pair.intercept = () => [];
        pair.close(pair[role]);
        pair.runFor(LINGER - 1);
        assert.equal(pair[role].phase, 'closing');
        pair.runFor(1);
        assert.ok(pair[role].isClosed);
        assert.ok(pair[peer].isConnected);
      });

      test(`${role} that closes before its last flight is acknowledged is not ended by the handshake timer`, () => {
        const patience = { handshakeTimeout: 3000 };
        const pair = new Pair({ version, clientBehaviour: patience, serverBehaviour: patience });
        pair.connect();
        pair.runUntil(() => pair[role].isConnected, 2000);
        pair.intercept = () => [];
        pair.close(pair[role]);
        pair.runUntil(() => pair[role].isClosed, 10_000);
        assert.ok(pair[role].isClosed);
        assert.equal(pair[role].error, undefined);
      });

      test(`${role} that has closed delivers later messages as the version requires`, () => {
        const pair = new Pair({ version }).handshake();
        pair.send(pair[peer], utf8('too late'));
        pair.close(pair[role]);
        pair.runFor(100);
        // In DTLS 1.3 each direction ends by itself (RFC 8446 §6.1).
        const delivered = version === 'DTLSv1.3' ? 1 : 0;
        assert.equal(pair[role].messages.length, delivered);
        assert.equal(pair[role].dropped['closed'] ?? 0, 1 - delivered);
      });

      test(`${role} that closes during the handshake ends at once, and the peer is told`, () => {
        const pair = new Pair({ version, jobs: 'by-hand' }).connect();
        pair.runFor(200);
        if (role === 'client') assert.equal(pair.server.phase, 'handshaking');
        pair.close(pair[role]);
        assert.ok(pair[role].isClosed);
        // Else the server would take the repeated ClientHello for a new one.
        pair.intercept = (data, from) => (from === 'client' && role === 'server' ? [] : [data]);
        // Its alert names no record of the client, which waits for two runs of its timer.
        pair.runFor(4000);
        pair.explain(() => {
          if (role === 'client') return;
          assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_ALERT');
          assert.equal(pair.client.error.alert, 'close_notify');
        });
      });

      test(`${role} that is abandoned sends close_notify and ends`, () => {
        const pair = new Pair({ version }).handshake();
        pair[role].endpoint.abandon(pair[role].entry, undefined);
        pair.drain();
        assert.ok(pair[role].isClosed);
        pair.runFor(100);
        assert.ok(pair[peer].isClosed);
        assert.equal(pair[peer].error, undefined);
      });

      test(`${role} that is closed twice, woken and fed afterwards stays closed`, () => {
        const pair = new Pair({ version }).handshake();
        const { connection } = pair[role].entry;
        pair.close(pair[role]);
        pair.close(pair[role]);
        pair.runFor(1000);
        connection.close(pair.now);
        connection.handleTimeout(pair.now + 1_000_000);
        assert.equal(connection.receive(new Uint8Array(20), pair[peer].address, pair.now), false);
        connection.abandon(undefined);
        assert.equal(connection.phase, 'closed');
        assert.equal(connection.pollTransmit(), undefined);
        assert.equal(connection.pollEvent(), undefined);
        assert.equal(connection.pollTimeout(), undefined);
      });
    }

    test('both sides may close at the same moment', () => {
      const pair = new Pair({ version }).handshake();
      pair.close(pair.client);
      pair.close(pair.server);
      pair.runFor(1000);
      for (const side of [pair.client, pair.server]) assert.ok(side.isClosed && side.error === undefined);
    });

    test('an unnecessary wake-up does nothing', () => {
      const pair = new Pair({ version }).handshake();
      for (const side of [pair.client, pair.server]) {
        side.entry.connection.handleTimeout(pair.now);
        assert.equal(side.entry.connection.pollTransmit(), undefined);
        assert.equal(side.entry.connection.pollEvent(), undefined);
      }
    });
  });
}
