import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { interleave } from '#lib/driver/happy-eyeballs.js';
import {
  type ConnectOptions,
  connect,
  DTLSEndpoint,
  type DTLSSession,
  type LookupFunction,
  listen,
  type Version,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { freePort, NO_IPV6 } from '../support/loopback.js';
import { VERSIONS } from '../support/settings.js';
import { echoServer, roundTrip, saved, server, UNHURRIED, until } from './echo.js';

// Siege case D12. All addresses are of this machine; a dead one has a socket that never answers.

const NAME = 'localhost';
const DEAD = ['127.0.0.2', '127.0.0.3'] as const;
const skip = process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8';

/** Resolves every name to `addresses`. */
function book(...addresses: readonly string[]): LookupFunction {
  return (_name, _options, done) => {
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

interface Dead {
  readonly datagrams: Buffer[];
}

/** A socket that hears and never answers. */
async function dead(t: TestContext, address: string, port: number): Promise<Dead> {
  const socket: Socket = createSocket('udp4').bind(port, address);
  t.after(() => socket.close());
  const datagrams: Buffer[] = [];
  socket.on('message', (datagram) => datagrams.push(datagram));
  await once(socket, 'listening');
  return { datagrams };
}

function client(t: TestContext, { port }: { readonly port: number }, options: ConnectOptions): DTLSSession {
  const session = connect(NAME, port, { ca: CA, autoSelectFamilyAttemptTimeout: 10, ...options });
  t.after(() => session.destroy());
  return session;
}

suite('the order of addresses', () => {
  for (const [given, expected] of [
    ['6 6 6 4 4', '6 4 6 4 6'],
    ['4 6 6 6', '4 6 6 6'],
    ['4 4 4', '4 4 4'],
    ['6', '6'],
  ] as const) {
    test(`${given} becomes ${expected}`, () => {
      let count = 0;
      const addresses = given
        .split(' ')
        .map((family) => (family === '6' ? `::${++count}` : `127.0.0.${++count}`));
      const order = interleave(addresses);
      assert.equal(order.map((address) => (address.includes(':') ? '6' : '4')).join(' '), expected);
      assert.deepEqual([...order].sort(), [...addresses].sort());
    });
  }

  test('an address that comes twice is tried once, and eight addresses at most', () => {
    const many = Array.from({ length: 40 }, (_, i) => `127.0.0.${i >> 1}`);
    assert.deepEqual(interleave(many), many.filter((_, i) => i % 2 === 0).slice(0, 8));
  });
});

suite('a host name with several addresses', { skip }, () => {
  for (const version of VERSIONS) {
    test(`the first address that a server answers is the session’s, in ${version}`, async (t) => {
      const pinned = { minVersion: version, maxVersion: version } satisfies {
        minVersion: Version;
        maxVersion: Version;
      };
      const alive = server(t, pinned);
      const silent = await Promise.all(DEAD.map((address) => dead(t, address, alive.port)));
      const session = client(t, alive, { lookup: book(...DEAD, '127.0.0.1'), ...pinned });
      await session.opened;
      assert.deepEqual(session.remoteAddress, { address: '127.0.0.1', family: 'IPv4', port: alive.port });
      assert.equal(await roundTrip(session, 'hello'), 'hello');
      assert.equal(alive.sessions.length, 1);
      assert.ok(silent.every(({ datagrams }) => datagrams.length > 0));
      assert.equal(session.endpoint.stats.clientSessions, 1n);
      assert.equal(session.endpoint.address?.port, alive.sessions[0]?.remoteAddress?.port);
      await session.close();
      await session.endpoint.closed;
    });
  }

  test('both versions of IP are tried', { skip: NO_IPV6 }, async (t) => {
    const alive = server(t);
    const session = client(t, alive, { lookup: book('::1', '127.0.0.1') });
    await session.opened;
    assert.equal(session.remoteAddress?.family, 'IPv4');
  });

  test('the name is the one that is asked for and looked for in the certificate', async (t) => {
    const alive = server(t);
    await dead(t, DEAD[0], alive.port);
    const lookup = book(DEAD[0], '127.0.0.1');
    const session = client(t, alive, { lookup });
    await session.opened;
    await alive.sessions[0]?.opened;
    assert.deepEqual([session.servername, alive.sessions[0]?.servername], [NAME, NAME]);
    const other = connect('other.example', alive.port, {
      ca: CA,
      lookup,
      autoSelectFamilyAttemptTimeout: 10,
    });
    await assert.rejects(other.opened, { code: 'ERR_DTLS_CERTIFICATE' });
  });

  test('callbacks hear of the session alone, and not of other attempts', async (t) => {
    const alive = server(t, { maxVersion: 'DTLSv1.3', minVersion: 'DTLSv1.3' });
    await dead(t, DEAD[0], alive.port);
    let flights = 0;
    const heard = new Set<DTLSSession>();
    const session = client(t, alive, {
      ...UNHURRIED,
      lookup: book(DEAD[0], '127.0.0.1'),
      trace: (event, of) => {
        heard.add(of);
        if (event.kind === 'flight' && event.messages[0] === 'client_hello') flights++;
      },
    });
    session.onerror = () => assert.fail();
    await session.opened;
    assert.deepEqual([...heard], [session]);
    // The second is the one with the cookie.
    assert.equal(flights, 2);
  });

  test('a function psk is called once, however many addresses are tried', async (t) => {
    const key = Buffer.alloc(32, 7);
    const alive = echoServer({ cert: undefined, key: undefined, psk: { ada: key }, minVersion: 'DTLSv1.3' });
    t.after(() => alive.endpoint.destroy());
    for (const address of DEAD) await dead(t, address, alive.port);
    let calls = 0;
    const psk = (): { identity: string; key: Buffer } => {
      calls++;
      return { identity: 'ada', key };
    };
    const lookup = book(...DEAD, '127.0.0.1');
    const session = connect(NAME, alive.port, {
      psk,
      lookup,
      autoSelectFamilyAttemptTimeout: 10,
      minVersion: 'DTLSv1.3',
    });
    t.after(() => session.destroy());
    await session.opened;
    assert.equal(calls, 1);
  });

  test('a function psk that throws ends the session with its error, and is not called again', async (t) => {
    const alive = server(t);
    let calls = 0;
    const psk = (): never => {
      calls++;
      throw new RangeError('no key');
    };
    const session = connect(NAME, alive.port, {
      psk,
      lookup: book('127.0.0.1', ...DEAD),
      minVersion: 'DTLSv1.3',
    });
    await assert.rejects(session.opened, { name: 'RangeError', message: 'no key' });
    assert.equal(calls, 1);
  });

  test('an address that nothing listens at is left for the next', { timeout: 60_000 }, async (t) => {
    const alive = server(t);
    const lookup = book(...DEAD, '127.0.0.1');
    const session = client(t, alive, { lookup, autoSelectFamilyAttemptTimeout: 60_000 });
    await session.opened;
    assert.equal(session.remoteAddress?.address, '127.0.0.1');
  });

  test('an address without a route is left for the next at once', { timeout: 60_000 }, async (t) => {
    const alive = server(t);
    // Sending to a broadcast address needs a permission that no socket here has.
    const lookup = book('255.255.255.255', '127.0.0.1');
    const session = client(t, alive, { lookup, autoSelectFamilyAttemptTimeout: 60_000 });
    await session.opened;
    assert.equal(session.stats.retransmitCount, 0n);
  });

  test('when all addresses fail the error names them, and has the errors of all', async (t) => {
    const session = client(t, { port: await freePort('0.0.0.0') }, { lookup: book(...DEAD) });
    await assert.rejects(session.opened, (error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'ERR_DTLS_UNREACHABLE');
      assert.match(error.message, /ECONNREFUSED.*127\.0\.0\.2, 127\.0\.0\.3/);
      assert.ok(error.cause instanceof AggregateError);
      assert.equal(error.cause.errors.length, 2);
      return true;
    });
    await session.endpoint.closed;
  });

  test('autoSelectFamily: false tries the first address only', async (t) => {
    const alive = server(t);
    await dead(t, DEAD[0], alive.port);
    const lookup = book(DEAD[0], '127.0.0.1');
    const session = client(t, alive, { lookup, autoSelectFamily: false, handshakeTimeout: 200 });
    await assert.rejects(session.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
    assert.equal(alive.sessions.length, 0);
  });

  test('attempts from a given port share it, and the session keeps it', async (t) => {
    const alive = server(t);
    await dead(t, DEAD[0], alive.port);
    const bindPort = await freePort('0.0.0.0');
    const addresses = NO_IPV6 === false ? [DEAD[0], '::1', '127.0.0.1'] : [DEAD[0], '127.0.0.1'];
    const session = client(t, alive, { lookup: book(...addresses), bindPort });
    await session.opened;
    assert.equal(session.endpoint.address?.port, bindPort);
    assert.equal(alive.sessions[0]?.remoteAddress?.port, bindPort);
    await session.close();
    await session.endpoint.closed;
    await dead(t, '0.0.0.0', bindPort);
  });

  test('a taken port is the error of the session', async (t) => {
    const alive = server(t);
    const session = client(t, alive, {
      lookup: book('127.0.0.1', DEAD[0]),
      bindHost: '127.0.0.1',
      bindPort: alive.port,
    });
    await assert.rejects(session.opened, { code: 'EADDRINUSE' });
  });

  test('a shared socket tries all addresses, and counts one session', async (t) => {
    const alive = server(t);
    await dead(t, DEAD[0], alive.port);
    const from = new DTLSEndpoint({ bindHost: '0.0.0.0' });
    t.after(() => from.destroy());
    const lookup = book(DEAD[0], '::1', '127.0.0.1');
    const session = from.connect(NAME, alive.port, { ca: CA, lookup, autoSelectFamilyAttemptTimeout: 10 });
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    assert.equal(from.stats.clientSessions, 1n);
    assert.equal(from.sessions.get('127.0.0.1', alive.port), session);
    assert.equal(from.sessions.get(DEAD[0], alive.port), undefined);
    // The other attempt has left nothing behind.
    const again = from.connect(DEAD[0], alive.port, { ca: CA });
    again.destroy();
  });

  for (const [when, end] of [
    ['close', (session: DTLSSession) => session.close()],
    ['destroy', (session: DTLSSession) => session.destroy()],
  ] as const)
    test(`${when} while addresses are tried ends all attempts`, async (t) => {
      const alive = server(t);
      const silent = await Promise.all(DEAD.map((address) => dead(t, address, alive.port)));
      const session = client(t, alive, { lookup: book(...DEAD) });
      await until(() => silent.every(({ datagrams }) => datagrams.length > 0));
      void end(session);
      await assert.rejects(session.opened, { code: 'ERR_INVALID_STATE' });
      await session.closed;
      await session.endpoint.closed;
    });

  test('a signal ends it while addresses are tried', async (t) => {
    const alive = server(t);
    const silent = await dead(t, DEAD[0], alive.port);
    const abort = new AbortController();
    const session = client(t, alive, { lookup: book(DEAD[0], DEAD[1]), signal: abort.signal });
    await until(() => silent.datagrams.length > 0);
    abort.abort();
    await assert.rejects(session.opened, { name: 'AbortError' });
  });

  test('handshakeTimeout bounds all attempts together', async (t) => {
    const alive = server(t);
    for (const address of DEAD) await dead(t, address, alive.port);
    const session = client(t, alive, { lookup: book(...DEAD), handshakeTimeout: 200 });
    await assert.rejects(session.opened, {
      code: 'ERR_DTLS_HANDSHAKE_TIMEOUT',
      message: /127\.0\.0\.2, 127\.0\.0\.3/,
    });
  });
});

suite('what is used once', { skip }, () => {
  const early = { minVersion: 'DTLSv1.3', maxEarlyData: 1000, onearlydata: () => undefined } as const;

  test('a ticket of DTLS 1.3 goes to one address', async (t) => {
    const alive = server(t, early);
    const session = await saved(alive.port);
    const silent = await dead(t, DEAD[0], alive.port);
    const second = client(t, alive, { session, lookup: book(DEAD[0], '127.0.0.1'), minVersion: 'DTLSv1.3' });
    await second.opened;
    assert.equal(second.reused, false);
    // pre_shared_key is the last extension (RFC 8446 §4.2.11): a ClientHello with it is longer by the ticket.
    const other = client(t, alive, { lookup: book(DEAD[0], '127.0.0.1'), minVersion: 'DTLSv1.3' });
    await other.opened;
    const sizes = silent.datagrams.map(({ length }) => length);
    assert.ok(Math.max(...sizes) > Math.min(...sizes.filter((size) => size > 100)) + 100);
  });

  test('early data goes to one address at a time: a silent one is waited for', async (t) => {
    const received: string[] = [];
    const alive = server(t, { ...early, onearlydata: (data) => received.push(String(data)) });
    const session = await saved(alive.port);
    const silent = await dead(t, DEAD[0], alive.port);
    const lookup = book(DEAD[0], '127.0.0.1');
    const second = client(t, alive, { session, earlyData: 'once', lookup, handshakeTimeout: 300 });
    await assert.rejects(second.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
    assert.ok(silent.datagrams.length > 0);
    assert.deepEqual(received, []);
  });

  test('early data to an address that fails goes to the next, after its handshake', async (t) => {
    const received: string[] = [];
    const endpoint = listen(
      (session) => {
        session.onmessage = (data) => received.push(String(data));
      },
      { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...early, onearlydata: () => received.push('early') },
    );
    t.after(() => endpoint.destroy());
    const port = endpoint.address?.port ?? 0;
    const session = await saved(port);
    const second = client(t, { port }, { session, earlyData: 'once', lookup: book(DEAD[0], '127.0.0.1') });
    await second.opened;
    await until(() => received.length > 0);
    assert.deepEqual(received, ['once']);
  });

  test('messages that need a handshake first are sent once', async (t) => {
    const received: string[] = [];
    const alive = server(t);
    await dead(t, DEAD[0], alive.port);
    const session = client(t, alive, { earlyData: 'once', lookup: book(DEAD[0], '127.0.0.1') });
    await session.opened;
    const served = alive.sessions[0] ?? assert.fail();
    served.onmessage = (data) => received.push(String(data));
    await session.close();
    await served.closed;
    assert.deepEqual(received, ['once']);
  });
});

suite('the option lookup', () => {
  test('is called with the name and the family, and may answer as for one address', async (t) => {
    const alive = server(t);
    const asked: unknown[] = [];
    const lookup: LookupFunction = (name, options, done) => {
      asked.push([name, options.family, options.all]);
      done(null, '127.0.0.1', 4);
    };
    const session = client(t, alive, { lookup, family: 4 });
    await session.opened;
    assert.deepEqual(asked, [[NAME, 4, true]]);
  });

  test('is not called for an IP address', async (t) => {
    const alive = server(t);
    const lookup = (): never => assert.fail();
    const session = connect('127.0.0.1', alive.port, { ca: CA, servername: NAME, lookup });
    await session.opened;
    await session.close();
  });

  const failing: readonly [string, LookupFunction, object][] = [
    [
      'throws',
      () => {
        throw new RangeError('broken');
      },
      { message: 'broken' },
    ],
    [
      'throws what is no error',
      () => {
        throw 'broken' as unknown as Error;
      },
      { code: 'ENOTFOUND', message: /broken/ },
    ],
    [
      'fails',
      (_name, _options, done) => {
        done(Object.assign(new Error('gone'), { code: 'EAI_AGAIN' }));
      },
      { code: 'EAI_AGAIN' },
    ],
    [
      'finds nothing',
      (_name, _options, done) => {
        done(null, []);
      },
      { code: 'ENOTFOUND', hostname: NAME },
    ],
    [
      'answers undefined',
      (_name, _options, done) => {
        done(null);
      },
      { code: 'ERR_INVALID_RETURN_VALUE' },
    ],
    [
      'answers a name',
      (_name, _options, done) => {
        done(null, 'localhost');
      },
      { code: 'ERR_INVALID_RETURN_VALUE', message: /options\.lookup/ },
    ],
    [
      'answers nonsense',
      (_name, _options, done) => {
        done(null, [7, null] as never);
      },
      { code: 'ERR_INVALID_RETURN_VALUE' },
    ],
    [
      'finds the other family',
      (_name, _options, done) => {
        done(null, '::1', 6);
      },
      { code: 'ENOTFOUND', message: /IPv4/ },
    ],
  ];
  for (const [what, lookup, error] of failing)
    test(`a lookup that ${what} is the error of the session, after connect has returned`, async () => {
      const session = connect(NAME, 9, { ca: CA, lookup, family: 4 });
      const heard: Error[] = [];
      session.onerror = (one) => void heard.push(one);
      await assert.rejects(session.opened, error);
      assert.throws(() => {
        throw heard[0] ?? new Error('onerror was not called');
      }, error);
      await session.endpoint.closed.catch(() => undefined);
    });

  test('a lookup that never answers is bounded by handshakeTimeout', async () => {
    const session = connect(NAME, 9, { ca: CA, lookup: () => undefined, handshakeTimeout: 50 });
    await assert.rejects(session.opened, {
      code: 'ERR_DTLS_HANDSHAKE_TIMEOUT',
      message: /look-up of localhost/,
    });
    await session.endpoint.closed;
  });

  test('a lookup that never answers, without handshakeTimeout, ends with its session', async () => {
    const session = connect(NAME, 9, { ca: CA, lookup: () => undefined, handshakeTimeout: 0 });
    await session.close();
    await session.endpoint.closed;
  });

  test('a lookup that answers twice, and again after the end, is heard once', async (t) => {
    const alive = server(t);
    let answer = (): void => undefined;
    const lookup: LookupFunction = (_name, _options, done) => {
      answer = () => done(null, '127.0.0.1', 4);
      answer();
      answer();
    };
    const session = client(t, alive, { lookup });
    await session.opened;
    answer();
    await session.close();
    answer();
    assert.equal(alive.sessions.length, 1);
  });

  test('listen resolves its host by it', async (t) => {
    const endpoint = listen(() => undefined, {
      host: 'here.example',
      port: 0,
      ...SERVERS.p256,
      lookup: book('127.0.0.1'),
    });
    t.after(() => endpoint.destroy());
    assert.equal((await endpoint.opened).address, '127.0.0.1');
  });

  // Siege case D8.
  test('an endpoint without onerror ends the process when its host name cannot be bound, as in node:net', async (t) => {
    const taken = server(t);
    const options = { host: 'here.example', port: taken.port, ...SERVERS.p256, lookup: book('127.0.0.1') };
    const uncaught = new Promise<unknown>((resolve) => {
      process.setUncaughtExceptionCaptureCallback(resolve);
    });
    t.after(() => process.setUncaughtExceptionCaptureCallback(null));
    listen(() => undefined, options);
    assert.equal(((await uncaught) as NodeJS.ErrnoException).code, 'EADDRINUSE');
  });

  for (const [how, hear] of [
    ['onerror', (endpoint: DTLSEndpoint) => new Promise((_, reject) => (endpoint.onerror = reject))],
    ['opened', (endpoint: DTLSEndpoint) => endpoint.opened],
    ['closed', (endpoint: DTLSEndpoint) => endpoint.closed],
    ['a loop', (endpoint: DTLSEndpoint) => endpoint[Symbol.asyncIterator]().next()],
  ] as const)
    test(`a listen whose name cannot be bound tells it by ${how}`, async (t) => {
      const taken = server(t);
      const options = { host: 'here.example', port: taken.port, ...SERVERS.p256, lookup: book('127.0.0.1') };
      const endpoint = listen(() => undefined, options);
      await assert.rejects(hear(endpoint), { code: 'EADDRINUSE' });
    });

  test('options of host names that contradict others are refused', () => {
    const refuses = (options: object, message: RegExp, host = NAME): void => {
      assert.throws(() => connect(host, 9, { ca: CA, ...options }), {
        code: 'ERR_INVALID_ARG_VALUE',
        message,
      });
    };
    refuses({ family: 6, bindHost: '127.0.0.1' }, /options.family' contradicts the address 127.0.0.1/);
    refuses({ family: 6 }, /options.family' contradicts/, '127.0.0.1');
    refuses({ family: 5 }, /options.family/);
    const transport = { send: () => undefined, close: () => undefined };
    for (const name of ['lookup', 'family', 'autoSelectFamily', 'autoSelectFamilyAttemptTimeout'])
      refuses(
        {
          transport,
          lookup: undefined,
          [name]:
            name === 'lookup'
              ? () => undefined
              : name === 'family'
                ? 4
                : name === 'autoSelectFamily'
                  ? false
                  : 10,
        },
        new RegExp(`options.${name}' is of no use with options.transport`),
      );
    assert.throws(() => connect(NAME, 9, { ca: CA, lookup: 7 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => connect(NAME, 9, { ca: CA, autoSelectFamilyAttemptTimeout: 0 }), {
      code: 'ERR_OUT_OF_RANGE',
    });
    const from = new DTLSEndpoint({ bindHost: '127.0.0.1' });
    const session = from.connect(NAME, 9, { ca: CA });
    assert.throws(() => from.connect(NAME, 9, { ca: CA, family: 6 }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options.family' must be 4/,
    });
    session.destroy();
    from.destroy();
  });
});
