// Events of node:diagnostics_channel.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { CHANNELS } from '#lib/driver/channels.js';
import { connect, type DiagnosticsChannels, DTLSEndpoint, listen } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { limitKeys } from '../support/key-limit.js';
import { VERSIONS } from '../support/settings.js';
import { client, echoServer, roundTrip, UNHURRIED, until } from './echo.js';
import { MemoryNetwork } from './memory-link.js';
import { openNat } from './nat.js';

/** Of application data in epoch 1, whose keys are not there yet. */
const EARLY_RECORD = Uint8Array.of(23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 40, ...new Uint8Array(40));

type Name = keyof DiagnosticsChannels;
type Event = { [N in Name]: readonly [N, DiagnosticsChannels[N]] }[Name];

const NAMES = Object.values(CHANNELS).map(({ name }) => name as Name);

/** What is published until the test ends. */
function record(t: TestContext, names: readonly Name[] = NAMES): Event[] {
  const events: Event[] = [];
  for (const name of names) {
    const note = (message: unknown): void => void events.push([name, message] as Event);
    subscribe(name, note);
    t.after(() => unsubscribe(name, note));
  }
  return events;
}

function ofName<N extends Name>(events: readonly Event[], name: N): DiagnosticsChannels[N][] {
  return events.filter(([given]) => given === name).map(([, message]) => message as DiagnosticsChannels[N]);
}

for (const version of VERSIONS) {
  suite(`channels of node:diagnostics_channel, ${version}`, () => {
    const versions = { minVersion: version, maxVersion: version, ...UNHURRIED };

    test('a session starts, opens and ends, on either side; an endpoint opens and closes', async (t) => {
      const events = record(t);
      const server = echoServer(versions);
      const session = client(server.port, versions);
      await session.opened;
      await roundTrip(session, 'hello');
      await session.close();
      await server.endpoint.close();
      await session.endpoint.closed;
      const served = server.sessions[0] ?? assert.fail();
      for (const [of, role] of [
        [session, 'client'],
        [served, 'server'],
      ] as const) {
        const { endpoint } = of;
        const own = events.filter(([, message]) => 'session' in message && message.session === of);
        assert.deepEqual(own, [
          ['datagram-tls.session.start', { session: of, endpoint, role }],
          ['datagram-tls.session.open', { session: of, endpoint, protocol: version }],
          ['datagram-tls.session.end', { session: of, endpoint, error: undefined }],
        ]);
        const ofEndpoint = events.filter(
          ([, message]) => !('session' in message) && message.endpoint === endpoint,
        );
        assert.deepEqual(
          ofEndpoint.map(([name]) => name),
          ['datagram-tls.endpoint.open', 'datagram-tls.endpoint.close'],
        );
      }
      assert.deepEqual(ofName(events, 'datagram-tls.endpoint.open')[0]?.address.port, server.port);
    });

    test('a session that fails has an error, then its end with the same error', async (t) => {
      const events = record(t, ['datagram-tls.session.error', 'datagram-tls.session.end']);
      const server = echoServer(versions);
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, { ...versions, servername: 'another.example' });
      let heard: Error | undefined;
      session.onerror = (error) => {
        heard = error;
      };
      await session.closed;
      const own = events.filter(([, message]) => 'session' in message && message.session === session);
      const about = { session, endpoint: session.endpoint, error: heard };
      assert.deepEqual(own, [
        ['datagram-tls.session.error', about],
        ['datagram-tls.session.end', about],
      ]);
    });

    test('discarded records are told by session and reason', async (t) => {
      const events = record(t, ['datagram-tls.session.drop']);
      const server = echoServer(versions);
      t.after(() => server.endpoint.destroy());
      const nat = await openNat(server.port);
      t.after(() => nat.close());
      const session = client(nat.port, versions);
      await session.opened;
      await roundTrip(session, 'hello');
      const before = events.length;
      const served = server.sessions[0] ?? assert.fail();
      const counted = Number(served.stats.droppedCount);
      nat.inject(new Uint8Array([22, 254]));
      await until(() => Number(served.stats.droppedCount) > counted);
      const told = ofName(events, 'datagram-tls.session.drop').slice(before);
      assert.ok(told.length > 0);
      for (const { session: of, endpoint, reason, count } of told) {
        assert.deepEqual([of, endpoint, count], [served, server.endpoint, 1]);
        assert.ok(reason in served.drops, reason);
      }
      await session.close();
    });

    test('a discarded record with a connection ID is told of its session, wherever it comes from', async (t) => {
      const events = record(t, ['datagram-tls.session.drop']);
      const server = echoServer({ ...versions, connectionId: 8 });
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, versions);
      t.after(() => session.destroy());
      await session.opened;
      await roundTrip(session, 'hello');
      const served = server.sessions[0] ?? assert.fail();
      const { receive } = served.connectionId ?? assert.fail();
      const forged =
        version === 'DTLSv1.3'
          ? Buffer.concat([Buffer.of(0x3f), receive, Buffer.of(0, 9, 0, 32), Buffer.alloc(32)])
          : Buffer.concat([
              Buffer.of(25, 254, 253, 0, 1, 0, 0, 0, 0, 0, 99),
              receive,
              Buffer.of(0, 32),
              Buffer.alloc(32),
            ]);
      const elsewhere = createSocket('udp4');
      t.after(() => elsewhere.close());
      elsewhere.send(forged, server.port, '127.0.0.1');
      await until(() => served.drops.bad_record === 1);
      const told = ofName(events, 'datagram-tls.session.drop').filter((drop) => drop.session === served);
      assert.deepEqual(
        told.map(({ reason, count }) => [reason, count]),
        [['bad_record', 1]],
      );
    });
  });
}

