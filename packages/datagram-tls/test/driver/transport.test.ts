import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Deferred } from '#lib/driver/deferred.js';
import {
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  listen,
  type Transport,
  type TransportConnectOptions,
  type TransportListenOptions,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { roundTrip, UNHURRIED } from './echo.js';
import { type Delivery, MemoryNetwork, type MemoryTransport } from './memory-link.js';

const DELIVERIES: readonly Delivery[] = ['at once', 'later'];
const ignore = (): void => undefined;

function serve(
  transport: Transport,
  options: Partial<TransportListenOptions> = {},
  sessions: DTLSSession[] = [],
): DTLSEndpoint {
  return listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (data) => void session.send(data);
    },
    { ...SERVERS.p256, ...options, transport },
  );
}

function client(transport: Transport, options: Partial<TransportConnectOptions> = {}): DTLSSession {
  return connect('server', 1, { ca: CA, servername: 'localhost', ...options, transport });
}

/** All that was sent has arrived, and so have the answers: each takes a turn. */
async function quiet(): Promise<void> {
  await sleep(20);
  for (let turns = 0; turns < 50; turns++) await turn();
}

interface Options {
  readonly client?: Partial<TransportConnectOptions>;
  readonly server?: Partial<TransportListenOptions>;
}

/** An echo server and a client on one network, which end with the test. */
function pair(t: TestContext, options: Options = {}) {
  const network = new MemoryNetwork();
  const near = network.transport('client');
  const far = network.transport('server');
  const sessions: DTLSSession[] = [];
  const endpoint = serve(far, options.server, sessions);
  const session = client(near, options.client);
  t.after(() => {
    session.destroy();
    endpoint.destroy();
  });
  return { near, far, endpoint, sessions, session };
}

