import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import {
  DTLSEndpoint,
  type DTLSSession,
  type EndpointConnectOptions,
  type EndpointOptions,
  type LookupFunction,
  listen,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { freePort, NO_IPV6 } from '../support/loopback.js';
import { VERSIONS } from '../support/settings.js';
import { client, roundTrip, server, until } from './echo.js';
import { MemoryNetwork } from './memory-link.js';

const OPTIONS: EndpointConnectOptions = { ca: CA, servername: 'localhost' };

function endpoint(t: TestContext, options: EndpointOptions = {}): DTLSEndpoint {
  const made = new DTLSEndpoint(options);
  t.after(() => made.destroy());
  return made;
}

function to(
  from: DTLSEndpoint,
  { port }: { port: number },
  options: EndpointConnectOptions = {},
): DTLSSession {
  return from.connect('127.0.0.1', port, { ...OPTIONS, ...options });
}

suite('many peers on one socket', () => {
  for (const version of VERSIONS) {
    test(`one socket serves clients and connects to servers at once, in ${version}`, async (t) => {
      const pinned = { minVersion: version, maxVersion: version };
      const hub = server(t, pinned);
      const others = [server(t, pinned), server(t, pinned), server(t, pinned)];
      const outward = others.map((other) => to(hub.endpoint, other, pinned));
      const inward = client(hub.port, pinned);
      for (const [i, session] of [...outward, inward].entries()) {
        await session.opened;
        assert.equal(session.protocol, version);
        assert.equal(await roundTrip(session, `number ${i}`), `number ${i}`);
      }
      for (const [i, other] of others.entries()) {
        assert.equal(outward[i]?.endpoint, hub.endpoint);
        assert.equal(other.sessions[0]?.remoteAddress?.port, hub.port);
      }
      const { clientSessions, serverSessions } = hub.endpoint.stats;
      assert.deepEqual([clientSessions, serverSessions], [3n, 1n]);
      assert.equal(hub.endpoint.sessions.size, 4);
      await inward.close();
    });
  }

  test('an endpoint that is not bound is bound by its first connect, at bindHost and bindPort', async (t) => {
    const other = server(t);
    const port = await freePort();
    const from = endpoint(t, { bindHost: '127.0.0.1', bindPort: port });
    assert.equal(from.address, undefined);
    const session = to(from, other);
    assert.deepEqual(from.address, { address: '127.0.0.1', family: 'IPv4', port });
    await session.opened;
    assert.deepEqual(await from.opened, from.address);
  });

  test('a connect whose port is taken throws, and a later one may find it free', async (t) => {
    const taken = server(t, { port: await freePort() });
    const other = server(t);
    const from = endpoint(t, { bindHost: '127.0.0.1', bindPort: taken.port });
    assert.throws(() => to(from, other), { code: 'EADDRINUSE' });
    assert.equal(from.sessions.size, 0);
    await taken.endpoint.close();
    await to(from, other).opened;
  });

  test('the end of a session leaves the endpoint and its other sessions open', async (t) => {
    const [one, two] = [server(t), server(t)];
    const from = endpoint(t);
    const [first, second] = [to(from, one), to(from, two)];
    await Promise.all([first.opened, second.opened]);
    await first.close();
    assert.equal(await roundTrip(second, 'goes on'), 'goes on');
    second.destroy(new Error('enough'));
    assert.equal(from.destroyed, false);
    await to(from, one).opened;
  });

  test('the end of the endpoint closes its sessions', async (t) => {
    const other = server(t);
    const from = endpoint(t);
    const session = to(from, other);
    await session.opened;
    await from.close();
    assert.equal(session.destroyed, true);
    await other.sessions[0]?.closed;
    assert.throws(() => to(from, other), { code: 'ERR_INVALID_STATE', message: /destroyed/ });
  });

  test('a second connect to an address is refused while there is a session with it, in either role', async (t) => {
    const other = server(t);
    const hub = server(t);
    const first = to(hub.endpoint, other);
    assert.throws(() => to(hub.endpoint, other), {
      code: 'ERR_DTLS_ADDRESS_IN_USE',
      message: new RegExp(`${other.port}`),
    });
    await first.opened;
    assert.throws(() => to(other.endpoint, hub), { code: 'ERR_DTLS_ADDRESS_IN_USE' });
    assert.equal(await roundTrip(first, 'unharmed'), 'unharmed');
    assert.deepEqual([hub.endpoint.sessions.size, other.endpoint.sessions.size], [1, 1]);
  });

  test('a connect within a callback of the same session follows its destroy at once', async (t) => {
    const other = server(t);
    const from = endpoint(t);
    const first = to(from, other);
    const second = await new Promise<DTLSSession>((resolve) => {
      first.onhandshake = () => {
        first.destroy();
        resolve(to(from, other));
      };
    });
    await second.opened;
    assert.equal(await roundTrip(second, 'anew'), 'anew');
  });

  test('a host name is resolved to an address that the socket reaches, and its failure is the session’s', async (t) => {
    const other = server(t);
    const from = endpoint(t, { bindHost: '127.0.0.1' });
    const session = from.connect('localhost', other.port, OPTIONS);
    await session.opened;
    assert.equal(session.remoteAddress?.address, '127.0.0.1');
    const lost = Object.assign(new Error('there is no such name'), { code: 'ENOTFOUND' });
    const lookup: LookupFunction = (_name, _options, done) => done(lost);
    const nowhere = from.connect('nowhere.example', other.port, { ...OPTIONS, lookup });
    await assert.rejects(nowhere.opened, { code: 'ENOTFOUND' });
    assert.equal(await roundTrip(session, 'unharmed'), 'unharmed');
  });

  test('an address that the socket cannot reach is refused by name', (t) => {
    const from = endpoint(t, { bindHost: '127.0.0.1' });
    assert.throws(() => from.connect('::1', 9, OPTIONS), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /'host'.*IPv4/,
    });
    assert.equal(from.sessions.size, 0);
  });

  test('a socket on :: reaches both versions of IP', {
    skip: NO_IPV6,
  }, async (t) => {
    const [four, six] = [server(t), server(t, { host: '::1' })];
    const from = endpoint(t, { bindHost: '::' });
    const sessions = [to(from, four), from.connect('::1', six.port, OPTIONS)];
    for (const session of sessions) {
      await session.opened;
      assert.equal(await roundTrip(session, 'hello'), 'hello');
    }
    assert.equal(from.sessions.get('127.0.0.1', four.port), sessions[0]);
    assert.equal(from.sessions.get('::1', six.port), sessions[1]);
  });

  test('sessions are found by address as long as they last', async (t) => {
    const other = server(t);
    const from = endpoint(t);
    const session = to(from, other);
    assert.equal(from.sessions.get('127.0.0.1', other.port), session);
    assert.deepEqual([...from.sessions], [session]);
    await session.opened;
    assert.equal(other.endpoint.sessions.get('127.0.0.1', from.address?.port ?? 0), other.sessions[0]);
    assert.equal(from.sessions.get('127.0.0.1', 1), undefined);
    await session.close();
    assert.equal(from.sessions.get('127.0.0.1', other.port), undefined);
    assert.equal(from.sessions.size, 0);
  });

  test('an endpoint that only connects drops and counts ClientHellos', async (t) => {
    const other = server(t);
    const from = endpoint(t, { bindHost: '127.0.0.1' });
    await to(from, other).opened;
    const refused = client(from.address?.port ?? 0, { handshakeTimeout: 0 });
    await until(() => from.stats.serverRejectedCount > 0n);
    assert.equal(from.stats.serverSessions, 0n);
    refused.destroy();
  });

  test('of two endpoints that connect to each other at once one gives way, and has the session of the other', async (t) => {
    const [one, two] = [server(t), server(t)];
    const sessions = [to(one.endpoint, two), to(two.endpoint, one)] as const;
    const outcomes = await Promise.allSettled(sessions.map(({ opened }) => opened));
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    const [ours, theirs] = winner === 0 ? [one, two] : [two, one];
    const codes = outcomes.map((one) =>
      one.status === 'rejected' ? (one.reason as { code?: string }).code : one.status,
    );
    assert.deepEqual([...codes].sort(), ['ERR_DTLS_GAVE_WAY', 'fulfilled']);
    assert.equal(theirs.endpoint.sessions.get('127.0.0.1', ours.port), theirs.sessions[0]);
    assert.equal(ours.endpoint.sessions.get('127.0.0.1', theirs.port), sessions[winner]);
    assert.deepEqual([ours.sessions.length, theirs.sessions.length], [0, 1]);
  });

  test('a peer can be connected to again as soon as its session is closed', async (t) => {
    const other = server(t);
    const from = endpoint(t, { bindHost: '127.0.0.1' });
    for (let times = 0; times < 3; times++) {
      const session = to(from, other);
      await session.opened;
      await session.close();
    }
    assert.equal(other.sessions.length, 3);
  });

  test('limits of servers do not count sessions that the application opens', async (t) => {
    const others = [server(t), server(t)];
    const hub = server(t, { maxSessions: 1 });
    await Promise.all(others.map((other) => to(hub.endpoint, other).opened));
    const inward = client(hub.port);
    await inward.opened;
    await inward.close();
  });

  test('options of sessions come from the endpoint unless they are given', async (t) => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    t.after(() => silent.close());
    await once(silent, 'listening');
    const traced: string[] = [];
    const from = endpoint(t, { handshakeTimeout: 50, mtu: 700, trace: () => traced.push('endpoint') });
    const { port } = silent.address();
    const session = from.connect('127.0.0.1', port, { ...OPTIONS, trace: () => traced.push('session') });
    const [flight] = (await once(silent, 'message')) as [Buffer];
    assert.ok(flight.length <= 700);
    await assert.rejects(session.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
    assert.ok(traced.length > 0 && !traced.includes('endpoint'));
    const other = server(t);
    await to(from, other, { handshakeTimeout: 60_000 }).opened;
    assert.ok(traced.includes('endpoint'));
  });

  test('options of the endpoint are refused with a word on where they belong', (t) => {
    const from = endpoint(t);
    for (const options of [{ maxSessions: 3 }, { bindPort: 1 }, { transport: {} }, { udpTTL: 3 }])
      assert.throws(() => from.connect('127.0.0.1', 9, options as never), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: new RegExp(`options.${Object.keys(options)[0]}' belongs to the endpoint`),
      });
    assert.throws(() => from.connect('127.0.0.1', 9, { cart: '' } as never), {
      message: /Did you mean 'options.cert'/,
    });
    assert.throws(() => from.connect('127.0.0.1', 9, { sni: {} } as never), {
      message: /is an option of servers/,
    });
    assert.throws(() => new DTLSEndpoint({ bindHost: 'localhost' }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /bindHost/,
    });
    assert.equal(from.address, undefined);
  });

  test('wrong arguments are refused before anything is bound', (t) => {
    const from = endpoint(t);
    assert.throws(() => from.connect(7 as never, 9), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => from.connect('127.0.0.1', -1), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => from.connect('127.0.0.1', 9, null as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.equal(from.address, undefined);
  });

  test('a signal ends its session only', async (t) => {
    const others = [server(t), server(t)] as const;
    const from = endpoint(t);
    const abort = new AbortController();
    const [first, second] = [to(from, others[0], { signal: abort.signal }), to(from, others[1])];
    await Promise.all([first.opened, second.opened]);
    abort.abort();
    await assert.rejects(first.closed, { name: 'AbortError' });
    assert.equal(await roundTrip(second, 'goes on'), 'goes on');
    assert.throws(() => to(from, others[0], { signal: abort.signal }), { name: 'AbortError' });
    assert.equal(from.sessions.size, 1);
  });

  test('the endpoint of a session of connect belongs to it', async (t) => {
    const [one, two] = [server(t), server(t)];
    const session = client(one.port);
    await session.opened;
    const { endpoint: own } = session;
    assert.ok(own instanceof DTLSEndpoint);
    assert.throws(() => to(own, two), { code: 'ERR_INVALID_STATE', message: /one session/ });
    await session.close();
  });

  test('a peer that the system has no route to fails at once', { timeout: 60_000 }, async (t) => {
    // Sending to a broadcast address needs a permission that no socket here has.
    const session = endpoint(t).connect('255.255.255.255', 9, { ...OPTIONS, handshakeTimeout: 0 });
    await assert.rejects(session.opened, { code: 'ERR_DTLS_UNREACHABLE', message: /EACCES/ });
  });

  test('an endpoint on a transport connects to many names of it, and serves', async (t) => {
    const network = new MemoryNetwork();
    const served: DTLSSession[] = [];
    for (const name of ['ada', 'bob']) {
      const onsession = (session: DTLSSession): void => {
        served.push(session);
        session.onmessage = (data) => void session.send(data);
      };
      const other = listen(onsession, { ...SERVERS.p256, transport: network.transport(name) });
      t.after(() => other.destroy());
    }
    const from = endpoint(t, { transport: network.transport('hub') });
    for (const name of ['ada', 'bob']) {
      const session = from.connect(name, 1, OPTIONS);
      await session.opened;
      assert.deepEqual(session.remoteAddress, { address: name, family: 'other', port: 1 });
      assert.equal(await roundTrip(session, name), name);
    }
    assert.equal(served.length, 2);
  });
});
