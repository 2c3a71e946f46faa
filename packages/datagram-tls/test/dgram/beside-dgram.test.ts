// The decisions on the dgram facade: what libraries that speak dgram see of a socket with DTLS, beside a socket of Node.

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { createSocket, dtlsModule, Socket } from '#lib/dgram.js';
import { until } from '../driver/echo.js';
import { bound, clientOf, closed, echoing, HOST, PSK_CLIENT, PSK_SERVER, watched } from './sockets.js';

type Action = (socket: dgram.Socket) => unknown;

/** The code that an action throws; `none` where it throws nothing. */
function codeOf(socket: dgram.Socket, action: Action): string {
  try {
    action(socket);
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code ?? 'no code';
  }
}

const untyped = (socket: dgram.Socket): Record<string, (...values: unknown[]) => unknown> =>
  socket as unknown as Record<string, (...values: unknown[]) => unknown>;

const MISTAKES: Readonly<Record<string, Action>> = {
  'send of a number': (socket) => untyped(socket)['send']?.(42, 1, HOST),
  'send of nothing': (socket) => untyped(socket)['send']?.(undefined, 1, HOST),
  'send of a list with a number': (socket) => untyped(socket)['send']?.([Buffer.of(1), 42], 1, HOST),
  'send to port 0': (socket) => socket.send('a', 0, HOST),
  'send to port 65536': (socket) => socket.send('a', 65_536, HOST),
  'send to no port': (socket) => socket.send('a'),
  'send to a port of text that is no number': (socket) => untyped(socket)['send']?.('a', 'x', HOST),
  'send to an address that is a number': (socket) => untyped(socket)['send']?.('a', 1, 42),
  'send with an offset outside': (socket) => socket.send(Buffer.of(1), 2, 1, 1, HOST),
  'send with a length outside': (socket) => socket.send(Buffer.of(1), 0, 2, 1, HOST),
  'connect to port 0': (socket) => socket.connect(0, HOST),
  'connect to an address that is a number': (socket) => untyped(socket)['connect']?.(1, 42),
  'disconnect before connect': (socket) => socket.disconnect(),
  'remoteAddress before connect': (socket) => socket.remoteAddress(),
  'address before bind': (socket) => socket.address(),
  'setTTL before bind': (socket) => socket.setTTL(1),
  'bind to a port that is too large': (socket) => socket.bind(70_000),
};

suite('what a socket refuses, as a socket of node:dgram does', () => {
  for (const [mistake, action] of Object.entries(MISTAKES)) {
    test(mistake, async () => {
      const plain = dgram.createSocket('udp4').on('error', () => undefined);
      const ours = watched({ client: PSK_CLIENT }).socket;
      try {
        assert.equal(codeOf(ours, action), codeOf(plain, action));
      } finally {
        plain.close();
        await ours[Symbol.asyncDispose]();
      }
    });
  }

  for (const [mistake, action] of Object.entries({
    'a second bind': (socket) => socket.bind(0),
    'a second connect': (socket) => {
      socket.connect(9, HOST, () => undefined);
      socket.connect(9, HOST);
    },
    'send after close': (socket) => {
      socket.close();
      socket.send('a', 9, HOST);
    },
    'a second close': (socket) => {
      socket.close();
      socket.close();
    },
    'bind after close': (socket) => {
      socket.close();
      socket.bind(0);
    },
  } satisfies Record<string, Action>)) {
    test(mistake, async () => {
      const plain = dgram.createSocket('udp4').on('error', () => undefined);
      plain.bind(0, HOST);
      await once(plain, 'listening');
      const ours = (await bound({ client: PSK_CLIENT })).socket;
      try {
        assert.equal(codeOf(ours, action), codeOf(plain, action));
      } finally {
        for (const socket of [plain, ours])
          if (codeOf(socket, (one) => one.address()) === 'none') socket.close();
      }
    });
  }

  for (const options of [undefined, null, 42, 'udp5', {}, { type: 'unix' }, { type: 'udp4', lookup: 42 }]) {
    test(`createSocket(${JSON.stringify(options)})`, () => {
      const make = (create: unknown): string =>
        codeOf(undefined as never, () => (create as (value: unknown) => unknown)(options));
      assert.notEqual(make(dgram.createSocket), 'none');
      assert.match(make(createSocket), /^ERR_(INVALID_ARG|SOCKET)/);
    });
  }
});

