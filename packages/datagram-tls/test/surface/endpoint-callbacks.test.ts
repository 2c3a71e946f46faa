// Callbacks of endpoints, and those that find and pace peers, fail at most their own session.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { connect, type DTLSEndpoint, type LookupFunction, listen } from '#lib/index.js';
import { roundTrip, until } from '../driver/echo.js';
import { MemoryNetwork } from '../driver/memory-link.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { MINE, throwMine } from './callback-faults.js';
import { nextUncaught, Rig } from './callback-rig.js';

/** Ways in which a function that is told something fails, and what the process hears. */
const TOLD: readonly (readonly [string, 'uncaughtException' | 'unhandledRejection', () => unknown])[] = [
  ['throws', 'uncaughtException', throwMine],
  ['rejects', 'unhandledRejection', () => Promise.reject(MINE)],
];

for (const version of VERSIONS) {
  const both = { minVersion: version, maxVersion: version };
  const client = { ca: CA, servername: 'localhost', ...both };

  for (const [fault, kind, answer] of TOLD) {
    suite(`a callback of an endpoint that ${fault}, ${version}`, () => {
      test('onrefused: the process hears it, open sessions go on, and the refused client comes in when there is room', async (t) => {
        const rig = new Rig({ server: { ...both, maxSessions: 1 }, client });
        t.after(() => rig.endpoint.destroy());
        const witness = await rig.open();
        const uncaught = nextUncaught();
        rig.endpoint.onrefused = () => answer();
        const late = rig.connect();
        assert.deepEqual(await uncaught, { kind, error: MINE });
        assert.equal(rig.endpoint.refusals.max_sessions, 1);
        await roundTrip(witness, 'still here');
        await witness.close();
        await late.opened;
        late.destroy();
      });

      test('endpoint.onerror: the process hears it, and the endpoint and all its sessions end with their error', async (t) => {
        const network = new MemoryNetwork();
        const far = network.transport('server');
        const told: unknown[] = [];
        const endpoint = listen(
          (session) => {
            session.onerror = (error) => void told.push(error);
          },
          { transport: far, ...SERVERS.p256, ...both },
        );
        t.after(() => endpoint.destroy());
        const near = network.transport('client');
        const session = connect('server', 1, { transport: near, ...client });
        await session.opened;
        endpoint.onerror = () => answer();
        const uncaught = nextUncaught();
        const failure = new Error('the tunnel broke');
        try {
          far.onclose?.(failure);
        } catch (error) {
          process.nextTick(throwMine);
          assert.equal(error, MINE);
        }
        assert.deepEqual(await uncaught, { kind, error: MINE });
        await assert.rejects(endpoint.closed, (reason) => reason === failure);
        assert.deepEqual(told, [failure]);
        session.destroy();
      });

      test('ondrain: the process hears it, and the session goes on', async (t) => {
        const rig = new Rig({ server: both, client });
        t.after(() => rig.endpoint.destroy());
        const session = await rig.open();
        session.ondrain = () => answer();
        const uncaught = nextUncaught();
        for (let i = 0; session.send(Buffer.alloc(1000)) > 0 && i < 5000; i++);
        assert.deepEqual(await uncaught, { kind, error: MINE });
        session.ondrain = undefined;
        await session.drained;
        await roundTrip(session, 'on');
        session.destroy();
      });
    });
  }
}

interface LookupFault {
  readonly name: string;
  readonly lookup: LookupFunction;
  readonly heard: (error: unknown) => void;
}

const isMine = (error: unknown): void => assert.equal(error, MINE);
const hasCode =
  (code: string) =>
  (error: unknown): void =>
    assert.equal((error as { code?: string }).code, code, inspect(error));

