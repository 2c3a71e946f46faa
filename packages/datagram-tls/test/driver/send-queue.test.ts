import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type SendKind, SendQueue } from '#lib/driver/send-queue.js';
import { Udp } from '#lib/driver/udp.js';
import { client, echoServer, roundTrip, until } from './echo.js';

// Siege case A2.
const LIMIT = 0x10_0000;
const NOTHING = { queuedBytes: 0, queuedDatagrams: 0 };

suite('the send queue', () => {
  test('the send queue accepts everything while the socket does', () => {
    const queue = new SendQueue(NOTHING, NOTHING, LIMIT);
    for (let i = 0; i < 100_000; i++) assert.ok(queue.takes(1200, 'unvalidated'));
    assert.deepEqual(queue.drops, { unvalidated: 0, handshake: 0, application: 0 });
  });

  test('the send queue drops answers to unvalidated addresses first, then handshakes, application data last', () => {
    const backlog = { queuedBytes: 0, queuedDatagrams: 0 };
    const queue = new SendQueue(backlog, NOTHING, LIMIT);
    const taken = (): string[] =>
      (['unvalidated', 'handshake', 'application'] as const).filter((kind) => queue.takes(100, kind));
    assert.deepEqual(taken(), ['unvalidated', 'handshake', 'application']);
    backlog.queuedBytes = LIMIT / 16;
    // The queue measures its backlog again only once its upper bound exceeds a limit.
    for (let i = 0; i < 2000; i++) queue.takes(100, 'application');
    assert.deepEqual(taken(), ['handshake', 'application']);
    backlog.queuedBytes = LIMIT / 4;
    for (let i = 0; i < 2000; i++) queue.takes(100, 'application');
    assert.deepEqual(taken(), ['application']);
    backlog.queuedBytes = LIMIT;
    for (let i = 0; i < 2000; i++) queue.takes(100, 'application');
    assert.deepEqual(taken(), []);
    backlog.queuedBytes = 0;
    assert.deepEqual(taken(), ['unvalidated', 'handshake', 'application']);
    assert.ok(queue.drops.unvalidated > 0 && queue.drops.handshake > 0 && queue.drops.application > 0);
  });

  test('the send queue holds no more than its limit for a blocked socket, whatever is sent', () => {
    for (const kind of ['unvalidated', 'handshake', 'application'] as const) {
      const backlog = { queuedBytes: 0, queuedDatagrams: 0 };
      const queue = new SendQueue(backlog, NOTHING, LIMIT);
      for (let i = 0; i < 100_000; i++) {
        if (!queue.takes(i % 1200, kind)) continue;
        backlog.queuedBytes += i % 1200;
        backlog.queuedDatagrams++;
      }
      const held = backlog.queuedBytes + 512 * backlog.queuedDatagrams;
      assert.ok(held <= LIMIT, `${kind} ${held}`);
      assert.ok(held > LIMIT / 17);
    }
  });

  test('answers to ClientHellos that come for the first time leave half of the share to awaited answers', () => {
    const { queue, fill } = filling();
    const first = fill('unvalidated', true);
    assert.ok(first > LIMIT / 33 && first <= LIMIT / 32, `${first}`);
    const awaited = fill('unvalidated', false);
    assert.ok(awaited > LIMIT / 17 && awaited <= LIMIT / 16, `${awaited}`);
    assert.ok(queue.takes(100, 'handshake'));
  });

  test('awaited answers leave one place of eight to answers to ClientHellos that come for the first time', () => {
    const { queue, backlog, fill } = filling();
    fill('unvalidated', false);
    let [first, awaited] = [0, 0];
    for (let i = 0; i < 800; i++) {
      // The socket sends one datagram, and a flood of both kinds contends for its place.
      backlog.queuedDatagrams--;
      backlog.queuedBytes -= 100;
      const isFirst = queue.takes(100, 'unvalidated', true);
      if (isFirst) first++;
      else if (queue.takes(100, 'unvalidated')) awaited++;
      backlog.queuedDatagrams++;
      backlog.queuedBytes += 100;
    }
    assert.deepEqual([first, awaited], [100, 700]);
  });

  test('what waits for later turns keeps no answer and no handshake out, within the limit in all', () => {
    const paced = { queuedBytes: LIMIT / 2, queuedDatagrams: 0 };
    const queue = new SendQueue(NOTHING, paced, LIMIT);
    const taken = (): string[] => {
      // The queue measures only once its upper bound exceeds a limit.
      for (let i = 0; i < 2000; i++) queue.takes(100, 'application');
      return (['unvalidated', 'handshake', 'application'] as const).filter((kind) => queue.takes(100, kind));
    };
    assert.deepEqual(taken(), ['unvalidated', 'handshake', 'application']);
    paced.queuedBytes = LIMIT;
    assert.deepEqual(taken(), []);
  });

  test('a session may have waiting for later turns as much as is left for others', () => {
    const paced = { queuedBytes: LIMIT / 3, queuedDatagrams: 0 };
    const queue = new SendQueue(NOTHING, paced, LIMIT);
    for (let i = 0; i < 2000; i++) queue.takes(100, 'application');
    const has = (own: number): boolean => queue.hasRoom(100, 'application', 1, own);
    assert.deepEqual([has(0), has(LIMIT / 2), has((LIMIT * 2) / 3)], [true, true, false]);
  });

  test('the send queue has no limit where the option is 0', () => {
    const queue = new SendQueue({ queuedBytes: 1e12, queuedDatagrams: 1e9 }, NOTHING, 0);
    assert.ok(queue.takes(1200, 'unvalidated'));
  });
});

