// `for await` over an endpoint.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import {
  connect,
  DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
  type Transport,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { client, echoServer, roundTrip, UNHURRIED, until } from './echo.js';

function server(options: Partial<ListenOptions> = {}): DTLSEndpoint {
  return listen({ host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options });
}

function connected(endpoint: DTLSEndpoint): DTLSSession {
  return client(endpoint.address?.port ?? 0, { retransmission: { initial: 50, max: 50 } });
}

/** A client that shows a valid cookie, and says no more. */
async function stopped(t: TestContext, endpoint: DTLSEndpoint): Promise<void> {
  const { port = 0 } = endpoint.address ?? {};
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let left = 2;
  const transport: Transport = {
    send: (data) => {
      if (left-- > 0) socket.send(data, port, '127.0.0.1');
    },
    close: () => socket.close(),
  };
  socket.on('message', (data) => transport.onmessage?.(data));
  const session = connect('127.0.0.1', port, { ca: CA, maxVersion: 'DTLSv1.2', transport, ...UNHURRIED });
  t.after(() => session.destroy());
}

suite('a loop over an endpoint', () => {
  test('it has every new session, from the first on', async (t) => {
    const endpoint = server();
    t.after(() => endpoint.destroy());
    const clients = [connected(endpoint), connected(endpoint)];
    await Promise.all(clients.map(({ opened }) => opened));
    const loop = endpoint[Symbol.asyncIterator]();
    for (const _ of clients) {
      const { value } = await loop.next();
      assert.ok(value);
      value.onmessage = (data) => void value.send(data);
    }
    const third = loop.next();
    const late = connected(endpoint);
    const { value } = await third;
    assert.equal(value?.remoteAddress?.port, late.endpoint.address?.port);
    for (const session of clients) assert.equal(await roundTrip(session, 'hello'), 'hello');
    await Promise.all([...clients, late].map((session) => session.close()));
  });

  test('it ends with the endpoint', async () => {
    const endpoint = server();
    const seen: DTLSSession[] = [];
    const looping = (async () => {
      for await (const session of endpoint) seen.push(session);
    })();
    const session = connected(endpoint);
    await session.opened;
    await endpoint.close();
    await looping;
    assert.equal(seen.length, 1);
    await session.closed;
  });

  test('it throws the error of the endpoint, in every loop, once', async () => {
    const endpoint = server();
    const error = new Error('mine');
    const loops = [endpoint[Symbol.asyncIterator](), endpoint[Symbol.asyncIterator]()];
    const waiting = loops.map((loop) => loop.next());
    endpoint.destroy(error);
    await Promise.all(waiting.map((result) => assert.rejects(result, error)));
    for (const loop of loops) assert.equal((await loop.next()).done, true);
    await assert.rejects(endpoint[Symbol.asyncIterator]().next(), error);
  });

  test('leaving it lets sessions go on, refuses new clients, and closes the endpoint after the last session', async () => {
    const endpoint = server();
    const session = connected(endpoint);
    for await (const served of endpoint) {
      served.onmessage = (data) => void served.send(data);
      break;
    }
    assert.equal(await roundTripWhenOpen(session), 'hello');
    assert.equal(endpoint.destroyed, false);
    const rejected = endpoint.stats.serverRejectedCount;
    const late = connected(endpoint);
    await until(() => endpoint.stats.serverRejectedCount > rejected);
    late.destroy();
    await session.close();
    await endpoint.closed;
  });

  test('leaving it closes the sessions that wait', async () => {
    const endpoint = server();
    const first = connected(endpoint);
    await first.opened;
    const second = connected(endpoint);
    await second.opened;
    for await (const served of endpoint) {
      assert.equal(served.remoteAddress?.port, first.endpoint.address?.port);
      break;
    }
    await second.closed;
    assert.equal(first.destroyed, false);
    await endpoint.close();
    await first.closed;
  });

  test('sessions that end while they wait are left out', async (t) => {
    const endpoint = server();
    t.after(() => endpoint.destroy());
    const [first, second] = [connected(endpoint), connected(endpoint)];
    await Promise.all([first.opened, second.opened]);
    await first.close();
    await until(() => endpoint.sessions.size === 1);
    const { value } = await endpoint[Symbol.asyncIterator]().next();
    assert.equal(value?.remoteAddress?.port, second.endpoint.address?.port);
    await second.close();
  });

  test('onsession goes on beside it', async (t) => {
    const echo = echoServer();
    t.after(() => echo.endpoint.destroy());
    const next = echo.endpoint[Symbol.asyncIterator]().next();
    const session = client(echo.port);
    assert.equal(await roundTripWhenOpen(session), 'hello');
    assert.equal((await next).value, echo.sessions[0]);
    await session.close();
  });

  test('an endpoint that serves no clients cannot be iterated over', async (t) => {
    const echo = echoServer();
    t.after(() => echo.endpoint.destroy());
    const session = client(echo.port);
    const { endpoint: ofConnect } = session;
    assert.ok(ofConnect instanceof DTLSEndpoint);
    for (const endpoint of [ofConnect, new DTLSEndpoint()])
      assert.throws(() => endpoint[Symbol.asyncIterator](), { code: 'ERR_INVALID_STATE', message: /listen/ });
    await session.close();
  });

  test('without a loop sessions do not wait where there is onsession', async (t) => {
    const echo = echoServer({ backlog: 1 });
    t.after(() => echo.endpoint.destroy());
    const clients = [client(echo.port), client(echo.port), client(echo.port)];
    await Promise.all(clients.map(({ opened }) => opened));
    assert.deepEqual(echo.endpoint.refusals, {});
    await Promise.all(clients.map((session) => session.close()));
  });
});

