import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { machineOf } from '#lib/connection/connection.js';
import type { KeptHandshake } from '#lib/connection/kept-handshake.js';
import type { Security } from '#lib/connection/version.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { SUITES } from '#lib/crypto/suites.js';
import { exportKeyingMaterial } from '#lib/handshake/session.js';
import { countingProvider, noCounts } from '../support/counting-provider.js';
import { CLIENTS, SERVERS } from '../support/identities.js';
import { fieldsOf } from '../support/inside.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { Random } from '../support/random.js';
import { plainRecord, unifiedRecord } from '../support/records.js';
import { VERSIONS } from '../support/settings.js';
import type { Side } from '../support/side.js';

const AFTER = 10_000;
/** Both sides hibernate after {@link AFTER}, unless `options` say otherwise. */
function openPair(options: PairOptions): Pair {
  const behaviour = { hibernateAfter: AFTER };
  return new Pair({ clientBehaviour: behaviour, serverBehaviour: behaviour, ...options }).handshake();
}

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

function hibernates(side: Side): boolean {
  return side.entry.connection.hibernates;
}

/** Only the state of its handshake is there. */
function isDataAlone(side: Side): boolean {
  const handshake = fieldsOf(machineOf(side.entry.connection)).get('#handshake') as KeptHandshake;
  return handshake.rests;
}

/** One message in each direction. */
function talk(pair: Pair, text: string): void {
  pair.send(pair.client, utf8(`${text} up`));
  pair.send(pair.server, utf8(`${text} down`));
  pair.runFor(100);
  assert.equal(textOf(pair.server.messages.at(-1)), `${text} up`);
  assert.equal(textOf(pair.client.messages.at(-1)), `${text} down`);
}

