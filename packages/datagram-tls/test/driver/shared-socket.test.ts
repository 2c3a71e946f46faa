import assert from 'node:assert/strict';
import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import {
  type ConnectOptions,
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  DTLSEndpoint as Endpoint,
  listen,
  type SharedSocket,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { client, roundTrip, server, until } from './echo.js';

/** A socket of the application, which the test closes. */
function own(t: TestContext, type: 'udp4' | 'udp6' = 'udp4'): Socket {
  const socket = createSocket(type);
  t.after(() => {
    try {
      socket.close();
    } catch {
      // The test has closed it.
    }
  });
  return socket;
}

async function bound(t: TestContext, host = '127.0.0.1'): Promise<Socket> {
  const socket = own(t).bind(0, host);
  await once(socket, 'listening');
  return socket;
}

function serve(t: TestContext, socket: SharedSocket): DTLSEndpoint {
  const endpoint = listen(
    (session) => {
      session.onmessage = (data) => void session.send(data);
    },
    { socket, ...SERVERS.p256 },
  );
  t.after(() => endpoint.destroy());
  return endpoint;
}

function from(socket: SharedSocket, port: number, options: ConnectOptions = {}): DTLSSession {
  return connect('127.0.0.1', port, { ca: CA, servername: 'localhost', socket, ...options });
}

suite('a socket of the application', () => {
  test('serves clients, and stays open with its listeners', async (t) => {
    const socket = await bound(t);
    const before = socket.eventNames().map((name) => [name, socket.listenerCount(name)]);
    const endpoint = serve(t, socket);
    assert.deepEqual(endpoint.address, { ...socket.address() });
    const session = client(socket.address().port);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    await session.close();
    await endpoint.close();
    assert.deepEqual(
      socket.eventNames().map((name) => [name, socket.listenerCount(name)]),
      before,
    );
    assert.doesNotThrow(() => socket.address());
  });

  test('connects, and can be used again by the next endpoint', async (t) => {
    const other = server(t);
    const socket = await bound(t);
    for (const text of ['first', 'second']) {
      const session = from(socket, other.port);
      await session.opened;
      assert.equal(session.endpoint.address?.port, socket.address().port);
      assert.equal(await roundTrip(session, text), text);
      await session.close();
      await session.endpoint.closed;
    }
  });

  test('is bound to any port if it is not bound, or waits for the application', async (t) => {
    const other = server(t);
    const unbound = own(t);
    const session = from(unbound, other.port);
    await session.opened;
    assert.equal(unbound.address().port, (await session.endpoint.opened).port);
    await session.close();
    const binding = own(t).bind(0, '127.0.0.1');
    const endpoint = serve(t, binding);
    assert.equal((await endpoint.opened).port, binding.address().port);
    const inward = client(binding.address().port);
    await inward.opened;
    await inward.close();
  });

  test('that is connected has one peer', async (t) => {
    const other = server(t);
    const socket = await bound(t);
    socket.connect(other.port, '127.0.0.1');
    await once(socket, 'connect');
    const session = from(socket, other.port);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    await session.close();
  });

  test('leaves datagrams that are not DTLS to other listeners, uncounted', async (t) => {
    const socket = await bound(t);
    const endpoint = serve(t, socket);
    const heard: string[] = [];
    socket.on('message', (data) => heard.push(String(data)));
    const sender = await bound(t);
    const { port } = socket.address();
    for (const text of ['\u0000\u0001 STUN', '@ TURN', '\u0080 RTP', ''])
      sender.send(text, port, '127.0.0.1');
    await until(() => heard.length === 4);
    assert.equal(endpoint.stats.packetsReceived, 0n);
    sender.send('\u0016 what looks like DTLS', port, '127.0.0.1');
    await until(() => endpoint.stats.serverRejectedCount === 1n);
    const session = client(port);
    await session.opened;
    await session.close();
  });

  test('connects to many peers by endpoint.connect, and to names', async (t) => {
    const others = [server(t), server(t)];
    const socket = await bound(t);
    const endpoint = new Endpoint({ socket });
    t.after(() => endpoint.destroy());
    const sessions = others.map(({ port }) =>
      endpoint.connect('127.0.0.1', port, { ca: CA, servername: 'localhost' }),
    );
    await Promise.all(sessions.map((session) => session.opened));
    const named = connect('localhost', others[0]?.port ?? 0, { ca: CA, socket: await bound(t), family: 4 });
    await named.opened;
    await named.close();
    assert.equal(endpoint.sessions.size, 2);
  });

  test('belongs to one endpoint at a time', async (t) => {
    const socket = await bound(t);
    const endpoint = serve(t, socket);
    assert.throws(() => serve(t, socket), { code: 'ERR_DTLS_TRANSPORT_IN_USE', message: /options.socket/ });
    assert.throws(() => from(socket, 9), { code: 'ERR_DTLS_TRANSPORT_IN_USE' });
    await endpoint.close();
    serve(t, socket);
  });

  test('that the application closes ends the sessions with an error that says so', async (t) => {
    const other = server(t);
    const socket = await bound(t);
    const session = from(socket, other.port);
    await session.opened;
    const failed = new Promise<Error>((resolve) => {
      session.onerror = resolve;
    });
    socket.close();
    assert.equal(((await failed) as NodeJS.ErrnoException).code, 'ERR_DTLS_TRANSPORT_CLOSED');
    await session.endpoint.closed;
  });

  test('whose error event comes while it is used ends the endpoint', async (t) => {
    const socket = await bound(t);
    const endpoint = serve(t, socket);
    const error = Object.assign(new Error('broken'), { code: 'EBADF' });
    const failed = new Promise((resolve) => {
      endpoint.onerror = resolve;
    });
    socket.emit('error', error);
    assert.equal(await failed, error);
    await assert.rejects(endpoint.closed, error);
  });

  test('whose sends of another protocol fail keeps its sessions: an attacker can name the peers of that', async (t) => {
    const lost = Object.assign(new Error('there is no such name'), {
      code: 'ENOTFOUND',
      syscall: 'getaddrinfo',
    });
    const lookup: SocketOptions['lookup'] = (name, _options, done) =>
      name === '127.0.0.1' ? done(null, name, 4) : done(lost, '', 4);
    const socket = createSocket({ type: 'udp4', lookup });
    t.after(() => socket.close());
    const listening = once(socket, 'listening');
    socket.bind(0, '127.0.0.1');
    await listening;
    const endpoint = serve(t, socket);
    const session = client(socket.address().port);
    await session.opened;
    const heard: string[] = [];
    socket.on('error', ({ code }: NodeJS.ErrnoException) => heard.push(String(code)));
    socket.send('a candidate that does not exist', 3478, 'no-such-host.invalid');
    await until(() => heard.length === 1);
    for (const code of ['EACCES', 'EHOSTUNREACH', 'ECONNREFUSED', 'EMSGSIZE'])
      socket.emit('error', Object.assign(new Error(code), { code, syscall: 'send' }));
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    assert.equal(endpoint.destroyed, false);
    await session.close();
  });

  test('whose error event has no error ends the endpoint with one', async (t) => {
    const socket = await bound(t);
    const endpoint = serve(t, socket);
    socket.on('error', () => undefined);
    socket.emit('error', null);
    await assert.rejects(endpoint.closed, { message: 'the socket failed: null' });
  });

  test('that cannot be bound ends the endpoint', async (t) => {
    const other = await bound(t);
    const socket = own(t).bind(other.address().port, '127.0.0.1');
    const endpoint = serve(t, socket);
    await assert.rejects(endpoint.closed, { code: 'EADDRINUSE' });
  });

  test('may be any object with send, on and removeListener, whatever its events say', async (t) => {
    const other = server(t);
    const real = await bound(t);
    class LookAlike extends EventEmitter {
      send(data: Uint8Array, port: number, address: string, done?: (error: Error | null) => void): void {
        real.send(data, port, address, done);
      }
    }
    const socket = new LookAlike();
    for (const nonsense of [
      [],
      [undefined, undefined],
      ['text', {}],
      [new Uint8Array([22]), { address: 7, port: 'x' }],
      [
        new Uint8Array([22]),
        {
          get address() {
            throw new Error('no address');
          },
        },
      ],
      [new Uint8Array([22]), { address: '127.0.0.1', port: -5 }],
      [new Uint8Array([22]), { address: '127.0.0.1', port: Number.NaN }],
      [new Proxy(new Uint8Array([22]), {}), { address: '127.0.0.1', port: other.port }],
      [new Uint8Array(70_000).fill(22), { address: '127.0.0.1', port: other.port }],
    ])
      setImmediate(() => socket.emit('message', ...nonsense));
    real.on('message', (data, sender) => socket.emit('message', data, sender));
    const session = from(socket, other.port);
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    await session.close();
  });

  test('whose send throws loses datagrams, and the handshake ends in time', async () => {
    class Broken extends EventEmitter {
      send(): void {
        throw new Error('not today');
      }
    }
    const session = from(new Broken(), 9, { handshakeTimeout: 50 });
    await assert.rejects(session.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT', message: /not today/ });
  });

  test('excludes options of own sockets, and what is no socket is refused', async (t) => {
    const socket = await bound(t);
    const refuses = (run: () => unknown, code: string, message: RegExp): void => {
      assert.throws(run, { code, message });
    };
    for (const options of [{ bindHost: '127.0.0.1' }, { bindPort: 1 }, { ipv6Only: true }, { udpTTL: 3 }])
      refuses(() => from(socket, 9, options), 'ERR_INVALID_ARG_VALUE', /is of no use with options.socket/);
    const given = { ...SERVERS.p256, socket };
    refuses(
      () => listen(() => undefined, { ...given, port: 0 } as never),
      'ERR_INVALID_ARG_VALUE',
      /options.port' is of no use/,
    );
    refuses(() => from({} as never, 9), 'ERR_INVALID_ARG_TYPE', /options.socket.send/);
    refuses(() => from(7 as never, 9), 'ERR_INVALID_ARG_TYPE', /options.socket/);
    const transport = { send: () => undefined, close: () => undefined };
    refuses(
      () => from(socket, 9, { transport }),
      'ERR_INVALID_ARG_VALUE',
      /options.socket' is of no use with options.transport/,
    );
  });
});