suite('the backlog of an endpoint', () => {
  test('clients beyond it are refused, told and counted, and get in when a session is taken', async (t) => {
    const endpoint = server({ backlog: 2 });
    t.after(() => endpoint.destroy());
    const reasons: string[] = [];
    endpoint.onrefused = ({ reason }) => void reasons.push(reason);
    const waiting = [connected(endpoint), connected(endpoint)];
    await Promise.all(waiting.map(({ opened }) => opened));
    const late = connected(endpoint);
    await until(() => (endpoint.refusals.backlog ?? 0) > 0);
    assert.deepEqual(reasons, ['backlog']);
    assert.ok(endpoint.stats.serverRefusedCount > 0n);
    const loop = endpoint[Symbol.asyncIterator]();
    assert.equal((await loop.next()).value?.remoteAddress?.port, waiting[0]?.endpoint.address?.port);
    await late.opened;
    await Promise.all([...waiting, late].map((session) => session.close()));
  });

  test('clients that stop in mid-handshake take no place in it, and come last', async (t) => {
    const endpoint = server({ backlog: 2 });
    t.after(() => endpoint.destroy());
    await Promise.all(Array.from({ length: 5 }, () => stopped(t, endpoint)));
    await until(() => endpoint.sessions.size === 5);
    const clients = [connected(endpoint), connected(endpoint)];
    await Promise.all(clients.map(({ opened }) => opened));
    await until(() => [...endpoint.sessions].filter(({ protocol }) => protocol !== undefined).length === 2);
    assert.deepEqual(endpoint.refusals, {});
    const loop = endpoint[Symbol.asyncIterator]();
    const taken: (boolean | undefined)[] = [];
    for (let i = 0; i < 7; i++) taken.push((await loop.next()).value?.protocol !== undefined);
    assert.deepEqual(taken, [true, true, false, false, false, false, false]);
    await Promise.all(clients.map((session) => session.close()));
  });

  test('a session that ends while it waits makes room', async (t) => {
    const endpoint = server({ backlog: 1 });
    t.after(() => endpoint.destroy());
    const first = connected(endpoint);
    await first.opened;
    const second = connected(endpoint);
    await until(() => (endpoint.refusals.backlog ?? 0) > 0);
    await first.close();
    await second.opened;
    await second.close();
  });

  test('it is an option of servers, and checked', () => {
    assert.throws(() => server({ backlog: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client(1, { backlog: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('listen without options still asks for the callback', () => {
    for (const args of [[], [null], ['text'], [{}, {}]])
      assert.throws(() => Reflect.apply(listen, undefined, args), {
        code: 'ERR_INVALID_ARG_TYPE',
        message: /"onsession" argument/,
      });
  });
});

async function roundTripWhenOpen(session: DTLSSession): Promise<string> {
  await session.opened;
  return roundTrip(session, 'hello');
}