suite('channels of node:diagnostics_channel', () => {
  test('an error given to destroy is that of the end, and no failure', async (t) => {
    const events = record(t);
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    const error = new Error('mine');
    session.destroy(error);
    server.endpoint.destroy(error);
    assert.deepEqual(ofName(events, 'datagram-tls.session.error'), []);
    const ends = ofName(events, 'datagram-tls.session.end');
    assert.equal(ends.find((end) => end.session === session)?.error, error);
    const closes = ofName(events, 'datagram-tls.endpoint.close');
    assert.equal(closes.find((close) => close.endpoint === server.endpoint)?.error, error);
  });

  test('the failure of a transport is that of its endpoint', async (t) => {
    const events = record(t);
    const transport = new MemoryNetwork().transport('a');
    const endpoint = listen(() => undefined, { transport, ...SERVERS.p256 });
    const error = new Error('the link is down');
    transport.onclose?.(error);
    await assert.rejects(endpoint.closed, error);
    assert.deepEqual(ofName(events, 'datagram-tls.endpoint.error'), [{ endpoint, error }]);
    assert.deepEqual(ofName(events, 'datagram-tls.endpoint.close'), [{ endpoint, error }]);
  });

  test('refused clients are told as onrefused is', async (t) => {
    const events = record(t, ['datagram-tls.endpoint.refused']);
    const server = echoServer({ maxSessions: 1, evictAfter: 0 });
    t.after(() => server.endpoint.destroy());
    const refusals: unknown[] = [];
    server.endpoint.onrefused = (refusal) => void refusals.push(refusal);
    const first = client(server.port);
    await first.opened;
    const second = client(server.port);
    await until(() => refusals.length > 0);
    assert.deepEqual(ofName(events, 'datagram-tls.endpoint.refused'), [
      { endpoint: server.endpoint, refusal: refusals[0] },
    ]);
    second.destroy();
    await first.close();
  });

  test('datagrams without a session are told by reason', async (t) => {
    const events = record(t, ['datagram-tls.endpoint.drop']);
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const nat = await openNat(server.port);
    t.after(() => nat.close());
    nat.inject(new Uint8Array(20));
    await until(() => events.length > 0);
    server.endpoint.busy = true;
    const session = client(server.port);
    await until(() => events.length > 1);
    const { endpoint } = server;
    // The client tries again.
    assert.deepEqual(events.slice(0, 2), [
      ['datagram-tls.endpoint.drop', { endpoint, reason: 'not_client_hello', count: 1 }],
      ['datagram-tls.endpoint.drop', { endpoint, reason: 'busy', count: 1 }],
    ]);
    session.destroy();
  });

  test('messages that are dropped are told by session and reason', async (t) => {
    const events = record(t, ['datagram-tls.session.drop']);
    const cost = 100 + 512;
    const server = echoServer({ maxUnreadBytes: 2 * cost });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    await until(() => server.sessions.length === 1);
    const served = server.sessions[0] ?? assert.fail();
    served.onmessage = undefined;
    served[Symbol.asyncIterator]();
    for (let i = 0; i < 5; i++) session.send(Buffer.alloc(100));
    await until(() => (served.drops.slow_reader ?? 0) > 0);
    for (let i = 0; i < 2000; i++) session.send(Buffer.alloc(1000));
    const reasons = (of: unknown): string[] =>
      ofName(events, 'datagram-tls.session.drop').flatMap((drop) =>
        drop.session === of ? [drop.reason] : [],
      );
    assert.ok(reasons(served).includes('slow_reader'));
    const full = reasons(session).filter((reason) => reason === 'send_queue_full');
    assert.equal(full.length, session.drops.send_queue_full);
    session.destroy();
  });

  test('records that waited too long are told when a timer discards them', async (t) => {
    const events = record(t, ['datagram-tls.session.drop']);
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    t.after(() => silent.close());
    await once(silent, 'listening');
    const session = connect('127.0.0.1', silent.address().port, {
      maxVersion: 'DTLSv1.2',
      handshakeTimeout: 0,
      retransmission: { initial: 10, max: 10 },
    });
    t.after(() => session.destroy());
    const [, { port }] = (await once(silent, 'message')) as [Buffer, { port: number }];
    silent.send(EARLY_RECORD, port, '127.0.0.1');
    await until(() => session.endpoint.stats.bytesHeld > 0n);
    const now = performance.now.bind(performance);
    t.mock.method(performance, 'now', () => now() + 121_000);
    await until(() => session.drops.expired === 1);
    assert.deepEqual(ofName(events, 'datagram-tls.session.drop'), [
      { session, endpoint: session.endpoint, reason: 'expired', count: 1 },
    ]);
  });

  test('a message for which the keys are used up is told', async (t) => {
    limitKeys(t);
    const events = record(t, ['datagram-tls.session.drop']);
    const server = echoServer({ maxVersion: 'DTLSv1.2' });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    session.onerror = () => undefined;
    await session.opened;
    let sent = 0;
    while (session.send('again') > 0) sent++;
    assert.ok(sent > 0);
    const own = ofName(events, 'datagram-tls.session.drop').filter((drop) => drop.session === session);
    assert.deepEqual(own, [{ session, endpoint: session.endpoint, reason: 'key_limit', count: 1 }]);
    await session.closed;
    assert.equal(session.drops.key_limit, 1);
  });

  test('a client that cannot begin has a start and an end', async (t) => {
    const events = record(t);
    const endpoint = new DTLSEndpoint({ transport: new MemoryNetwork().transport('a') });
    const session = endpoint.connect('b', 1);
    endpoint.destroy();
    await session.closed;
    const names = events.flatMap(([name, message]) =>
      'session' in message && message.session === session ? [name] : [],
    );
    assert.deepEqual(names, ['datagram-tls.session.start', 'datagram-tls.session.end']);
  });

  test('a subscriber that throws is an uncaught exception, and the session goes on', async (t) => {
    const mine = new Error('mine');
    const fails = (): void => {
      throw mine;
    };
    const names = ['datagram-tls.session.start', 'datagram-tls.session.open'] as const;
    for (const name of names) subscribe(name, fails);
    t.after(() => {
      for (const name of names) unsubscribe(name, fails);
    });
    const runners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught: unknown[] = [];
    process.on('uncaughtException', (error) => void uncaught.push(error));
    t.after(() => {
      process.removeAllListeners('uncaughtException');
      for (const runner of runners) process.on('uncaughtException', runner);
    });
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    assert.equal(await roundTrip(session, 'still'), 'still');
    await until(() => uncaught.length === 4);
    assert.deepEqual(uncaught, [mine, mine, mine, mine]);
    await session.close();
    await server.endpoint.close();
  });

  test('without subscribers nothing is made for a channel', async (t) => {
    const published: unknown[] = [];
    for (const own of Object.values(CHANNELS))
      t.mock.method(own, 'publish', (message: unknown) => void published.push(message));
    const server = echoServer({ maxSessions: 1, evictAfter: 0 });
    const session = client(server.port);
    await session.opened;
    await roundTrip(session, 'hello');
    for (let i = 0; i < 2000; i++) session.send(Buffer.alloc(1000));
    assert.ok((session.drops.send_queue_full ?? 0) > 0);
    await session.close();
    await server.endpoint.close();
    assert.deepEqual(published, []);
  });

  test('the names of channels are those of DiagnosticsChannels, and hold nothing when nobody subscribes', () => {
    const all: Record<Name, true> = {
      'datagram-tls.session.start': true,
      'datagram-tls.session.open': true,
      'datagram-tls.session.error': true,
      'datagram-tls.session.end': true,
      'datagram-tls.session.drop': true,
      'datagram-tls.session.migrate': true,
      'datagram-tls.endpoint.open': true,
      'datagram-tls.endpoint.error': true,
      'datagram-tls.endpoint.close': true,
      'datagram-tls.endpoint.refused': true,
      'datagram-tls.endpoint.drop': true,
    };
    assert.deepEqual([...NAMES].sort(), Object.keys(all).sort());
    for (const name of NAMES) assert.equal(channel(name).hasSubscribers, false);
  });

  test('a bind that fails publishes no open', async (t) => {
    const events = record(t);
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    events.length = 0;
    assert.throws(() => connect('127.0.0.1', 9, { bindHost: '127.0.0.1', bindPort: server.port }), {
      code: 'EADDRINUSE',
    });
    assert.deepEqual(ofName(events, 'datagram-tls.endpoint.open'), []);
    const [starts, ends] = [
      ofName(events, 'datagram-tls.session.start'),
      ofName(events, 'datagram-tls.session.end'),
    ];
    assert.deepEqual(
      starts.map(({ session }) => session),
      ends.map(({ session }) => session),
    );
  });
});
