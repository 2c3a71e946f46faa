// Hostile and absent peers, and the limits of a socket: what is heard of them, and what they cannot do.

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { createSocket, type DgramDtlsOptions } from '#lib/dgram.js';
import { connect } from '#lib/index.js';
import { until } from '../driver/echo.js';
import {
  bound,
  clientOf,
  closed,
  echoing,
  HOST,
  IDENTITY,
  KEY,
  PSK_CLIENT,
  PSK_SERVER,
  type Sent,
  send,
  watched,
} from './sockets.js';

const WRONG_KEY = { psk: { identity: IDENTITY, key: Buffer.alloc(16, 1) } };
const UNKNOWN_CLIENT = { psk: { identity: 'nobody', key: KEY } };

/** What is uncaught goes to `uncaught`, not to the test's runner. */
function catchAll(t: TestContext, uncaught: unknown[]): void {
  const runners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => void uncaught.push(error));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const runner of runners) process.on('uncaughtException', runner);
  });
}

/** A port of this host that takes datagrams and answers none. */
async function silence(): Promise<{ readonly port: number; readonly close: () => void }> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return { port: socket.address().port, close: () => socket.close() };
}

suite('a handshake that fails', () => {
  test('is the error of every message that waits for it, and one sessionError', async () => {
    const server = await echoing();
    const client = clientOf({ client: UNKNOWN_CLIENT });
    const sent = await Promise.all(
      ['one', 'two'].map(async (text) => await send(client.socket, text, server.port())),
    );
    for (const [error, bytes] of sent) {
      assert.match(error?.code ?? '', /^ERR_DTLS_/);
      assert.equal(bytes, 0);
    }
    assert.equal(client.sessionErrors.length, 1);
    assert.equal(client.sessionErrors[0], sent[0]?.[0]);
    assert.equal(client.socket.drops.no_handshake, 2);
    assert.deepEqual([client.errors, server.errors], [[], []]);
    await closed(client, server);
  });

  test('says which peer it was', async () => {
    const server = await echoing();
    const client = clientOf({ client: UNKNOWN_CLIENT });
    client.socket.send('hello', server.port(), HOST);
    const [error, peer] = (await once(client.socket, 'sessionError')) as [Error, object];
    assert.ok(error instanceof Error);
    assert.deepEqual(peer, { address: HOST, family: 'IPv4', port: server.port() });
    await closed(client, server);
  });

  test('is not tried again for each message, but after a second', async () => {
    const server = await echoing();
    const client = clientOf({ client: UNKNOWN_CLIENT });
    let begun = 0;
    client.socket.on('session', () => begun++);
    const [first] = await send(client.socket, 'one', server.port());
    for (let i = 0; i < 5; i++) assert.equal((await send(client.socket, 'more', server.port()))[0], first);
    assert.equal(begun, 1);
    await until(
      () => begun === 2,
      () => client.socket.send('again', server.port(), HOST),
    );
    await closed(client, server);
  });

  test('of a peer that does not answer ends with handshakeTimeout', async () => {
    const nobody = await silence();
    const client = clientOf({ client: PSK_CLIENT, handshakeTimeout: 200 });
    const [error] = await send(client.socket, 'hello', nobody.port);
    assert.equal(error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    nobody.close();
    await closed(client);
  });

  test('because of what the function for clients gives is the error of its messages', async () => {
    const thrown = new Error('no key for that peer');
    const client = clientOf({
      client: ({ port }) => {
        if (port === 9) throw thrown;
        return { psk: 42 } as never;
      },
    });
    assert.equal((await send(client.socket, 'hello', 9))[0], thrown);
    assert.equal((await send(client.socket, 'hello', 10))[0]?.code, 'ERR_INVALID_ARG_TYPE');
    assert.equal(client.sessionErrors.length, 2);
    await closed(client);
  });

  test('because the function for clients is asynchronous is the error of its messages, and no default is taken', async () => {
    for (const answer of [Promise.reject(new Error('late')), Promise.resolve({ client: {} })]) {
      const client = clientOf({ client: () => answer as never });
      const [error] = await send(client.socket, 'hello', 9);
      assert.equal(error?.code, 'ERR_INVALID_ARG_TYPE');
      assert.match(
        error.message,
        /"options\.dtls\.client\(\)" answer must be of type object, and not a promise/,
      );
      assert.equal(client.sessionErrors.length, 1);
      await closed(client);
    }
  });

  test('to a multicast or broadcast address is not tried', async () => {
    const client = clientOf();
    for (const address of ['224.0.1.187', '255.255.255.255'])
      assert.equal((await send(client.socket, 'hello', 5684, address))[0]?.code, 'ERR_DTLS_MULTICAST');
    await closed(client);
  });
});

suite('unvalidated and unknown peers', () => {
  test('cause no error event on a server that listens for none', async () => {
    const server = createSocket({ type: 'udp4', dtls: { server: PSK_SERVER } });
    server.on('message', (message, { address, port }) => server.send(message, port, address));
    server.bind(0, HOST);
    await once(server, 'listening');
    const { port } = server.address();
    const unvalidated = dgram.createSocket('udp4');
    for (const junk of [
      Buffer.alloc(0),
      Buffer.from('junk'),
      Buffer.alloc(1200, 22),
      Buffer.from('16fefd', 'hex'),
    ])
      unvalidated.send(junk, port, HOST);
    for (const options of [
      UNKNOWN_CLIENT,
      WRONG_KEY,
      { ...UNKNOWN_CLIENT, maxVersion: 'DTLSv1.2' },
    ] as const) {
      const session = connect(HOST, port, options);
      await assert.rejects(session.opened);
    }
    const client = clientOf();
    assert.deepEqual(await send(client.socket, 'hello', port), [null, 5]);
    await until(() => client.received.length === 1);
    unvalidated.close();
    await closed(client);
    await server[Symbol.asyncDispose]();
  });

  test('that send no cookie have no session', async () => {
    const server = await bound({ server: PSK_SERVER });
    let sessions = 0;
    server.socket.on('session', () => sessions++);
    const from = dgram.createSocket('udp4');
    for (let i = 0; i < 50; i++) from.send(Buffer.alloc(200, i), server.port(), HOST);
    await until(() => (server.socket.endpoint?.stats.packetsReceived ?? 0n) >= 50n);
    assert.equal(sessions, 0);
    from.close();
    await closed(server);
  });
});

suite('the limits of a socket', () => {
  test('a message that fits no datagram is EMSGSIZE, which names the limit', async () => {
    const server = await echoing();
    const client = clientOf();
    await send(client.socket, 'hello', server.port());
    const limit = client.socket.sessionWith({ address: HOST, port: server.port() })?.maxMessageSize ?? 0;
    const [error, bytes] = await send(client.socket, Buffer.alloc(limit + 1), server.port());
    assert.equal(error?.code, 'EMSGSIZE');
    assert.match(error.message, new RegExp(`${limit + 1} bytes.*${limit}`));
    assert.equal(bytes, 0);
    assert.equal((await send(client.socket, Buffer.alloc(limit), server.port()))[0], null);
    assert.equal(client.socket.drops.too_large, 1);
    await closed(client, server);
  });

  test('dtls.mtu is the largest datagram', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf({ client: PSK_CLIENT, mtu: 9000 });
    client.socket.send(Buffer.alloc(8000, 'x'), server.port(), HOST);
    await until(() => server.received.length === 1);
    assert.equal(server.received[0]?.text.length, 8000);
    await closed(client, server);
  });

  const waiting = async (dtls: DgramDtlsOptions, ports: readonly number[], messages: number) => {
    const client = clientOf({ client: PSK_CLIENT, ...dtls });
    const drops: string[] = [];
    client.socket.on('drop', (reason) => void drops.push(reason));
    const sent: Sent[] = [];
    for (let i = 0; i < messages; i++) {
      const port = ports[i % ports.length] ?? 0;
      client.socket.send(Buffer.alloc(488), port, HOST, (error, bytes) => void sent.push([error, bytes]));
    }
    return { client, drops, sent };
  };

  test('messages to one peer that wait take maxQueuedBytes', async () => {
    const nobody = await silence();
    const { client, drops, sent } = await waiting({ maxQueuedBytes: 10_000 }, [nobody.port], 30);
    await until(() => sent.length === 20);
    assert.ok(
      sent.every(([error]) => error?.code === 'ENOBUFS' && /dtls\.maxQueuedBytes /.test(error.message)),
    );
    assert.equal(client.socket.getSendQueueSize(), 10_000);
    assert.equal(client.socket.getSendQueueCount(), 10);
    assert.equal(client.socket.drops.queue_full, 20);
    assert.equal(drops.length, 20);
    nobody.close();
    client.socket.unref();
    client.socket.endpoint?.destroy();
    await until(() => sent.length === 30);
  });

  test('messages to all peers that wait take maxQueuedBytesInAll', async () => {
    const nobodies = await Promise.all([silence(), silence(), silence()]);
    const ports = nobodies.map(({ port }) => port);
    const { client, sent } = await waiting({ maxQueuedBytesInAll: 9000 }, ports, 30);
    await until(() => sent.length === 21);
    assert.ok(sent.every(([error]) => /dtls\.maxQueuedBytesInAll /.test(error?.message ?? '')));
    assert.equal(client.socket.getSendQueueSize(), 9000);
    client.socket.endpoint?.destroy();
    for (const { close } of nobodies) close();
  });

  test('one session more than maxClientSessions takes the place of the one used least recently', async () => {
    const servers = await Promise.all([echoing(), echoing(), echoing()]);
    const [one, two, three] = servers.map((server) => server.port()) as [number, number, number];
    const client = clientOf({ client: PSK_CLIENT, maxClientSessions: 2 });
    const has = (port: number): boolean => client.socket.sessionWith({ address: HOST, port }) !== undefined;
    await send(client.socket, 'hello', one);
    await send(client.socket, 'hello', two);
    await send(client.socket, 'again', one);
    await until(() => client.received.length === 3);
    await send(client.socket, 'hello', three);
    assert.deepEqual([has(one), has(two), has(three)], [true, false, true]);
    assert.deepEqual(client.sessionErrors, []);
    await closed(client, ...servers);
  });

  test('where all of them wait for handshakes a message to one more is dropped', async () => {
    const nobodies = await Promise.all([silence(), silence()]);
    const client = clientOf({ client: PSK_CLIENT, maxClientSessions: 1 });
    client.socket.send('first', nobodies[0].port, HOST);
    const [error] = await send(client.socket, 'second', nobodies[1].port);
    assert.equal(error?.code, 'ENOBUFS');
    assert.match(error.message, /dtls\.maxClientSessions /);
    assert.equal(client.socket.drops.too_many_sessions, 1);
    client.socket.endpoint?.destroy();
    for (const { close } of nobodies) close();
  });

  test('a session that was idle for idleTimeout is closed by the side that began it', async () => {
    const server = await echoing();
    const client = clientOf({ client: PSK_CLIENT, idleTimeout: 400 });
    await send(client.socket, 'hello', server.port());
    const session = client.socket.sessionWith({ address: HOST, port: server.port() });
    await session?.closed;
    assert.equal(client.socket.sessionWith({ address: HOST, port: server.port() }), undefined);
    assert.deepEqual(client.sessionErrors, []);
    assert.equal((await send(client.socket, 'again', server.port()))[0], null);
    await closed(client, server);
  });

  test('maxSessions limits the clients of a server', async () => {
    const server = await echoing({ server: PSK_SERVER, maxSessions: 1, evictAfter: 0 });
    const first = clientOf();
    await send(first.socket, 'hello', server.port());
    const second = clientOf({ client: PSK_CLIENT, handshakeTimeout: 500 });
    assert.equal((await send(second.socket, 'hello', server.port()))[0]?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    await closed(first, second, server);
  });
});

suite('a listener that throws', () => {
  for (const event of ['connect', 'session', 'drop', 'sessionError'] as const) {
    test(`for ${event} is an uncaught exception, and every message is sent or has its error`, async (t) => {
      const server = await echoing();
      const thrown = new Error(`listener of ${event}`);
      const uncaught: unknown[] = [];
      catchAll(t, uncaught);
      const client = createSocket({
        type: 'udp4',
        dtls: { client: event === 'sessionError' ? UNKNOWN_CLIENT : PSK_CLIENT, maxQueuedBytes: 2000 },
      });
      client.on(event as 'connect', () => {
        throw thrown;
      });
      client.connect(server.port(), HOST, () => undefined);
      let told = 0;
      for (let i = 0; i < 5; i++) client.send(Buffer.alloc(100), () => told++);
      await until(() => told === 5 && uncaught.length > 0);
      assert.ok(uncaught.every((error) => error === thrown));
      assert.equal(client.getSendQueueCount(), 0);
      await client[Symbol.asyncDispose]();
      await closed(server);
    });
  }
});

suite('the end of a socket', () => {
  test('close sends what waits first', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    client.socket.send('last words', server.port(), HOST);
    client.socket.close();
    await Promise.all([once(client.socket, 'close'), once(server.socket, 'message')]);
    assert.equal(server.received[0]?.text, 'last words');
    await closed(server);
  });

  test('close tells the peers', async () => {
    const server = await echoing();
    const client = clientOf();
    await send(client.socket, 'hello', server.port());
    const session = server.socket.sessionWith({ address: HOST, port: client.port() });
    client.socket.close();
    await session?.closed;
    assert.deepEqual(server.sessionErrors, []);
    await closed(server);
  });

  test('messages that come after close are not emitted', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    await send(client.socket, 'hello', server.port());
    await until(() => server.received.length === 1);
    client.socket.send('late', server.port(), HOST);
    server.socket.close();
    await once(server.socket, 'close');
    assert.equal(server.received.length, 1);
    await closed(client);
  });

  test('of one that was never bound is at once', async () => {
    const { socket } = watched({ client: PSK_CLIENT });
    socket.close();
    await once(socket, 'close');
  });
});