for (const version of VERSIONS) {
  const only = { minVersion: version, maxVersion: version };

  suite(`an endpoint over a transport, ${version}`, () => {
    for (const delivery of DELIVERIES) {
      test(`carries messages both ways where datagrams arrive ${delivery}`, async () => {
        const network = new MemoryNetwork(delivery);
        const sessions: DTLSSession[] = [];
        const endpoint = serve(network.transport('server'), {}, sessions);
        const session = client(network.transport('client'), only);
        assert.equal((await session.opened).protocol, version);
        for (const text of ['one', 'two', 'three']) assert.equal(await roundTrip(session, text), text);
        assert.deepEqual(session.remoteAddress, { address: 'server', family: 'other', port: 1 });
        assert.deepEqual(sessions[0]?.remoteAddress, { address: 'client', family: 'other', port: 1 });
        assert.deepEqual(endpoint.address, { address: 'server', family: 'other', port: 1 });
        assert.deepEqual(await endpoint.opened, endpoint.address);
        await session.close();
        await endpoint.close();
      });

      test(`serves many peers where datagrams arrive ${delivery}`, async () => {
        const network = new MemoryNetwork(delivery);
        const sessions: DTLSSession[] = [];
        const endpoint = serve(network.transport('server'), { maxSessionsPerHost: 2 }, sessions);
        const names = Array.from({ length: 12 }, (_, i) => `peer ${i >> 1}`);
        const clients = names.map((name, i) => client(network.transport(name, i), only));
        await Promise.all(clients.map((session) => session.opened));
        const texts = await Promise.all(clients.map((session, i) => roundTrip(session, `message ${i}`)));
        assert.deepEqual(
          texts,
          names.map((_, i) => `message ${i}`),
        );
        assert.equal(new Set(sessions.map((session) => session.remoteAddress?.port)).size, names.length);
        await Promise.all(clients.map((session) => session.close()));
        await endpoint.close();
      });
    }

    for (const side of ['client', 'server'] as const) {
      test(`is closed on both sides when the ${side} closes its session`, async (t) => {
        const { near, far, endpoint, sessions, session } = pair(t, { client: only });
        await session.opened;
        await roundTrip(session, 'one');
        await (side === 'client' ? session : sessions[0])?.close();
        await Promise.all([session.closed, session.endpoint.closed]);
        assert.deepEqual([near.closed, far.closed], [1, 0]);
        await endpoint.close();
        assert.deepEqual([near.closed, far.closed], [1, 1]);
        assert.deepEqual(
          [near.onmessage, near.onclose, far.onmessage, far.onclose],
          [null, null, null, null],
        );
      });
    }

    test('survives two applications that answer every message within the call', async () => {
      const network = new MemoryNetwork('at once');
      const endpoint = serve(network.transport('server'));
      const session = client(network.transport('client'), only);
      await session.opened;
      let answers = 0;
      await new Promise<void>((resolve) => {
        session.onmessage = (data) => {
          if (++answers < 3000) session.send(data);
          else if (answers === 3000) resolve();
        };
        for (let i = 0; i < 100; i++) session.send(new Uint8Array(1000).fill(i));
      });
      await session.close();
      await endpoint.close();
    });

    test('takes the datagrams of a transport with one peer without their source', async () => {
      const ends: MemoryTransport[] = [];
      const network = new MemoryNetwork();
      network.carry = (data, from) => {
        const other = ends.find(({ address }) => address !== from);
        setImmediate(() => other?.deliver(data));
      };
      ends.push(network.transport('either'), network.transport('other'));
      const [near = assert.fail(), far = assert.fail()] = ends;
      const sessions: DTLSSession[] = [];
      const endpoint = serve(far, {}, sessions);
      const session = client(near, only);
      await session.opened;
      assert.equal(await roundTrip(session, 'one'), 'one');
      assert.deepEqual(sessions[0]?.remoteAddress, { address: 'peer', family: 'other', port: 0 });
      await session.close();
      await endpoint.close();
    });

    test('begins a handshake when the transport is open, and counts its time from then on', async () => {
      const handshakeTimeout = 300;
      const gate = new Deferred<void>();
      const transport = Object.assign(new MemoryNetwork().transport('client'), { opened: gate.promise });
      const session = client(transport, { ...only, handshakeTimeout });
      await sleep(handshakeTimeout + 200);
      assert.deepEqual([transport.sent.length, session.destroyed], [0, false]);
      const began = performance.now();
      gate.resolve(undefined);
      // Nobody answers.
      await assert.rejects(session.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
      assert.ok(transport.sent.length > 0);
      // Timers count whole milliseconds.
      assert.ok(performance.now() - began > handshakeTimeout - 2);
    });

    test('carries a handshake that waited for it to be open', async () => {
      const network = new MemoryNetwork();
      const endpoint = serve(network.transport('server'));
      const gate = new Deferred<void>();
      const transport = Object.assign(network.transport('client'), { opened: gate.promise });
      const session = client(transport, only);
      await quiet();
      gate.resolve(undefined);
      await session.opened;
      await session.close();
      await endpoint.close();
    });

    test('makes no datagram larger than the transport carries', async () => {
      const network = new MemoryNetwork();
      const near = Object.assign(network.transport('client'), { maxDatagramSize: 400 });
      const far = Object.assign(network.transport('server'), { maxDatagramSize: 500 });
      const endpoint = serve(far, { mtu: 450 });
      const session = client(near, only);
      await session.opened;
      const { maxMessageSize = 0 } = session;
      assert.ok(maxMessageSize > 300 && maxMessageSize < 400);
      const text = 'x'.repeat(maxMessageSize);
      assert.equal(await roundTrip(session, text), text);
      assert.ok(near.sent.every(({ length }) => length <= 400));
      assert.ok(far.sent.every(({ length }) => length <= 450));
      await session.close();
      await endpoint.close();
    });

    test('makes smaller datagrams when the transport says that one is too large', async () => {
      const network = new MemoryNetwork();
      const endpoint = serve(network.transport('server'));
      const near = network.transport('client');
      const send = near.send.bind(near);
      near.send = (data, to) => {
        if (data.length > 600) throw Object.assign(new Error('too long'), { code: 'EMSGSIZE' });
        return send(data, to);
      };
      const session = client(near, only);
      await session.opened;
      const large = 'x'.repeat(900);
      if ((session.maxMessageSize ?? 0) >= large.length) session.send(large);
      await sleep(20);
      assert.ok((session.maxMessageSize ?? 0) < 600);
      assert.equal(await roundTrip(session, 'one'), 'one');
      assert.ok((session.drops.send_failed ?? 0) > 0);
      await session.close();
      await endpoint.close();
    });

    test('loses a message whose datagram the transport does not take, and counts it', async (t) => {
      const { near, endpoint, session } = pair(t, { client: { ...only, ...UNHURRIED }, server: UNHURRIED });
      await session.opened;
      await roundTrip(session, 'one');
      await quiet();
      const before = session.drops.send_failed ?? 0;
      const send = near.send.bind(near);
      near.send = () => {
        throw new TypeError('no such thing');
      };
      assert.equal(session.send('lost'), 4);
      near.send = () => Promise.reject(new Error('not today'));
      assert.equal(session.send('lost'), 4);
      await sleep(5);
      near.send = send;
      assert.equal(await roundTrip(session, 'two'), 'two');
      assert.equal(session.drops.send_failed, before + 2);
      await session.close();
      await endpoint.close();
    });
  });
}

suite('a transport that fails', () => {
  test('is named as the cause of a handshake that found no answer', async () => {
    const network = new MemoryNetwork();
    const transport = network.transport('client');
    transport.send = () => {
      throw new Error('the tunnel is down');
    };
    const session = client(transport, { handshakeTimeout: 1000 });
    await assert.rejects(session.opened, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
      assert.match(error.message, /the tunnel is down/);
      return true;
    });
    await session.closed;
    assert.equal(transport.closed, 1);
  });

  test('ends a handshake at once when it says that no way leads to the peer', async () => {
    const transport = new MemoryNetwork().transport('client');
    transport.send = () => Promise.reject(Object.assign(new Error('no way'), { code: 'EHOSTUNREACH' }));
    const session = client(transport);
    await assert.rejects(session.opened, { code: 'ERR_DTLS_UNREACHABLE' });
    await session.endpoint.closed;
  });

  test('fails the session when it cannot be opened, and is closed', async () => {
    const opened = Promise.reject(new Error('no candidate pair'));
    const transport = Object.assign(new MemoryNetwork().transport('client'), { opened });
    const session = client(transport);
    await assert.rejects(session.opened, /no candidate pair/);
    await assert.rejects(session.endpoint.closed, /no candidate pair/);
    assert.deepEqual([transport.sent.length, transport.closed], [0, 1]);
  });

  test('fails the sessions that are open with its error, which the endpoint tells', async (t) => {
    const { near, far, endpoint, sessions, session } = pair(t);
    await session.opened;
    await roundTrip(session, 'one');
    const failure = new Error('the tunnel broke');
    const told: unknown[] = [];
    endpoint.onerror = (error) => told.push(error);
    const [other = assert.fail()] = sessions;
    other.onerror = (error) => told.push(error);
    far.onclose?.(failure);
    await assert.rejects(endpoint.closed, failure);
    await other.closed;
    assert.deepEqual(told, [failure, failure]);
    assert.equal(far.closed, 0, 'it has ended already');
    near.onclose?.(failure);
    await session.closed;
  });

  test('that ends by itself cuts open sessions off, and closes the endpoint without an error', async (t) => {
    const { near, far, endpoint, sessions, session } = pair(t);
    await session.opened;
    await roundTrip(session, 'one');
    const [other = assert.fail()] = sessions;
    const cut = new Promise<Error>((resolve) => {
      other.onerror = resolve;
    });
    far.onclose?.();
    assert.equal(((await cut) as { code?: string }).code, 'ERR_DTLS_TRANSPORT_CLOSED');
    await Promise.all([other.closed, endpoint.closed]);
    assert.throws(() => other.send('too late'), { code: 'ERR_INVALID_STATE' });
    near.onclose?.();
    await session.endpoint.closed;
  });

  test('that ends by itself while a session closes does no harm to it', async (t) => {
    const { near, far, session } = pair(t);
    await session.opened;
    let failed = false;
    session.onerror = () => {
      failed = true;
    };
    far.onmessage = null;
    const closed = session.close();
    near.onclose?.();
    await Promise.all([closed, session.endpoint.closed]);
    assert.equal(failed, false);
  });

  test('is waited for when it takes time to close', async () => {
    const gate = new Deferred<void>();
    const transport = Object.assign(new MemoryNetwork().transport('server'), { close: () => gate.promise });
    const endpoint = serve(transport);
    const order: string[] = [];
    const closed = endpoint.close().then(() => order.push('endpoint'));
    await sleep(5);
    order.push('transport');
    gate.resolve(undefined);
    await closed;
    assert.deepEqual(order, ['transport', 'endpoint']);
  });

  for (const [how, close] of Object.entries({
    throws: () => {
      throw new Error('cannot close');
    },
    rejects: () => Promise.reject(new Error('cannot close')),
  })) {
    test(`makes endpoint.closed reject when its close ${how}`, async () => {
      const transport = Object.assign(new MemoryNetwork().transport('server'), { close });
      const endpoint = serve(transport);
      await assert.rejects(endpoint.close(), /cannot close/);
      assert.ok(endpoint.destroyed);
    });
  }
});