for (const version of VERSIONS) {
  suite(`${version}: a session without traffic`, () => {
    test('hibernates, and wakes with a datagram and with a message of ours', () => {
      openPair({ version }).explain((pair) => {
        for (let round = 0; round < 4; round++) {
          talk(pair, `round ${round}`);
          pair.runFor(2 * AFTER + 1);
          assert.ok(hibernates(pair.client) && hibernates(pair.server));
          assert.equal(pair.server.endpoint.hibernating, 1);
        }
        talk(pair, 'last');
        assert.equal(pair.server.endpoint.hibernating, 0);
      });
    });

    test('makes no keys but those of the next record in each direction when it wakes', () => {
      const counts = noCounts();
      const adjust = (security: Security): Security =>
        security.role === 'client'
          ? security
          : { ...security, provider: countingProvider(security.provider, counts) };
      const pair = openPair({ version, adjust });
      talk(pair, 'first');
      // The epochs of the handshake are kept for minutes.
      pair.runFor(2 * AFTER + 1);
      assert.ok(hibernates(pair.server));
      Object.assign(counts, noCounts());
      talk(pair, 'second');
      assert.equal(counts['AEAD keys'], 2);
    });

    test('rests before that, and makes keys only for the next record of a direction', () => {
      const counts = noCounts();
      const adjust = (security: Security): Security =>
        security.role === 'client'
          ? security
          : { ...security, provider: countingProvider(security.provider, counts) };
      openPair({ version, adjust }).explain((pair) => {
        talk(pair, 'first');
        const made = (): number => counts['AEAD keys'];
        for (const text of ['second', 'third']) {
          // Two looks, of which the second finds no traffic.
          pair.runFor(AFTER / 2);
          assert.ok(!hibernates(pair.server));
          const before = made();
          pair.send(pair.client, utf8(text));
          pair.runFor(100);
          assert.equal(textOf(pair.server.messages.at(-1)), text);
          assert.equal(made(), before + 1);
          pair.send(pair.server, utf8(text));
          pair.runFor(100);
          assert.equal(made(), before + 2);
          talk(pair, `${text} again`);
          assert.equal(made(), before + 2);
        }
      });
    });

    test('rests soon after its handshake, and later only after a pause that does not grow any more', () => {
      const counts = noCounts();
      const adjust = (security: Security): Security =>
        security.role === 'client'
          ? security
          : { ...security, provider: countingProvider(security.provider, counts) };
      const behaviour = { hibernateAfter: 6 * AFTER };
      openPair({ version, adjust, clientBehaviour: behaviour, serverBehaviour: behaviour }).explain(
        (pair) => {
          talk(pair, 'first');
          pair.runFor(1000);
          assert.ok(isDataAlone(pair.server));
          const made = (): number => counts['AEAD keys'];
          const before = made();
          talk(pair, 'second');
          assert.equal(made(), before + 2);
          for (let i = 0; i < 10; i++) {
            pair.runFor(AFTER - 500);
            talk(pair, `message ${i}`);
          }
          assert.equal(made(), before + 2);
          pair.runFor(2 * AFTER);
          talk(pair, 'last');
          assert.equal(made(), before + 4);
        },
      );
    });

    test('lets go of its handshake, also while messages go in both directions', () => {
      openPair({ version }).explain((pair) => {
        assert.ok(!isDataAlone(pair.client) && !isDataAlone(pair.server));
        for (let i = 0; i < 10; i++) {
          talk(pair, `message ${i}`);
          pair.runFor(AFTER / 10);
        }
        assert.ok(isDataAlone(pair.client) && isDataAlone(pair.server));
        assert.ok(!hibernates(pair.client) && !hibernates(pair.server));
      });
    });

    test('makes its handshake again for a client that repeats its last flight, which gets the answer', () => {
      // Tickets would be repeated until the client acknowledges them.
      const server = { ...SERVERS.ed25519, ticketKeys: false as const };
      const serverBehaviour = { hibernateAfter: AFTER };
      new Pair({ version, server, serverBehaviour }).connect().explain((pair) => {
        assert.ok(pair.runUntil(() => pair.server.isConnected, 10_000));
        pair.intercept = (data, from) => (from === 'server' ? [] : [data]);
        assert.ok(pair.runUntil(() => isDataAlone(pair.server), AFTER));
        const isDone = (): boolean => pair.client.isConnected && !pair.client.entry.connection.isFinishing;
        assert.ok(!isDone());
        pair.intercept = undefined;
        assert.ok(pair.runUntil(isDone, 60_000));
        talk(pair, 'open');
        pair.runFor(AFTER / 2);
        assert.ok(isDataAlone(pair.server));
      });
    });

    test('hibernates again for a caller whose clock is at the instant that was asked for', () => {
      const pair = openPair({ version });
      pair.runFor(300_000);
      const { connection } = pair.server.entry;
      assert.ok(connection.hibernates);
      connection.send(utf8('woken'));
      while (connection.pollTransmit() !== undefined);
      for (let calls = 0; calls < 3; calls++) {
        const due = connection.pollTimeout();
        assert.ok(due !== undefined && Number.isFinite(due), `${due}`);
        connection.handleTimeout(due);
      }
      assert.equal(connection.hibernates, true);
    });

    test('never rests with hibernateAfter 0', () => {
      const counts = noCounts();
      const adjust = (security: Security): Security => ({
        ...security,
        provider: countingProvider(security.provider, counts),
      });
      const behaviour = { hibernateAfter: 0 };
      const pair = openPair({ version, adjust, clientBehaviour: behaviour, serverBehaviour: behaviour });
      talk(pair, 'first');
      const before = { ...counts };
      pair.runFor(600_000);
      talk(pair, 'second');
      assert.equal(counts['AEAD keys'], before['AEAD keys']);
    });

    test('stays awake while messages go in either direction', () => {
      const pair = openPair({ version });
      for (let i = 0; i < 6; i++) {
        pair.send(pair.client, utf8('up'));
        pair.runFor(AFTER / 2);
        assert.ok(!hibernates(pair.client) && !hibernates(pair.server));
      }
    });

    test('is kept awake by no junk, which wakes it once in a pause', () => {
      openPair({ version }).explain((pair) => {
        const junk =
          version === 'DTLSv1.3'
            ? unifiedRecord(3, 99, new Uint8Array(40))
            : plainRecord(23, new Uint8Array(40), { epoch: 1, sequence: 99 });
        pair.runFor(300_000);
        let wakes = 0;
        for (let i = 0; i < 200; i++) {
          if (hibernates(pair.server)) wakes++;
          pair.inject(pair.server, junk);
          pair.runFor(AFTER / 20);
        }
        assert.ok(wakes >= 8 && wakes <= 10, `${wakes}`);
        talk(pair, 'still there');
      });
    });

    test('shows the same as before, without being woken', () => {
      const server = { ...SERVERS.ed25519, requestCert: true, alpn: ['coap'] };
      const pair = openPair({ version, server, client: { ...CLIENTS.ed25519, alpn: ['coap'] } });
      talk(pair, 'hello');
      for (const side of [pair.client, pair.server]) {
        const { connection } = side.entry;
        const look = (): unknown => {
          const { session, counters, maySend, maxMessageSize, phase, earlyData, isFinishing, path } =
            connection;
          assert.ok(session);
          const { secrets: _, ...shown } = session;
          const material = exportKeyingMaterial(nodeProvider, session, 'EXPORTER-x', utf8('c'), 40);
          const { address, validated, bytesSent, bytesReceived, maxDatagramSize } = path;
          const seen = { maySend, maxMessageSize, phase, earlyData, isFinishing };
          return structuredClone({
            ...seen,
            counters,
            shown,
            material,
            path: { address, validated, bytesSent, bytesReceived, maxDatagramSize },
          });
        };
        const before = look();
        assert.ok(side.endpoint.hibernate(side.entry, pair.now));
        assert.deepEqual(look(), before);
        assert.ok(hibernates(side));
      }
    });

    test('tells what is known of it without a single key', () => {
      const made: unknown[] = [];
      const adjust = (security: Security): Security => {
        const aead: typeof security.provider.aead = (...given) => {
          made.push(given[0]);
          return security.provider.aead(...given);
        };
        return { ...security, provider: { ...security.provider, aead } };
      };
      const pair = openPair({ version, adjust });
      talk(pair, 'hello');
      pair.runFor(3 * AFTER);
      const { connection } = pair.server.entry;
      assert.ok(connection.hibernates && made.length > 0);
      made.length = 0;
      assert.equal(connection.counters.messagesReceived, 1);
      assert.ok(connection.lastHeard > 0 && connection.maySend);
      assert.ok(connection.session?.version === version && connection.earlyData === 'none');
      assert.ok(connection.path.bytesReceived > 0 && connection.path.maxDatagramSize > 0);
      assert.ok(connection.maxMessageSize > 0 && connection.hibernates);
      assert.deepEqual(made, []);
      pair.send(pair.client, utf8('awake'));
      pair.runFor(100);
      assert.notDeepEqual(made, []);
    });

    test('keeps its connection IDs', () => {
      const ids = { hibernateAfter: AFTER, connectionId: 5 };
      openPair({ version, clientBehaviour: ids, serverBehaviour: ids }).explain((pair) => {
        const { connection } = pair.server.entry;
        const before = connection.connectionIds;
        assert.equal(before?.receive.length, 5);
        for (let round = 0; round < 3; round++) {
          talk(pair, `round ${round}`);
          pair.runFor(3 * AFTER);
          assert.ok(hibernates(pair.client) && hibernates(pair.server));
          assert.deepEqual(connection.connectionIds, before);
        }
      });
    });

    test('delivers no record twice after it has woken', () => {
      const pair = openPair({ version });
      const sent: Uint8Array[] = [];
      pair.onDelivery = ({ data, from }) => {
        if (from === 'client') sent.push(data);
      };
      for (let i = 0; i < 40; i++) pair.send(pair.client, utf8(String(i)));
      pair.runFor(3 * AFTER);
      assert.ok(hibernates(pair.server));
      for (const datagram of sent) pair.inject(pair.server, datagram);
      assert.equal(pair.server.messages.length, 40);
    });

    test('ends after idleTimeout all the same', () => {
      const serverBehaviour = { hibernateAfter: 1000, idleTimeout: 30_000 };
      const pair = openPair({ version, serverBehaviour });
      pair.runFor(29_000);
      assert.ok(hibernates(pair.server));
      pair.runFor(2000);
      assert.equal(pair.server.error?.code, 'ERR_DTLS_IDLE_TIMEOUT');
      assert.equal(pair.server.endpoint.hibernating, 0);
    });

    test('probes its peer all the same', () => {
      const keepAlive = { interval: 5000, timeout: 20_000, message: 'ping' };
      const pair = openPair({ version, serverBehaviour: { hibernateAfter: 1000, keepAlive } });
      pair.runFor(4000);
      assert.ok(hibernates(pair.server));
      pair.intercept = () => [];
      pair.runFor(60_000);
      assert.equal(pair.server.error?.code, 'ERR_DTLS_PEER_GONE');
    });

    test('closes as one that is awake', () => {
      for (const role of ['client', 'server'] as const) {
        const pair = openPair({ version });
        pair.runFor(3 * AFTER);
        pair.close(pair[role]);
        pair.runFor(1000);
        assert.deepEqual([pair.client.phase, pair.server.phase], ['closed', 'closed']);
        assert.deepEqual([pair.client.error, pair.server.error], [undefined, undefined]);
      }
    });

    test('never hibernates with hibernateAfter 0, but by a call', () => {
      const pair = openPair({ version, serverBehaviour: { hibernateAfter: 0 } });
      pair.runFor(600_000);
      assert.ok(!hibernates(pair.server));
      assert.equal(pair.server.endpoint.hibernate(pair.server.entry, pair.now), true);
      talk(pair, 'woken');
    });

    test('is evicted on a full endpoint by the age that it had', () => {
      const limits = { maxSessions: 1, evictAfter: 5000 };
      const pair = openPair({ version, limits, serverBehaviour: { hibernateAfter: 1000 } });
      pair.runFor(3000);
      const [first] = pair.server.entries;
      assert.ok(first?.connection.hibernates);
      pair.restartClient();
      pair.runFor(3000);
      pair.connect().runFor(3000);
      assert.equal(first.connection.phase, 'closed');
    });

    test('moves to another process as one that is awake', () => {
      const pair = openPair({ version });
      pair.runFor(3 * AFTER);
      assert.ok(hibernates(pair.server));
      pair.move(pair.server);
      talk(pair, 'moved');
    });

    test('sleeps no sooner after a move than it was told, however short the pause', () => {
      for (const hibernateAfter of [60, 200, 600]) {
        const pair = openPair({ version, serverBehaviour: { hibernateAfter } });
        const moved = pair.move(pair.server);
        pair.runFor(hibernateAfter - hibernateAfter / 6);
        assert.ok(!hibernates(moved), `${hibernateAfter}`);
        pair.runFor(2 * hibernateAfter);
        assert.ok(hibernates(moved), `${hibernateAfter}`);
      }
    });

    test('takes about as many bytes as its state', () => {
      const pair = openPair({ version });
      pair.runFor(600_000);
      assert.ok(hibernates(pair.server));
      const { length } = pair.server.endpoint.save(pair.server.entry, pair.now);
      assert.ok(length < 400, `${length} bytes`);
    });
  });

  suite(`${version}: a session with something under way`, () => {
    test('does not hibernate in its handshake', () => {
      const pair = new Pair({ version }).connect();
      assert.equal(pair.client.endpoint.hibernate(pair.client.entry, pair.now), false);
    });

    test('does not hibernate before what it tells is polled', () => {
      const pair = openPair({ version });
      const { endpoint, entry } = pair.server;
      endpoint.send(entry, utf8('not polled'));
      assert.equal(endpoint.hibernate(entry, pair.now), false);
      pair.drain();
      assert.equal(endpoint.hibernate(entry, pair.now), true);
    });

    test('does not hibernate after it is over', () => {
      const pair = openPair({ version });
      pair.close(pair.client);
      pair.runFor(1000);
      assert.equal(pair.client.entry.connection.hibernate(pair.now), false);
    });
  });

  suite(`${version}: sessions that hibernate at random`, () => {
    const seeds = Array.from({ length: 25 }, (_, i) => i + 1);
    test('lose nothing but what the network loses', () => {
      for (const seed of seeds) {
        const random = new Random(seed);
        openPair({ version, seed, weather: { loss: 0.1, jitter: 50, duplication: 0.1 } }).explain((pair) => {
          let delivered = 0;
          pair.onDelivery = () => delivered++;
          for (let step = 0; step < 60; step++) {
            const side = random.chance(0.5) ? pair.client : pair.server;
            if (random.chance(0.5)) pair.send(side, utf8(`message ${step}`));
            else side.endpoint.hibernate(side.entry, pair.now);
            pair.runFor(random.below(3000));
          }
          const messages = pair.client.messages.length + pair.server.messages.length;
          assert.ok(messages > 0 && messages <= delivered);
          pair.network.weather = { ...pair.network.weather, loss: 0, jitter: 0 };
          talk(pair, 'end');
        });
      }
    });
  });
}

for (const suiteOf of SUITES) {
  test(`${suiteOf.name}: a session goes on after it has hibernated`, () => {
    const { keyExchange, version, opensslName: ciphers } = suiteOf;
    const key = new Uint8Array(32).fill(7);
    const psk = keyExchange === 'psk' || keyExchange === 'ecdhe_psk';
    const identity = keyExchange === 'ecdhe_rsa' ? SERVERS.rsa : SERVERS.ed25519;
    const server = psk ? { psk: () => key } : identity;
    const client = psk ? { psk: { identity: 'sensor-1', key } } : {};
    openPair({ version, server: { ...server, ciphers }, client: { ...client, ciphers } }).explain((pair) => {
      pair.runFor(3 * AFTER);
      assert.ok(hibernates(pair.client) && hibernates(pair.server));
      talk(pair, 'hello');
    });
  });
}
