// What a transport of the application does wrong ends at most its own endpoint, and is heard.
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { connect, type DTLSEndpoint, type DTLSSession, listen } from '#lib/index.js';
import { roundTrip, until } from '../driver/echo.js';
import { MemoryNetwork, type MemoryTransport } from '../driver/memory-link.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { MINE, throwMine } from './callback-faults.js';

type Role = 'client' | 'server';
const ROLES: readonly Role[] = ['client', 'server'];

/** An echo server and two clients of it, each over a transport of its own. */
interface Three {
  readonly endpoint: DTLSEndpoint;
  readonly session: DTLSSession;
  /** A session beside it. */
  readonly witness: DTLSSession;
  /** That of the role, and the endpoint that it carries. */
  readonly faulty: MemoryTransport;
  readonly failing: { readonly closed: Promise<void>; readonly destroyed: boolean };
  /** The session on the side of the role. */
  readonly own: DTLSSession;
}

for (const version of VERSIONS) {
  const both = { minVersion: version, maxVersion: version };

  const three = async (t: TestContext, role: Role): Promise<Three> => {
    const network = new MemoryNetwork();
    const far = network.transport('server');
    const near = network.transport('client');
    const sessions: DTLSSession[] = [];
    const endpoint = listen(
      (session) => {
        sessions.push(session);
        session.onmessage = (data) => void session.send(data);
      },
      { transport: far, ...SERVERS.p256, ...both },
    );
    const client = { ca: CA, servername: 'localhost', ...both };
    const session = connect('server', 1, { transport: near, ...client });
    await session.opened;
    const witness = connect('server', 1, { transport: network.transport('witness'), ...client });
    await witness.opened;
    await Promise.all([roundTrip(session, 'one'), roundTrip(witness, 'one')]);
    t.after(() => {
      for (const end of [session, witness, endpoint]) end.destroy();
    });
    const isClient = role === 'client';
    return {
      endpoint,
      session,
      witness,
      faulty: isClient ? near : far,
      failing: isClient ? session.endpoint : endpoint,
      own: isClient ? session : (sessions[0] ?? assert.fail()),
    };
  };

  suite(`a transport whose send fails, ${version}`, () => {
    const faults: readonly [string, () => unknown][] = [
      ['throws', throwMine],
      ['rejects', () => Promise.reject(MINE)],
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- applications do
      ['rejects with what is no Error', () => Promise.reject('a text')],
      ['answers an object whose then throws', () => Object.defineProperty({}, 'then', { value: throwMine })],
      [
        'answers an object whose then cannot be read',
        () => Object.defineProperty({}, 'then', { get: throwMine }),
      ],
    ];
    for (const role of ROLES)
      for (const [name, send] of faults)
        test(`of a ${role}, where it ${name}: that datagram is lost and counted, and all sessions go on`, async (t) => {
          const { session, witness, faulty, own } = await three(t, role);
          const lost = own.drops.send_failed ?? 0;
          const working = faulty.send.bind(faulty);
          faulty.send = send;
          own.send('lost');
          await until(() => (own.drops.send_failed ?? 0) > lost);
          assert.equal(own.drops.send_failed, lost + 1);
          faulty.send = working;
          await roundTrip(session, 'two');
          await roundTrip(witness, 'two');
          assert.equal(own.destroyed, false);
        });
  });

  suite(`a transport with a faulty bufferedAmount, ${version}`, () => {
    for (const role of ROLES) {
      test(`of a ${role}, where it throws: that endpoint fails with the error, and nothing else ends`, async (t) => {
        const { witness, session, faulty, failing, own } = await three(t, role);
        const told: unknown[] = [];
        own.onerror = (error) => void told.push(error);
        Object.defineProperty(faulty, 'bufferedAmount', { get: throwMine });
        assert.equal(own.bufferedAmount, 0);
        await assert.rejects(failing.closed, (reason) => reason === MINE);
        assert.deepEqual(told, [MINE]);
        assert.equal(faulty.closed, 1);
        if (role === 'client') await roundTrip(witness, 'still here');
        else assert.deepEqual([session.destroyed, witness.destroyed], [false, false]);
      });

      for (const amount of [Number.NaN, -1, '7', 7n, Symbol('x'), null, {}])
        test(`of a ${role}, where it is ${inspect(amount)}: it counts as nothing, and messages flow`, async (t) => {
          const { session, witness, faulty, own } = await three(t, role);
          Object.assign(faulty, { bufferedAmount: amount });
          assert.equal(own.bufferedAmount, 0);
          for (let i = 0; i < 20; i++) assert.ok(own.send(Buffer.alloc(1000)) > 0);
          await own.drained;
          await roundTrip(session, 'two');
          await roundTrip(witness, 'two');
        });

      test(`of a ${role}, where it is infinite: messages are refused and counted, until it is not`, async (t) => {
        const { session, witness, faulty, own } = await three(t, role);
        Object.assign(faulty, { bufferedAmount: Number.POSITIVE_INFINITY });
        const refused = (): boolean => own.send(Buffer.alloc(1000)) === 0;
        for (let i = 0; !refused(); i++) assert.ok(i < 10_000);
        assert.ok((own.drops.send_queue_full ?? 0) > 0);
        Object.assign(faulty, { bufferedAmount: 0 });
        await own.drained;
        await roundTrip(session, 'two');
        await roundTrip(witness, 'two');
      });
    }
  });
}

suite('other parts of a transport that throw', () => {
  const serve = (transport: MemoryTransport): DTLSEndpoint =>
    listen(() => undefined, { transport, ...SERVERS.p256 });

  for (const name of ['ref', 'unref'] as const)
    test(`${name}: the endpoint fails with the error`, async () => {
      const transport = new MemoryNetwork().transport('server');
      const endpoint = serve(Object.assign(transport, { [name]: throwMine }));
      if (name === 'ref') endpoint.unref().ref();
      else endpoint.unref();
      await assert.rejects(endpoint.closed, (reason) => reason === MINE);
      assert.equal(transport.closed, 1);
    });

  test('address, when it opens later: the endpoint fails with the error', async () => {
    const transport = new MemoryNetwork().transport('server');
    let isFaulty = false;
    const opened = Promise.resolve();
    Object.assign(transport, { opened });
    Object.defineProperty(transport, 'address', {
      get: () => (isFaulty ? throwMine() : { address: 'server', port: 1 }),
    });
    const endpoint = serve(transport);
    isFaulty = true;
    await assert.rejects(endpoint.closed, (reason) => reason === MINE);
    assert.equal(transport.closed, 1);
  });
});