suite('back-pressure of a transport', () => {
  for (const [what, slow] of Object.entries({
    'promises that are not settled': (near: MemoryTransport) => {
      near.send = () => new Promise(ignore);
    },
    'its bufferedAmount': (near: MemoryTransport) => {
      Object.assign(near, { bufferedAmount: 1_000_000 });
    },
  })) {
    test(`holds messages back by ${what}`, async (t) => {
      const { near, session } = pair(t, { client: { maxSendQueue: 20_000 } });
      await session.opened;
      await roundTrip(session, 'one');
      await quiet();
      slow(near);
      let taken = 0;
      while (taken < 100 && session.send(new Uint8Array(1000)) > 0) taken++;
      assert.ok(taken > 5 && taken < 20, String(taken));
      assert.equal(session.drops.send_queue_full, 1);
    });
  }
});

suite('what a transport may get wrong', () => {
  for (const [bufferedAmount, counts] of [
    [Number.POSITIVE_INFINITY, BigInt(Number.MAX_SAFE_INTEGER)],
    [Number.NaN, 0n],
    [-5, 0n],
    [0.5, 1n],
    ['7', 0n],
  ] as const) {
    test(`a bufferedAmount of ${inspect(bufferedAmount)} counts as ${counts}, and ends neither sessions nor statistics`, async (t) => {
      const { near, session } = pair(t);
      await session.opened;
      await roundTrip(session, 'one');
      Object.assign(near, { bufferedAmount });
      assert.equal(session.endpoint.stats.bytesQueued, counts);
      await session.close();
      await session.endpoint.closed;
    });
  }

  const wrongCalls: readonly [string, (transport: Transport) => void, string][] = [
    ['text', (t) => t.onmessage?.('text' as never), 'ERR_INVALID_ARG_TYPE'],
    ['an ArrayBuffer', (t) => t.onmessage?.(new ArrayBuffer(8) as never), 'ERR_INVALID_ARG_TYPE'],
    ['a view of other numbers', (t) => t.onmessage?.(new Uint16Array(8) as never), 'ERR_INVALID_ARG_TYPE'],
    ['nothing', (t) => t.onmessage?.(undefined as never), 'ERR_INVALID_ARG_TYPE'],
    ['a source that is text', (t) => t.onmessage?.(new Uint8Array(1), 'a' as never), 'ERR_INVALID_ARG_TYPE'],
    ['no source', (t) => t.onmessage?.(new Uint8Array(1), null as never), 'ERR_INVALID_ARG_TYPE'],
    [
      'a source without address',
      (t) => t.onmessage?.(new Uint8Array(1), { port: 1 } as never),
      'ERR_INVALID_ARG_TYPE',
    ],
    [
      'a port out of range',
      (t) => t.onmessage?.(new Uint8Array(1), { address: 'a', port: 65_536 }),
      'ERR_OUT_OF_RANGE',
    ],
    [
      'a family that there is not',
      (t) => t.onmessage?.(new Uint8Array(1), { address: 'a', port: 1, family: 'inet' as never }),
      'ERR_INVALID_ARG_VALUE',
    ],
  ];
  for (const [what, call, code] of wrongCalls) {
    test(`gets an error when it calls onmessage with ${what}, and goes on`, async (t) => {
      const { near, far, endpoint, session } = pair(t);
      await session.opened;
      for (const transport of [near, far]) assert.throws(() => call(transport), { code });
      assert.equal(await roundTrip(session, 'one'), 'one');
      await session.close();
      await endpoint.close();
    });
  }

  test('is not heard after the end', async (t) => {
    const { near, far, endpoint, session } = pair(t);
    const calls = [near, far].map(({ onmessage, onclose }) => ({ onmessage, onclose }));
    await session.opened;
    await session.close();
    await Promise.all([session.endpoint.closed, endpoint.close()]);
    const { packetsReceived } = endpoint.stats;
    for (const { onmessage, onclose } of calls) {
      onmessage?.(new Uint8Array(100), { address: 'a', port: 1 });
      onmessage?.('text' as never);
      onclose?.(new Error('late'));
    }
    assert.equal(endpoint.stats.packetsReceived, packetsReceived);
  });

  test('is asked for nothing more than sends and one close after it is given away', async (t) => {
    const { near, endpoint, session } = pair(t);
    await session.opened;
    await session.close();
    await session.endpoint.closed;
    const { length } = near.sent;
    await endpoint.close();
    await sleep(20);
    assert.deepEqual([near.sent.length, near.closed], [length, 1]);
  });

  test('may give memory that is shared with other threads', async (t) => {
    const { near, endpoint, session } = pair(t);
    near.deliver = (data, from) => {
      const shared = new Uint8Array(new SharedArrayBuffer(data.length));
      shared.set(data);
      near.onmessage?.(shared, from);
      shared.fill(0);
    };
    await session.opened;
    assert.equal(await roundTrip(session, 'one'), 'one');
    await session.close();
    await endpoint.close();
  });

  test('may hand over what has waited while its handler is set', async () => {
    const network = new MemoryNetwork();
    const near = network.transport('client');
    const far = network.transport('server');
    const session = client(near);
    await once(process, 'nothing', { signal: AbortSignal.timeout(5) }).catch(ignore);
    const held = [...near.sent];
    const eager: Transport = {
      send: (data, to) => far.send(data, to),
      close: ignore,
      set onmessage(fn: NonNullable<Transport['onmessage']> | null) {
        far.onmessage = fn;
        for (const data of held.splice(0)) fn?.(data, near.address);
      },
    };
    const endpoint = serve(eager);
    await session.opened;
    assert.equal(await roundTrip(session, 'one'), 'one');
    await session.close();
    await endpoint.close();
  });

  test('sends from a forged IP source without a port are dropped', async () => {
    const far = new MemoryNetwork().transport('server');
    const endpoint = serve(far);
    far.onmessage?.(new Uint8Array(50), { address: '192.0.2.1', port: 0 });
    assert.equal(endpoint.stats.serverRejectedCount, 1n);
    await endpoint.close();
  });
});