/** A queue whose socket sends nothing, and what it holds at its cost when no more of a kind is taken. */
function filling() {
  const backlog = { queuedBytes: 0, queuedDatagrams: 0 };
  const queue = new SendQueue(backlog, NOTHING, LIMIT);
  const fill = (kind: SendKind, isFirst: boolean): number => {
    while (queue.takes(100, kind, isFirst)) {
      backlog.queuedBytes += 100;
      backlog.queuedDatagrams++;
    }
    return backlog.queuedBytes + 512 * backlog.queuedDatagrams;
  };
  return { queue, backlog, fill };
}

suite('a blocked socket', () => {
  test('a server with a blocked socket answers no new client, keeps its sessions, and counts; then it answers again', async (t) => {
    const server = echoServer();
    const session = client(server.port, { maxSendQueue: 0 });
    await session.opened;
    let waiting = LIMIT / 8;
    t.mock.getter(Udp.prototype, 'queuedBytes', () => waiting);
    // So much went out that the server looks how much of it waits.
    for (let i = 0; i < 150; i++) assert.equal(await roundTrip(session, `message ${i}`), `message ${i}`);
    const newClient = client(server.port, { maxSendQueue: 0, retransmission: { initial: 50, max: 50 } });
    await until(() => server.endpoint.sendQueueDrops.unvalidated > 0);
    assert.equal(server.sessions.length, 1);
    assert.equal(await roundTrip(session, 'still'), 'still');
    waiting = 0;
    await newClient.opened;
    assert.ok(server.endpoint.stats.sendQueueDropped > 0n);
    await newClient.close();
    await session.close();
    await server.endpoint.close();
  });

  test('a client whose ClientHello got no answer in a flood gets in when it repeats it, while the flood goes on', async (t) => {
    const server = echoServer();
    const session = client(server.port, { maxSendQueue: 0 });
    await session.opened;
    // Answers to ClientHellos that come for the first time fill their half of 64 KiB, as in a flood.
    t.mock.getter(Udp.prototype, 'queuedBytes', () => 0xc000);
    for (let i = 0; i < 150; i++) assert.equal(await roundTrip(session, `message ${i}`), `message ${i}`);
    const newClient = client(server.port, { maxSendQueue: 0, retransmission: { initial: 50, max: 50 } });
    await newClient.opened;
    const { stats, sendQueueDrops } = server.endpoint;
    // On a busy machine it repeats it again before it reads the answer.
    assert.ok(stats.cookiesAwaited >= 1n);
    assert.ok(sendQueueDrops.unvalidated > 0);
    assert.ok(newClient.stats.retransmitCount > 0n);
    await newClient.close();
    await session.close();
    await server.endpoint.close();
  });

  test('messages for a blocked socket are dropped: send returns 0 and they are counted', async (t) => {
    const server = echoServer();
    const session = client(server.port, { maxSendQueue: 10_000 });
    await session.opened;
    t.mock.getter(Udp.prototype, 'queuedBytes', () => 20_000);
    let sent = 0;
    for (let i = 0; i < 100; i++) if (session.send(new Uint8Array(1000)) > 0) sent++;
    assert.ok(sent < 10, `${sent} sent`);
    assert.equal(session.drops.send_queue_full, 100 - sent);
    assert.equal(session.endpoint.stats.sendQueueDropped, BigInt(100 - sent));
    t.mock.restoreAll();
    assert.equal(session.send('again'), 5);
    await session.close();
    await server.endpoint.close();
  });

  test('maxSendQueue is checked like every option', () => {
    assert.throws(() => client(1, { maxSendQueue: -1 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client(1, { maxSendQueue: '1' as never }), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});

suite('a session that answers within a callback', () => {
  test('send within a callback reports a blocked socket', async (t) => {
    const server = echoServer({ maxSendQueue: 10_000 });
    const session = client(server.port, { maxSendQueue: 0 });
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    const served = server.sessions[0] ?? assert.fail();
    t.mock.getter(Udp.prototype, 'queuedBytes', () => 20_000);
    let sent = 0;
    const answered = new Promise<void>((resolve) => {
      served.onmessage = () => {
        for (let i = 0; i < 100; i++) if (served.send(new Uint8Array(1000)) > 0) sent++;
        resolve();
      };
    });
    session.send('go');
    await answered;
    assert.ok(sent < 10, `${sent} sent`);
    assert.equal(served.drops.send_queue_full, 100 - sent);
    t.mock.restoreAll();
    await session.close();
    await server.endpoint.close();
  });
});

suite('a limit smaller than a datagram', () => {
  test('a limit below one datagram lets an idle socket send one at a time, so that clients get in', async () => {
    const server = echoServer({ maxSendQueue: 1000 });
    const session = client(server.port, { maxSendQueue: 1000 });
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    await session.close();
    await server.endpoint.close();
  });
});
