// Case D7: more messages than the socket, or the receiver, can take.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { Drains, Pacer } from '#lib/driver/flow.js';
import { Udp } from '#lib/driver/udp.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import type { Outgoing } from '#lib/endpoint/ready-queue.js';
import type { DTLSSession } from '#lib/index.js';
import { collectGarbage } from '../support/garbage.js';
import { VERSIONS } from '../support/settings.js';
import { client, echoServer, until } from './echo.js';

const LIMIT = 0x10_0000;
const MESSAGES = 50_000;
const SIZE = 1000;

/** Sends many messages in one turn; returns how many `send` took. */
function flood(session: DTLSSession, messages = MESSAGES): number {
  const message = Buffer.alloc(SIZE);
  let taken = 0;
  for (let i = 0; i < messages; i++) if (session.send(message) === SIZE) taken++;
  return taken;
}

for (const version of VERSIONS) {
  suite(`many messages in one turn, ${version}`, () => {
    const versions = { minVersion: version, maxVersion: version };

    test('each is either sent or counted, and what waits is within maxSendQueue', async (t) => {
      const server = echoServer(versions);
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, versions);
      await session.opened;
      collectGarbage();
      const before = process.memoryUsage().arrayBuffers;
      const taken = flood(session);
      assert.ok(session.bufferedAmount > LIMIT / 2 && session.bufferedAmount <= LIMIT);
      collectGarbage();
      const held = process.memoryUsage().arrayBuffers - before;
      assert.ok(held < 4 * LIMIT, `${held} of ${MESSAGES * SIZE} bytes are held`);
      assert.equal(session.drops.send_queue_full, MESSAGES - taken);
      assert.equal(session.stats.messagesSent, BigInt(taken));
      assert.equal(session.endpoint.stats.sendQueueDropped, BigInt(MESSAGES - taken));
      await session.drained;
      assert.equal(session.bufferedAmount, 0);
      await session.close();
    });

    test('a sender that awaits drained loses none of its messages', async (t) => {
      const server = echoServer(versions);
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, { ...versions, maxSendQueue: 50_000 });
      await session.opened;
      const sent = 200;
      for (let i = 0; i < sent; i++) {
        await session.drained;
        assert.equal(session.send(Buffer.alloc(SIZE)), SIZE);
      }
      assert.deepEqual(session.drops, {});
      assert.equal(session.stats.messagesSent, BigInt(sent));
      await session.close();
    });
  });
}