suite('what a socket is, as one of node:dgram', () => {
  test('it is an instance of dgram.Socket, and of our Socket', async () => {
    const one = watched({ client: PSK_CLIENT });
    assert.ok(one.socket instanceof dgram.Socket);
    assert.ok(one.socket instanceof Socket);
    assert.equal(one.socket.type, 'udp4');
    await closed(one);
  });

  test('a socket of node:dgram is no instance of our Socket', () => {
    const plain = dgram.createSocket('udp4');
    assert.ok(!(plain instanceof Socket));
    plain.close();
  });

  test('it has every public method of dgram.Socket itself, and inherits none that needs a handle', () => {
    const own = Object.getOwnPropertyNames(Socket.prototype);
    const theirs = Object.getOwnPropertyNames(dgram.Socket.prototype);
    assert.deepEqual(
      theirs.filter((name) => !name.startsWith('_') && !own.includes(name)),
      [],
    );
  });

  test('its events come after the call that causes them, and the callback of bind is one', async () => {
    const { socket } = watched({ client: PSK_CLIENT });
    const told: string[] = [];
    socket.bind(0, HOST, () => void told.push('callback'));
    socket.on('listening', () => void told.push('listening'));
    assert.equal(told.length, 0);
    await once(socket, 'listening');
    assert.deepEqual(told, ['callback', 'listening']);
    assert.equal(socket.address().address, HOST);
    socket.close(() => void told.push('closed'));
    assert.equal(told.length, 2);
    await once(socket, 'close');
    assert.deepEqual(told.slice(2), ['closed']);
  });

  test('bindSync binds before it returns, or throws', async () => {
    const { socket } = watched({ server: PSK_SERVER });
    const { port } = socket.bindSync({ address: HOST });
    assert.equal(socket.address().port, port);
    await once(socket, 'listening');
    const other = watched({ server: PSK_SERVER });
    assert.throws(() => other.socket.bindSync({ address: HOST, port }), { code: 'EADDRINUSE' });
    assert.throws(() => other.socket.bindSync({ address: 'localhost' }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => socket.bindSync(), { code: 'ERR_SOCKET_ALREADY_BOUND' });
    assert.deepEqual(other.errors, []);
    await closed({ ...other, socket }, other);
  });

  test('a port that is taken is an error event, and the socket can be bound to another', async () => {
    const first = await bound({ server: PSK_SERVER });
    const { socket } = watched({ server: PSK_SERVER });
    const listening = (): never => assert.fail('it is not bound');
    socket.bind(first.port(), HOST, listening);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'EADDRINUSE');
    socket.bind(0, HOST);
    await once(socket, 'listening');
    await closed(first);
    socket.close();
    await once(socket, 'close');
  });

  test('an aborted signal closes it', async () => {
    const abort = new AbortController();
    const { socket } = await bound({ server: PSK_SERVER }, { signal: abort.signal });
    abort.abort();
    await once(socket, 'close');
  });

  test('options of the system reach the system, and so do calls', async () => {
    const { socket } = await bound({ server: PSK_SERVER }, { recvBufferSize: 65_536, reuseAddr: true });
    assert.ok(socket.getRecvBufferSize() >= 65_536);
    socket.setSendBufferSize(32_768);
    assert.ok(socket.getSendBufferSize() >= 32_768);
    socket.setTTL(12);
    socket.setBroadcast(true);
    socket.setMulticastTTL(3);
    socket.setMulticastLoopback(true);
    assert.equal(socket.getSendQueueSize(), 0);
    assert.equal(socket.getSendQueueCount(), 0);
    assert.equal(socket.ref(), socket);
    assert.equal(socket.unref(), socket);
    await socket[Symbol.asyncDispose]();
  });

  test('what DTLS has not is refused with a code', async () => {
    const { socket } = await bound({ server: PSK_SERVER });
    for (const name of ['addMembership', 'dropMembership'])
      assert.throws(() => untyped(socket)[name]?.('224.0.0.114'), { code: 'ERR_DTLS_MULTICAST' });
    for (const name of ['addSourceSpecificMembership', 'dropSourceSpecificMembership'])
      assert.throws(() => untyped(socket)[name]?.(HOST, '232.0.0.1'), { code: 'ERR_DTLS_MULTICAST' });
    await socket[Symbol.asyncDispose]();
  });

  test('a message is a Buffer, and rinfo has its size', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    client.socket.send('four', server.port(), HOST);
    const [message, rinfo] = (await once(server.socket, 'message')) as [Buffer, dgram.RemoteInfo];
    assert.ok(Buffer.isBuffer(message));
    assert.deepEqual(rinfo, { address: HOST, family: 'IPv4', port: client.port(), size: 4 });
    await closed(client, server);
  });
});