const LOOKUPS: readonly LookupFault[] = [
  { name: 'throws', lookup: throwMine, heard: isMine },
  {
    name: 'throws what is no Error',
    lookup: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- applications do
      throw 'a text';
    },
    heard: (error) => {
      hasCode('ENOTFOUND')(error);
      assert.equal((error as Error).cause, 'a text');
    },
  },
  { name: 'is async and rejects', lookup: () => Promise.reject(MINE), heard: isMine },
  { name: 'gives an error', lookup: (_host, _options, done) => done(MINE), heard: isMine },
  {
    name: 'gives a number',
    lookup: (_host, _options, done) => done(null, 42 as never),
    heard: hasCode('ERR_INVALID_RETURN_VALUE'),
  },
  {
    name: 'gives a list of nonsense',
    lookup: (_host, _options, done) => done(null, [null, Symbol('x')] as never),
    heard: hasCode('ERR_INVALID_RETURN_VALUE'),
  },
  {
    name: 'gives an address with a getter that throws',
    lookup: (_host, _options, done) =>
      done(null, [Object.defineProperty({}, 'address', { get: throwMine })] as never),
    heard: isMine,
  },
  {
    name: 'gives an empty list',
    lookup: (_host, _options, done) => done(null, []),
    heard: hasCode('ENOTFOUND'),
  },
  {
    name: 'gives an error, and an address after it',
    lookup: (_host, _options, done) => {
      done(MINE);
      done(null, '127.0.0.1', 4);
    },
    heard: isMine,
  },
];

suite('options.lookup', () => {
  for (const { name, lookup, heard } of LOOKUPS) {
    test(`of connect, where it ${name}: its own session fails with that`, async () => {
      const session = connect('device.example', 9, { ca: CA, lookup });
      const told: unknown[] = [];
      session.onerror = (error) => void told.push(error);
      await assert.rejects(session.opened);
      assert.equal(told.length, 1);
      heard(told[0]);
      await session.closed;
    });

    test(`of endpoint.connect, where it ${name}: the other sessions of the endpoint go on`, async (t) => {
      const rig = new Rig({ server: {}, client: { ca: CA, servername: 'localhost' } });
      t.after(() => rig.endpoint.destroy());
      const witness = await rig.open();
      const session = rig.endpoint.connect('device.example', 9, { ca: CA, lookup });
      const told: unknown[] = [];
      session.onerror = (error) => void told.push(error);
      await assert.rejects(session.opened);
      assert.equal(told.length, 1);
      heard(told[0]);
      await roundTrip(witness, 'still here');
      witness.destroy();
    });

    test(`of listen, where it ${name}: its endpoint fails with that`, async () => {
      const endpoint: DTLSEndpoint = listen(() => undefined, {
        host: 'device.example',
        port: 0,
        ...SERVERS.p256,
        lookup,
      });
      const told: unknown[] = [];
      endpoint.onerror = (error) => void told.push(error);
      await assert.rejects(endpoint.closed);
      assert.equal(told.length, 1);
      heard(told[0]);
      assert.equal(endpoint.destroyed, true);
    });
  }

  test('of connect, where it never answers: the session fails after handshakeTimeout, and says so', async () => {
    const session = connect('device.example', 9, {
      ca: CA,
      handshakeTimeout: 50,
      lookup: () => new Promise(() => undefined),
    });
    await assert.rejects(session.opened, {
      code: 'ERR_DTLS_HANDSHAKE_TIMEOUT',
      message: /look-up of device\.example/,
    });
  });

  test('of listen, where it never answers: the endpoint can be closed', async () => {
    const endpoint = listen(() => undefined, {
      host: 'device.example',
      port: 0,
      ...SERVERS.p256,
      lookup: () => undefined,
    });
    await endpoint.close();
    await assert.rejects(endpoint.opened, { code: 'ERR_INVALID_STATE' });
  });

  test('an answer after the end of its session has no effect', async () => {
    let answer: (() => void) | undefined;
    const session = connect('device.example', 9, {
      ca: CA,
      lookup: (_host, _options, done) => {
        answer = () => done(null, [{ address: '127.0.0.1', family: 4 }]);
      },
    });
    await until(() => answer !== undefined);
    session.destroy();
    answer?.();
    await session.closed;
    await session.endpoint.closed;
  });
});