suite('room in the send queue', () => {
  test('ondrain is called once after messages were refused, bound to its session', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    const calls: unknown[] = [];
    session.ondrain = function (this: unknown) {
      calls.push(this, session.bufferedAmount);
    };
    flood(session, 2000);
    assert.deepEqual(calls, []);
    await until(() => calls.length > 0);
    for (let i = 0; i < 10; i++) await turn();
    assert.deepEqual(calls, [session, 0]);
    assert.equal(session.send('again'), 5);
    await session.close();
  });

  test('ondrain is not called where no message was refused', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    session.ondrain = () => assert.fail();
    assert.equal(flood(session, 200), 200);
    await session.drained;
    await turn();
    await session.close();
  });

  test('drained resolves at once while there is room, before the handshake and after the end', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.drained;
    await session.opened;
    await session.drained;
    await session.close();
    await session.drained;
    assert.equal(session.bufferedAmount, 0);
  });

  test('drained resolves when the session ends while messages wait', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    flood(session, 2000);
    const { drained } = session;
    session.destroy();
    await drained;
    assert.throws(() => session.send('late'), { code: 'ERR_INVALID_STATE' });
  });

  test('drained waits for a blocked socket, whose backlog counts in bufferedAmount', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { maxSendQueue: 10_000 });
    await session.opened;
    let waiting = 20_000;
    t.mock.getter(Udp.prototype, 'queuedBytes', () => waiting);
    flood(session, 20);
    assert.ok(session.bufferedAmount >= 20_000);
    let drained = false;
    void session.drained.then(() => {
      drained = true;
    });
    for (let i = 0; i < 20; i++) await turn();
    assert.equal(drained, false);
    waiting = 0;
    await until(() => drained);
    t.mock.restoreAll();
    await session.close();
  });

  test('a session of an endpoint is not held up by another one that floods', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const [flooding, other] = [client(server.port), client(server.port)];
    await Promise.all([flooding.opened, other.opened]);
    await until(() => server.sessions.length === 2);
    const [first, second] = server.sessions;
    assert.ok(first && second);
    await Promise.all([first.opened, second.opened]);
    assert.ok(flood(first, 200) === 200 && first.bufferedAmount > 0);
    assert.equal(second.send('at once'), 7);
    assert.equal(second.bufferedAmount, 0);
    await Promise.all([flooding.close(), other.close()]);
  });

  test('sessions that send without end leave room for others, for their drained, and for new clients', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const clients = [client(server.port), client(server.port), client(server.port)];
    await Promise.all(clients.map((session) => session.opened));
    await until(() => server.sessions.length === 3);
    const [first, second, third] = server.sessions;
    assert.ok(first && second && third);
    await Promise.all([first.opened, second.opened, third.opened]);
    const flooding = setInterval(() => [first, second].map((session) => flood(session, 2000)), 1);
    t.after(() => clearInterval(flooding));
    await until(() => (second.drops.send_queue_full ?? 0) > 0);
    for (let i = 0; i < 20; i++) {
      for (const session of [first, second]) flood(session, 2000);
      assert.equal(third.send('at once'), 7);
      await third.drained;
    }
    const newcomer = client(server.port);
    await newcomer.opened;
    assert.equal(server.endpoint.sendQueueDrops.unvalidated, 0);
    assert.equal(server.endpoint.sendQueueDrops.handshake, 0);
    assert.equal(third.drops.send_queue_full, undefined);
    clearInterval(flooding);
    await Promise.all([...clients, newcomer].map((session) => session.close()));
  });

  test('messages keep their order, and close_notify comes after them', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    await until(() => server.sessions.length === 1);
    const received: number[] = [];
    const served = server.sessions[0] ?? assert.fail();
    served.onmessage = (data) => void received.push(data[0] ?? -1);
    for (let i = 0; i < 200; i++) session.send(Buffer.alloc(SIZE, i));
    assert.ok(session.bufferedAmount > 0);
    await session.close();
    await served.closed;
    assert.deepEqual(
      received,
      [...received].sort((a, b) => a - b),
    );
    // The system may lose some on a busy machine, but not all that waited.
    assert.ok((received.at(-1) ?? 0) > 100);
  });
});

/** The pacer only tells them apart. */
const entry = (): ConnectionEntry => ({}) as unknown as ConnectionEntry;
const peer = { address: '127.0.0.1', family: 'IPv4', port: 1 } as const;
function datagram(of: ConnectionEntry | undefined, size: number): Outgoing {
  return { data: new Uint8Array(size), peer, entry: of };
}