const abc = Buffer.from('abc');
const inside = Buffer.from('xabcx');

/** Forms of `send`; each sends "abc". */
const FORMS: Readonly<Record<string, (socket: dgram.Socket, port: number, done: () => void) => void>> = {
  '(text, port, address, callback)': (socket, port, done) => socket.send('abc', port, HOST, done),
  '(buffer, port, address, callback)': (socket, port, done) => socket.send(abc, port, HOST, done),
  '(view, port, address, callback)': (socket, port, done) =>
    socket.send(new DataView(abc.buffer, abc.byteOffset, 3), port, HOST, done),
  '(list, port, address, callback)': (socket, port, done) =>
    socket.send([Buffer.from('a'), 'b', Uint8Array.of(0x63)], port, HOST, done),
  '(buffer, port, callback)': (socket, port, done) => socket.send(abc, port, done),
  '(buffer, port as text, address, callback)': (socket, port, done) =>
    untyped(socket)['send']?.(abc, String(port), HOST, done),
  '(buffer, offset, length, port, address, callback)': (socket, port, done) =>
    socket.send(inside, 1, 3, port, HOST, done),
  '(text, offset, length, port, address, callback)': (socket, port, done) =>
    socket.send('xabcx', 1, 3, port, HOST, done),
  '(buffer, offset, length, port, callback)': (socket, port, done) => socket.send(inside, 1, 3, port, done),
};

suite('send, in all forms of node:dgram', () => {
  for (const [form, sendIt] of Object.entries(FORMS)) {
    test(`send${form}`, async () => {
      const server = await bound({ server: PSK_SERVER });
      const client = clientOf();
      await new Promise<void>((resolve) => sendIt(client.socket, server.port(), resolve));
      await until(() => server.received.length === 1);
      assert.equal(server.received[0]?.text, 'abc');
      await closed(client, server);
    });
  }

  test('its callback gets null and the length of the message', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    const told = await new Promise((resolve) =>
      client.socket.send(inside, 1, 3, server.port(), HOST, (...values) => resolve(values)),
    );
    assert.deepEqual(told, [null, 3]);
    await closed(client, server);
  });

  test('an empty list is an empty message', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    client.socket.send([], server.port(), HOST);
    await until(() => server.received.length === 1);
    assert.equal(server.received[0]?.text, '');
    await closed(client, server);
  });

  test('a buffer may be used again while its message waits', async () => {
    const server = await bound({ server: PSK_SERVER });
    const client = clientOf();
    const buffer = Buffer.from('first');
    client.socket.send(buffer, server.port(), HOST);
    buffer.fill('x');
    await until(() => server.received.length === 1);
    assert.equal(server.received[0]?.text, 'first');
    await closed(client, server);
  });
});