suite('what a caller may get wrong with a transport', () => {
  const VALUES = {
    host: 'localhost',
    port: 0,
    bindHost: '127.0.0.1',
    bindPort: 0,
    ipv6Only: false,
    reusePort: false,
    udpTTL: 1,
    udpReceiveBufferSize: 5000,
    udpSendBufferSize: 5000,
  };
  const transport = (): MemoryTransport => new MemoryNetwork().transport('either');
  const mistakes: readonly [string, (transport: Transport) => unknown, string, RegExp][] = [
    ['an invalid transport', () => serve(5 as never), 'ERR_INVALID_ARG_TYPE', /options\.transport"/],
    [
      'a transport that cannot send',
      () => client({ close: ignore } as never),
      'ERR_INVALID_ARG_TYPE',
      /options\.transport\.send/,
    ],
    [
      'a transport that cannot close',
      () => client({ send: ignore } as never),
      'ERR_INVALID_ARG_TYPE',
      /options\.transport\.close/,
    ],
    [
      'an opened that is no promise',
      (given) => client(Object.assign(given, { opened: true as never })),
      'ERR_INVALID_ARG_TYPE',
      /options\.transport\.opened/,
    ],
    [
      'a size that no transport has',
      (given) => client(Object.assign(given, { maxDatagramSize: 100 })),
      'ERR_OUT_OF_RANGE',
      /options\.transport\.maxDatagramSize/,
    ],
    [
      'an invalid address',
      (given) => serve({ ...given, send: ignore, close: ignore, address: { address: 5 } as never }),
      'ERR_INVALID_ARG_TYPE',
      /options\.transport\.address/,
    ],
    [
      'an mtu beyond the transport',
      (given) => client(Object.assign(given, { maxDatagramSize: 500 }), { mtu: 501 }),
      'ERR_OUT_OF_RANGE',
      /options\.mtu/,
    ],
    ...(
      [
        'host',
        'port',
        'ipv6Only',
        'reusePort',
        'udpTTL',
        'udpReceiveBufferSize',
        'udpSendBufferSize',
      ] as const
    ).map((name): [string, (transport: Transport) => unknown, string, RegExp] => [
      `listen with ${name}`,
      (given) => serve(given, { [name]: VALUES[name] }),
      'ERR_INVALID_ARG_VALUE',
      new RegExp(`options\\.${name}.*of no use with options\\.transport`),
    ]),
    ...(['bindHost', 'bindPort', 'reusePort', 'udpTTL'] as const).map(
      (name): [string, (transport: Transport) => unknown, string, RegExp] => [
        `connect with ${name}`,
        (given) => client(given, { [name]: VALUES[name] }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`options\\.${name}.*of no use with options\\.transport`),
      ],
    ),
  ];
  for (const [what, call, code, message] of mistakes) {
    test(`is refused: ${what}`, () => {
      const given = transport();
      assert.throws(() => call(given), { code, message });
      assert.deepEqual([given.onmessage, given.closed], [null, 0]);
    });
  }

  test('is refused: a transport that belongs to another endpoint, which goes on', async (t) => {
    const { near, far, endpoint, session } = pair(t);
    for (const given of [near, far]) {
      assert.throws(() => client(given), { code: 'ERR_DTLS_TRANSPORT_IN_USE' });
      assert.throws(() => serve(given), { code: 'ERR_DTLS_TRANSPORT_IN_USE' });
    }
    await session.opened;
    assert.equal(await roundTrip(session, 'one'), 'one');
    await session.close();
    await endpoint.close();
    assert.throws(() => client(near), { code: 'ERR_DTLS_TRANSPORT_IN_USE' }, 'also when that has ended');
  });

  test('is refused by the compiler: options of sockets', () => {
    // @ts-expect-error -- A transport has no port.
    const server: TransportListenOptions = { transport: transport(), port: 1 };
    // @ts-expect-error -- Nor is it bound.
    const other: TransportConnectOptions = { transport: transport(), bindPort: 1 };
    assert.ok(server.transport !== other.transport);
  });
});