suite('the pacer', () => {
  test('everything goes at once while little is sent in a turn, and answers without a session always', () => {
    let busy = 0;
    const pacer = new Pacer(() => {
      busy++;
    });
    const session = entry();
    for (let i = 0; i < 16; i++) assert.equal(pacer.keeps(datagram(session, 100)), false);
    for (let i = 0; i < 10_000; i++) assert.equal(pacer.keeps(datagram(undefined, 100)), false);
    assert.equal(busy, 0);
  });

  test('what is too much for one turn waits, in order, and goes out over the next turns', () => {
    const pacer = new Pacer(() => undefined);
    const session = entry();
    const kept: Outgoing[] = [];
    for (let i = 0; i < 1000; i++) {
      const out = datagram(session, i);
      if (pacer.keeps(out)) kept.push(out);
    }
    assert.ok(kept.length >= 1000 - 32);
    const bytes = kept.reduce((sum, { data }) => sum + data.length, 0);
    assert.deepEqual(
      [pacer.queuedDatagrams, pacer.queuedBytes, pacer.bytesOf(session)],
      [kept.length, bytes, bytes],
    );
    const sent: Outgoing[] = [];
    for (let turns = 0; pacer.queuedDatagrams > 0; turns++) {
      const before = sent.length;
      pacer.nextTurn((out) => void sent.push(out));
      assert.ok(sent.length > before && sent.length - before <= 16, `${turns}`);
    }
    assert.deepEqual(sent, kept);
    assert.deepEqual([pacer.queuedBytes, pacer.bytesOf(session)], [0, 0]);
  });

  test('what waits keeps no other memory alive', () => {
    const pacer = new Pacer(() => undefined);
    const session = entry();
    const shared = new Uint8Array(0x2000);
    const { peer } = datagram(session, 0);
    for (let i = 0; i < 100; i++)
      pacer.keeps({ data: shared.subarray(50 * i, 50 * i + 50), peer, entry: session });
    assert.ok(pacer.queuedDatagrams > 0);
    pacer.releaseAll(({ data }) => assert.equal(data.buffer.byteLength, 50));
  });

  test('one message to each of many sessions goes at once', () => {
    const pacer = new Pacer(() => undefined);
    for (let i = 0; i < 10_000; i++) assert.equal(pacer.keeps(datagram(entry(), 1000)), false);
  });

  test('answers wait for no turn, one to each datagram of its sender, as far as they cost no more', () => {
    const pacer = new Pacer(() => undefined);
    const session = entry();
    const other = { ...peer, port: peer.port + 1 };
    /** Whether answers of these sizes to a datagram of `length` bytes wait. */
    const wait = (length: number, from: PeerAddress, ...sizes: number[]) => {
      pacer.onReceived(length, from);
      const kept = sizes.map((size) => pacer.keeps(datagram(session, size)));
      pacer.onHandled();
      return kept;
    };
    for (let i = 0; i < 32; i++) assert.deepEqual(wait(1200, { ...peer }, 1200), [false]);
    // 13 and then 14 more are no more than a turn takes.
    for (let i = 0; i < 27; i++) assert.equal(pacer.keeps(datagram(session, 1200)), false);
    pacer.nextTurn(() => assert.fail('nothing waits'));
    for (let i = 0; i < 27; i++) assert.equal(pacer.keeps(datagram(session, 1200)), false);
    assert.deepEqual(wait(64, peer, 1024), [false]);
    assert.deepEqual(wait(1200, peer, 1200, 1200), [false, true]);
    assert.equal(pacer.queuedDatagrams, 1);
    // It goes behind what waits.
    assert.deepEqual(wait(1200, peer, 1200), [true]);
    for (const [length, from, size] of [
      [64, peer, 1025],
      [1200, other, 1200],
      [1200, { ...peer, address: '192.0.2.77' }, 1200],
    ] as const) {
      pacer.releaseAll(() => undefined);
      assert.deepEqual(wait(length, from, size), [true]);
    }
  });

  test('no more answers than a receiver reads in a turn are free', () => {
    const pacer = new Pacer(() => undefined);
    const session = entry();
    let sent = 0;
    for (let i = 0; i < 1000; i++) {
      pacer.onReceived(1200, peer);
      if (!pacer.keeps(datagram(session, 1200))) sent++;
      pacer.onHandled();
    }
    assert.equal(sent, 32 + 27);
  });

  test('a datagram above the limit of a turn goes out alone', () => {
    const pacer = new Pacer(() => undefined);
    const session = entry();
    const sizes: number[] = [];
    for (let i = 0; i < 5; i++) if (!pacer.keeps(datagram(session, 60_000))) sizes.push(60_000);
    assert.equal(sizes.length, 1);
    for (let turns = 0; turns < 4; turns++) pacer.nextTurn(({ data }) => void sizes.push(data.length));
    assert.equal(sizes.length, 5);
  });

  test('releaseAll hands out everything', () => {
    const pacer = new Pacer(() => undefined);
    const session = entry();
    let out = 0;
    for (let i = 0; i < 1000; i++) if (!pacer.keeps(datagram(session, 100))) out++;
    pacer.releaseAll(() => {
      out++;
    });
    assert.deepEqual([out, pacer.queuedDatagrams], [1000, 0]);
  });
});

test('a listener for room that throws does not keep others from being called', async (t) => {
  const drains = new Drains(() => true);
  const error = new Error('mine');
  const called: string[] = [];
  const thrown = new Promise((resolve) => {
    t.mock.method(process, 'nextTick', (fn: () => void) => {
      try {
        fn();
      } catch (caught) {
        resolve(caught);
      }
    });
  });
  drains.watch(entry(), () => {
    called.push('first');
    throw error;
  });
  drains.watch(entry(), () => void called.push('second'));
  drains.look();
  t.mock.restoreAll();
  assert.deepEqual(called, ['first', 'second']);
  assert.equal(await thrown, error);
  drains.stop();
});