suite('connect', () => {
  test('emits connect when the handshake is done; then send needs no address', async () => {
    const server = await echoing();
    const client = clientOf();
    client.socket.connect(server.port(), HOST);
    await once(client.socket, 'connect');
    assert.throws(() => client.socket.send('a', server.port(), HOST, () => undefined), {
      code: 'ERR_SOCKET_DGRAM_IS_CONNECTED',
    });
    assert.deepEqual(client.socket.remoteAddress(), { address: HOST, family: 'IPv4', port: server.port() });
    client.socket.send('a');
    client.socket.send(inside, 1, 3);
    await until(() => client.received.length === 2);
    assert.deepEqual(
      client.received.map(({ text }) => text),
      ['echo a', 'echo abc'],
    );
    await closed(client, server);
  });

  test('connectSync connects at once, and messages wait for the handshake', async () => {
    const server = await echoing();
    const client = clientOf();
    client.socket.connectSync(server.port(), HOST);
    assert.equal(client.socket.remoteAddress().port, server.port());
    client.socket.send('early');
    await until(() => client.received.length === 1);
    client.socket.disconnect();
    assert.throws(() => client.socket.connectSync(9, 'localhost'), { code: 'ERR_INVALID_ARG_VALUE' });
    await closed(client, server);
  });

  test('messages that are sent before it is done wait', async () => {
    const server = await echoing();
    const client = clientOf();
    client.socket.connect(server.port(), HOST);
    client.socket.send('early');
    await until(() => client.received.length === 1);
    await closed(client, server);
  });

  test('its callback gets the error of the handshake, and the socket can connect again', async () => {
    const server = await echoing();
    const wrong = { psk: { identity: 'nobody', key: Buffer.alloc(16, 1) } };
    const client = clientOf({ client: ({ port }) => (port === server.port() ? PSK_CLIENT : wrong) });
    const refusing = await bound({ server: PSK_SERVER });
    const error = await new Promise((resolve) =>
      client.socket.connect(refusing.port(), HOST, resolve as () => void),
    );
    assert.match((error as { code: string }).code, /^ERR_DTLS_/);
    assert.deepEqual(client.errors, []);
    client.socket.connect(server.port(), HOST);
    await once(client.socket, 'connect');
    await closed(client, server, refusing);
  });

  test('without a callback the error is an error event', async () => {
    const refusing = await bound({ server: PSK_SERVER });
    const client = clientOf({ client: { psk: { identity: 'nobody', key: Buffer.alloc(16, 1) } } });
    client.socket.connect(refusing.port(), HOST);
    const [error] = (await once(client.socket, 'error')) as [NodeJS.ErrnoException];
    assert.match(error.code ?? '', /^ERR_DTLS_/);
    await closed(client, refusing);
  });

  test('messages of others do not reach a connected socket', async () => {
    const one = await echoing();
    const other = await echoing();
    const client = clientOf();
    client.socket.send('before', other.port(), HOST);
    await until(() => client.received.length === 1);
    client.socket.connect(one.port(), HOST);
    await once(client.socket, 'connect');
    const { port } = client.socket.address();
    other.socket.send('unasked', port, HOST);
    client.socket.send('asked');
    await until(() => client.received.length === 2);
    assert.equal(client.received[1]?.text, 'echo asked');
    client.socket.disconnect();
    other.socket.send('again', port, HOST);
    await until(() => client.received.length === 3);
    assert.equal(client.received[2]?.text, 'again');
    await closed(client, one, other);
  });

  test('a socket that begins no session refuses it', async () => {
    const { socket } = await bound({ server: PSK_SERVER });
    assert.throws(() => socket.connect(9, HOST), {
      code: 'ERR_INVALID_STATE',
      message: /options\.dtls\.client/,
    });
    await socket[Symbol.asyncDispose]();
  });
});

suite('dtlsModule', () => {
  test('makes sockets with its options, as libraries call createSocket', async () => {
    const servers = dtlsModule({ server: PSK_SERVER });
    const clients = dtlsModule({ client: PSK_CLIENT });
    const heard: string[] = [];
    const server = servers.createSocket('udp4', (message) => void heard.push(message.toString()));
    server.bind(0, HOST);
    await once(server, 'listening');
    const client = clients.createSocket({ type: 'udp4', reuseAddr: true });
    assert.ok(client instanceof clients.Socket);
    client.send('hello', server.address().port, HOST);
    await once(server, 'message');
    assert.deepEqual(heard, ['hello']);
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
});
