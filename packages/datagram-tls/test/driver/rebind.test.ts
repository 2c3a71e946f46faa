import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import {
  type ConnectOptions,
  connect,
  DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { client, roundTrip, server as serverFor, until } from './echo.js';
import { MemoryNetwork } from './memory-link.js';

/** A client and its other end. */
async function both(
  t: TestContext,
  options: Partial<ListenOptions> = {},
  own: Partial<ConnectOptions> = {},
): Promise<{ readonly session: DTLSSession; readonly other: DTLSSession }> {
  const echo = serverFor(t, { connectionId: true, ...options });
  const session = client(echo.port, own);
  t.after(() => session.destroy());
  await session.opened;
  const [other] = echo.sessions;
  assert.ok(other);
  await other.opened;
  assert.equal(await roundTrip(session, 'before'), 'before');
  return { session, other };
}

/** Emits the messages of `session`. */
function listener(session: DTLSSession): EventEmitter {
  const emitter = new EventEmitter();
  session.onmessage = (data) => void emitter.emit('message', data.toString());
  return emitter;
}

for (const version of VERSIONS) {
  const only = { minVersion: version, maxVersion: version };

  suite(`session.rebind(), ${version}`, () => {
    for (const returnRoutability of ['basic', 'enhanced'] as const) {
      test(`moves to another port, where the server is heard, checks: ${returnRoutability}`, async (t) => {
        const { session, other } = await both(t, { ...only, returnRoutability });
        const before = session.localAddress;
        await session.rebind();
        assert.notEqual(session.localAddress?.port, before?.port);
        assert.equal(session.localAddress?.family, before?.family);
        assert.equal(session.endpoint.address?.port, session.localAddress?.port);
        await until(() => other.remoteAddress?.port === session.localAddress?.port);
        assert.equal(other.stats.migrations, 1n);
        const heard = once(listener(session), 'message');
        other.send('from the server, first');
        assert.deepEqual(await heard, ['from the server, first']);
        assert.equal(await roundTrip(session, 'after'), 'after');
      });
    }

    test('uses a connection ID that was not seen before, where the version has spare ones', async (t) => {
      const { session } = await both(t, only);
      const idOf = (): string => session.connectionId?.send.toString('hex') ?? '';
      const seen = new Set([idOf()]);
      // A spare one may still be on its way.
      for (let i = 0; i < 20 && seen.size < 6; i++) {
        await session.rebind();
        assert.equal(await roundTrip(session, `move ${i}`), `move ${i}`);
        seen.add(idOf());
      }
      assert.equal(seen.size, version === 'DTLSv1.3' ? 6 : 1);
    });

    test('without checks the answer to a message resolves it', async (t) => {
      const { session, other } = await both(t, { ...only, returnRoutability: 'never' });
      other.onmigrate = () => true;
      const moved = session.rebind();
      if (version === 'DTLSv1.2') session.send('here I am');
      await moved;
      await until(() => other.remoteAddress?.port === session.localAddress?.port);
      assert.equal(await roundTrip(session, 'after'), 'after');
    });

    test('called twice at once, it moves once', async (t) => {
      const { session } = await both(t, only);
      const first = session.rebind();
      const { port } = session.localAddress ?? {};
      assert.equal(session.rebind(), first);
      assert.equal(session.localAddress?.port, port);
      await first;
      await session.rebind();
      assert.notEqual(session.localAddress?.port, port);
    });

    test('wakes a session that hibernates', async (t) => {
      const { session } = await both(t, only);
      await until(() => session.hibernate());
      await session.rebind();
      assert.equal(await roundTrip(session, 'awake'), 'awake');
    });

    test('is refused in the handshake, while the session closes, and after its end', async (t) => {
      const echo = serverFor(t, { connectionId: true, ...only });
      const session = client(echo.port);
      assert.throws(() => session.rebind(), { code: 'ERR_INVALID_STATE' });
      await session.opened;
      const closed = session.close();
      assert.throws(() => session.rebind(), { code: 'ERR_INVALID_STATE' });
      await closed;
      assert.throws(() => session.rebind(), { code: 'ERR_INVALID_STATE' });
    });

    test('rejects when the session ends first, with its error', async (t) => {
      const { session, other } = await both(t, { ...only, returnRoutability: 'never' });
      other.destroy();
      const moved = session.rebind();
      session.destroy(new Error('enough'));
      await assert.rejects(moved, /enough/);
      await assert.rejects(session.closed, /enough/);
    });

    test('says which side has to change where no connection ID was asked for', async (t) => {
      const { session } = await both(t, { ...only, connectionId: false });
      assert.throws(() => session.rebind(), { code: 'ERR_DTLS_REBIND', reason: 'NO_CONNECTION_ID' });
      assert.equal(await roundTrip(session, 'still here'), 'still here');
    });

    test('is for a client alone on a socket of its own', async (t) => {
      const { other } = await both(t, only);
      const error = { code: 'ERR_DTLS_REBIND', reason: 'NOT_ALONE' };
      assert.throws(() => other.rebind(), error);

      const echo = serverFor(t, { connectionId: true, ...only });
      const socket = createSocket('udp4').bind(0, '127.0.0.1');
      t.after(() => socket.close());
      await once(socket, 'listening');
      const ca = CA;
      const servername = 'localhost';
      const onShared = connect('127.0.0.1', echo.port, { socket, ca, servername });
      t.after(() => onShared.destroy());
      await onShared.opened;
      assert.throws(() => onShared.rebind(), error);

      const endpoint = new DTLSEndpoint({ bindHost: '127.0.0.1' });
      t.after(() => endpoint.destroy());
      const second = serverFor(t, { connectionId: true, ...only });
      const two = [echo, second].map(({ port }) => endpoint.connect('127.0.0.1', port, { ca, servername }));
      await Promise.all(two.map(({ opened }) => opened));
      assert.throws(() => two[0]?.rebind(), error);
      await two[1]?.close();
      await two[0]?.rebind();
    });

    test('gets to a server through losses', async (t) => {
      const echo = serverFor(t, { connectionId: true, ...only });
      const front = createSocket('udp4').bind(0, '127.0.0.1');
      await once(front, 'listening');
      // Each client port has one of its own towards the server; every third datagram is lost.
      const ways = new Map<number, ReturnType<typeof createSocket>>();
      t.after(() => {
        front.close();
        for (const way of ways.values()) way.close();
      });
      let lossy = false;
      let count = 0;
      const isLost = (): boolean => lossy && ++count % 3 === 1;
      front.on('message', (datagram, { port }) => {
        let way = ways.get(port);
        if (way === undefined) {
          way = createSocket('udp4');
          way.on('message', (answer) => isLost() || front.send(answer, port, '127.0.0.1'));
          ways.set(port, way);
        }
        if (!isLost()) way.send(datagram, echo.port, '127.0.0.1');
      });
      const session = client(front.address().port);
      t.after(() => session.destroy());
      await session.opened;
      await roundTrip(session, 'before');
      lossy = true;
      for (let i = 0; i < 3; i++) await session.rebind();
      lossy = false;
      assert.equal(await roundTrip(session, 'after'), 'after');
      assert.equal(ways.size, 4);
    });

    test('keeps what is on its way to the former socket', async (t) => {
      const { session, other } = await both(t, only);
      const heard: string[] = [];
      session.onmessage = (data) => void heard.push(data.toString());
      for (let i = 0; i < 5; i++) other.send(`on its way ${i}`);
      await session.rebind();
      await until(() => heard.length === 5);
    });
  });
}

suite('session.rebind() on a transport', () => {
  test('is refused: the transport is of the application', async (t) => {
    const network = new MemoryNetwork();
    const options = { ...SERVERS.p256, connectionId: true, transport: network.transport('server') };
    const endpoint = listen(() => undefined, options);
    t.after(() => endpoint.destroy());
    const session = connect('server', 1, {
      transport: network.transport('client'),
      ca: CA,
      servername: 'localhost',
    });
    t.after(() => session.destroy());
    await session.opened;
    assert.throws(() => session.rebind(), { code: 'ERR_DTLS_REBIND', reason: 'NOT_ALONE' });
    assert.equal(session.destroyed, false);
  });
});

suite('session.renewConnectionId()', () => {
  test('gives the client another ID, which is on its next records', async (t) => {
    const { session, other } = await both(t, { minVersion: 'DTLSv1.3' });
    const before = other.connectionId?.receive;
    other.renewConnectionId();
    await until(() => session.connectionId?.send.equals(before ?? Buffer.of()) === false);
    assert.equal(await roundTrip(session, 'renewed'), 'renewed');
    assert.deepEqual(other.connectionId?.receive, session.connectionId?.send);
  });

  test('is refused in DTLS 1.2, to a side that asked for none, and before the session is open', async (t) => {
    const state = { code: 'ERR_INVALID_STATE' };
    const old = await both(t, { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.2' });
    assert.throws(() => old.other.renewConnectionId(), state);
    const { session } = await both(t);
    assert.throws(() => session.renewConnectionId(), state);
    const echo = serverFor(t, { connectionId: true });
    const early = client(echo.port);
    t.after(() => early.destroy());
    assert.throws(() => early.renewConnectionId(), state);
  });
});
