// The table of a socket's peers without a socket: sessions are objects that end when the test says so.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Peers } from '#lib/dgram/peers.js';
import type { DgramTarget } from '#lib/dgram.js';
import type { DTLSSession } from '#lib/index.js';
import { until } from '../driver/echo.js';

interface FakeSession {
  readonly session: DTLSSession;
  readonly end: () => void;
}

function fakeSession(): FakeSession {
  let end: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    end = resolve;
  });
  const close = async (): Promise<void> => {
    end();
    await closed;
  };
  return { session: { closed, close, destroy: end, destroyed: false } as unknown as DTLSSession, end };
}

const where = (port: number) => ({ address: '192.0.2.1', family: 'IPv4', port }) as const;

function table() {
  const begun: DgramTarget[] = [];
  const drops: string[] = [];
  let ended = 0;
  const settings = { idleTimeout: 0, maxClientSessions: 10, maxQueuedBytes: 1e6, maxQueuedBytesInAll: 1e6 };
  const peers = new Peers(settings, {
    begin: (target) => {
      begun.push(target);
      return fakeSession().session;
    },
    onSession: () => undefined,
    onOpen: () => undefined,
    onMessage: () => undefined,
    onError: () => undefined,
    onEnd: () => {
      ended++;
    },
    onDrop: (_where, reason) => void drops.push(reason),
    onWaiting: () => undefined,
  });
  return { peers, begun, drops, ended: () => ended };
}

async function departed(count: number) {
  const made = table();
  const sessions = Array.from({ length: count }, fakeSession);
  for (const [index, { session }] of sessions.entries()) made.peers.accept(session, where(index + 1));
  for (const { end } of sessions) end();
  await until(() => made.ended() === count);
  return made;
}

suite('clients that have gone', () => {
  test('get no session from here', async () => {
    const { peers, begun, drops } = await departed(3);
    for (const port of [1, 2, 3]) assert.equal(peers.reach(where(port), undefined, undefined), undefined);
    assert.deepEqual([begun.length, drops], [0, ['no_session', 'no_session', 'no_session']]);
    peers.stop(new Error('the end'));
  });

  test('are forgotten, the oldest first, where there are more than 4096', async () => {
    const { peers, begun } = await departed(4097);
    assert.equal(peers.reach(where(2), undefined, undefined), undefined);
    assert.equal(begun.length, 0);
    assert.notEqual(peers.reach(where(1), undefined, undefined), undefined);
    assert.deepEqual(begun, [{ address: '192.0.2.1', port: 1, host: undefined }]);
    peers.stop(new Error('the end'));
  });

  test('are reached when the application names them', async () => {
    const { peers, begun } = await departed(1);
    peers.recall(where(1));
    peers.reach(where(1), 'a.example', undefined);
    assert.deepEqual(begun, [{ address: '192.0.2.1', port: 1, host: 'a.example' }]);
    peers.stop(new Error('the end'));
  });
});

suite('a client that begins again from its address', () => {
  test('does not displace its open session before it is done', () => {
    const { peers } = table();
    const [first, second] = [fakeSession(), fakeSession()];
    peers.accept(first.session, where(1));
    first.session.onhandshake?.('DTLSv1.3');
    peers.accept(second.session, where(1));
    assert.equal(peers.find(where(1))?.session, first.session);
    second.session.onhandshake?.('DTLSv1.3');
    assert.equal(peers.find(where(1))?.session, second.session);
    peers.stop(new Error('the end'));
  });

  test('keeps its new session when the old one ends', async () => {
    const { peers, ended } = table();
    const [first, second] = [fakeSession(), fakeSession()];
    for (const { session } of [first, second]) {
      peers.accept(session, where(1));
      session.onhandshake?.('DTLSv1.3');
    }
    first.end();
    await until(() => ended() === 1);
    assert.equal(peers.find(where(1))?.session, second.session);
    peers.stop(new Error('the end'));
  });
});
