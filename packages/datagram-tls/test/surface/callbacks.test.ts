/** An error of a callback ends at most the session that it was called for, and its error is never swallowed. */
import assert from 'node:assert/strict';
import { createPrivateKey, sign as signWith } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import type {
  ConnectOptions,
  DTLSSession,
  ListenOptions,
  SecureContextOptions,
  Version,
} from '#lib/index.js';
import { roundTrip, until } from '../driver/echo.js';
import { CA, CLIENTS, SERVERS } from '../support/identities.js';
import { ocspResponse, statusIdentity, statusPem } from '../support/ocsp.js';
import { VERSIONS } from '../support/settings.js';
import { FAULTS, type Fault, MINE, throwMine } from './callback-faults.js';
import { nextUncaught, nextWarning, Rig, type Sides } from './callback-rig.js';

const KEY = Buffer.alloc(16, 7);
type Role = 'client' | 'server';

/** What a callback may be asked, once per handshake; `good` is its right answer. */
interface Question {
  readonly name: string;
  readonly role: Role;
  readonly good: (...asked: never[]) => unknown;
  readonly sides: (callback: (...asked: unknown[]) => never) => {
    readonly server?: Partial<ListenOptions>;
    readonly client?: ConnectOptions;
  };
  /** The code for an answer that makes no sense. */
  readonly nonsense?: string;
}

const CERTIFIED = { client: { ca: CA, servername: 'localhost' } } as const;
const asPrivate = createPrivateKey(SERVERS.p256.key);
const asClient = createPrivateKey(CLIENTS.p256.key);

const QUESTIONS: readonly Question[] = [
  {
    name: 'psk',
    role: 'client',
    good: () => ({ identity: 'x', key: KEY }),
    sides: (psk) => ({ server: { psk: { x: KEY } }, client: { psk } }),
  },
  {
    name: 'psk',
    role: 'server',
    good: () => KEY,
    sides: (psk) => ({ server: { psk }, client: { psk: { identity: 'x', key: KEY } } }),
  },
  {
    name: 'sni',
    role: 'server',
    good: (): SecureContextOptions => SERVERS.p256,
    sides: (sni) => ({ server: { sni }, ...CERTIFIED }),
  },
  {
    name: 'verifyPeer',
    role: 'client',
    good: () => true,
    sides: (verifyPeer) => ({ client: { ...CERTIFIED.client, verifyPeer } }),
  },
  {
    name: 'verifyPeer',
    role: 'server',
    good: () => true,
    sides: (verifyPeer) => ({
      server: { requestCert: true, verifyPeer },
      client: { ...CERTIFIED.client, ...CLIENTS.p256 },
    }),
  },
  {
    name: 'checkServerIdentity',
    role: 'client',
    good: () => undefined,
    sides: (checkServerIdentity) => ({ client: { ...CERTIFIED.client, checkServerIdentity } }),
  },
  {
    name: 'key.sign',
    role: 'server',
    good: (_scheme: never, data: Uint8Array) => signWith('sha256', data, asPrivate),
    sides: (sign) => ({ server: { cert: SERVERS.p256.cert, key: { sign } }, ...CERTIFIED }),
    nonsense: 'ERR_DTLS_SIGNER',
  },
  {
    name: 'key.sign',
    role: 'client',
    good: (_scheme: never, data: Uint8Array) => signWith('sha256', data, asClient),
    sides: (sign) => ({
      server: { requestCert: true, ca: CA },
      client: { ...CERTIFIED.client, cert: CLIENTS.p256.cert, key: { sign } },
    }),
    nonsense: 'ERR_DTLS_SIGNER',
  },
  {
    name: 'ocspResponse',
    role: 'server',
    good: () => ocspResponse('good'),
    sides: (find) => ({
      server: { ...statusIdentity('leaf'), ocspResponse: find },
      client: {
        ca: statusPem('ca'),
        servername: 'localhost',
        requestOCSP: true,
        groups: 'x25519:secp256r1',
      },
    }),
  },
];

function sidesOf(
  { sides, role }: Question,
  version: Version,
  callback: (...asked: never[]) => unknown,
  handshakeTimeout = 60_000,
): Sides {
  const { server = {}, client = {} } = sides(callback as never);
  const versions = { minVersion: version, maxVersion: version };
  const time = { handshakeTimeout };
  return {
    server: { ...versions, ...server, ...(role === 'server' ? time : {}) },
    client: { ...versions, ...client, ...(role === 'client' ? time : {}) },
  };
}

/** Lets the callback fail in one of three sessions. Returns whether the time was over before it was asked. */
async function isLate(t: TestContext, question: Question, version: Version, fault: Fault): Promise<boolean> {
  let isFaulty = false;
  let asked = 0;
  const rig = new Rig(
    sidesOf(
      question,
      version,
      (...given) => {
        if (!isFaulty) return question.good(...given);
        asked++;
        return fault.answer();
      },
      fault.timeout,
    ),
  );
  t.after(() => rig.endpoint.destroy());
  const isTooLate = (error: unknown): boolean =>
    fault.timeout !== undefined && (error as { code?: string }).code === 'ERR_DTLS_HANDSHAKE_TIMEOUT';
  try {
    const witness = await rig.open();
    isFaulty = true;
    const [before] = [rig.sessions.length];
    const failing = rig.connect();
    const own = (): DTLSSession | undefined => (question.role === 'client' ? failing : rig.sessions[before]);
    await until(() => rig.errorsOf(own()).length > 0 || rig.errorsOf(failing).length > 0);
    if (asked === 0 && isTooLate(rig.errorsOf(own())[0] ?? rig.errorsOf(failing)[0])) return true;
    await until(() => rig.errorsOf(own()).length > 0);
    isFaulty = false;
    const [error] = rig.errorsOf(own());
    fault.heard(error, question);
    await assert.rejects(own()?.opened ?? Promise.resolve(), (reason) => reason === error);
    assert.equal(own()?.destroyed, true);
    failing.destroy();
    await roundTrip(witness, 'still here');
    (await rig.open()).destroy();
    return false;
  } catch (error) {
    // The time is that of the other two sessions, too, one of which may be over when it is used.
    if (!(error instanceof assert.AssertionError) && [error, ...rig.errors].some(isTooLate)) return true;
    throw error;
  }
}

/** Every question, with every fault, in both versions. */
for (const version of VERSIONS) {
  suite(`a callback that is asked, ${version}`, { concurrency: 6 }, () => {
    for (const question of QUESTIONS) {
      suite(`options.${question.name} of a ${question.role}`, { concurrency: true }, () => {
        for (const fault of FAULTS) {
          test(`where it ${fault.name}, its own session fails, hears why, and nothing else ends`, async (t) => {
            // Where time is short, a machine that pauses may let all of it pass in the handshake.
            for (let { timeout } = fault; await isLate(t, question, version, { ...fault, timeout }); ) {
              assert.ok(timeout !== undefined && timeout < 30_000, 'no time is enough');
              timeout *= 3;
            }
          });
        }

        test('what it answers after the end of its session has no effect', async (t) => {
          let answer: (() => void) | undefined;
          const rig = new Rig(
            sidesOf(
              question,
              version,
              (...asked) =>
                new Promise((resolve) => {
                  answer = () => resolve(question.good(...asked));
                }),
            ),
          );
          t.after(() => rig.endpoint.destroy());
          const session = rig.connect();
          await until(() => answer !== undefined);
          const own = question.role === 'client' ? session : rig.sessions[0];
          own?.destroy();
          answer?.();
          await own?.closed;
          await new Promise(setImmediate);
          assert.deepEqual(rig.errorsOf(own), []);
          session.destroy();
        });
      });
    }
  });
}

/** A callback that is only told something; `provoke` makes that happen in an open session of `rig`. */
interface Telling {
  readonly name: string;
  readonly versions?: readonly Version[];
  readonly sides: (callback: () => void) => Partial<Sides>;
  readonly provoke?: (session: DTLSSession, rig: Rig) => unknown;
}

const BASE: Sides = { server: {}, client: { ca: CA, servername: 'localhost' } };

const TELLINGS: readonly Telling[] = [
  {
    name: 'session.onmessage',
    sides: (callback) => ({
      onClient: (session) => {
        session.onmessage = callback;
      },
    }),
    provoke: (session) => session.send('x'),
  },
  {
    name: 'session.onhandshake of a client',
    sides: (callback) => ({
      onClient: (session) => {
        session.onhandshake = callback;
      },
    }),
  },
  {
    name: 'session.onhandshake of a server',
    sides: (callback) => ({
      onServer: (session) => {
        session.onhandshake = callback;
      },
    }),
  },
  {
    name: 'session.onsession',
    sides: (callback) => ({
      onClient: (session) => {
        session.onsession = callback;
      },
    }),
  },
  {
    name: 'session.onend',
    versions: ['DTLSv1.3'],
    sides: (callback) => ({
      client: { ...BASE.client, allowHalfOpen: true },
      onClient: (session) => {
        session.onend = callback;
      },
    }),
    provoke: (_session, rig) => rig.sessions[0]?.close(),
  },
  { name: 'options.trace of a client', sides: (trace) => ({ client: { ...BASE.client, trace } }) },
  { name: 'options.trace of a server', sides: (trace) => ({ server: { trace } }) },
];

for (const version of VERSIONS) {
  suite(`a callback that is only told something, ${version}`, () => {
    for (const { name, versions = VERSIONS, sides, provoke } of TELLINGS) {
      if (!versions.includes(version)) continue;
      for (const [fault, kind, answer] of [
        ['throws', 'uncaughtException', throwMine],
        ['rejects', 'unhandledRejection', () => Promise.reject(MINE)],
      ] as const) {
        test(`${name} that ${fault}: the process hears it, and the session goes on`, async (t) => {
          let isFaulty = true;
          const told = (): unknown => {
            const now = isFaulty;
            isFaulty = false;
            return now ? answer() : undefined;
          };
          const both = { minVersion: version, maxVersion: version };
          const faulty = { ...BASE, ...sides(told) };
          const rig = new Rig({
            ...faulty,
            server: { ...both, ...faulty.server },
            client: { ...both, ...faulty.client },
          });
          t.after(() => rig.endpoint.destroy());
          const uncaught = nextUncaught();
          const session = rig.connect();
          await session.opened;
          await until(() => rig.sessions[0]?.protocol !== undefined);
          provoke?.(session, rig);
          assert.deepEqual(await uncaught, { kind, error: MINE });
          assert.equal(session.destroyed, false);
          if (provoke === undefined) await roundTrip(session, 'on');
          session.destroy();
        });
      }
    }
  });
}

suite('session.onerror', () => {
  test('where it throws the process hears it, and the session ends all the same', async (t) => {
    const rig = new Rig({ ...BASE, client: { servername: 'localhost' } });
    t.after(() => rig.endpoint.destroy());
    const uncaught = nextUncaught();
    const session = rig.connect();
    session.onerror = throwMine;
    await assert.rejects(session.opened, { code: 'ERR_DTLS_CERTIFICATE' });
    assert.deepEqual(await uncaught, { kind: 'uncaughtException', error: MINE });
    await session.closed;
  });

  test('errors of a synchronous callback come after connect has returned', async (t) => {
    const rig = new Rig({ server: { psk: { x: KEY } }, client: { psk: throwMine } });
    t.after(() => rig.endpoint.destroy());
    const session = rig.connect();
    assert.equal(session.destroyed, false);
    await assert.rejects(session.opened, (error) => error === MINE);
    assert.deepEqual(rig.errorsOf(session), [MINE]);
  });
});

for (const version of VERSIONS) {
  suite(`session.onkeylog, ${version}`, () => {
    for (const role of ['client', 'server'] as const) {
      test(`where that of a ${role} throws, the session fails with that error, as in node:dtls`, async (t) => {
        const listenTo = (session: DTLSSession): void => {
          session.onkeylog = throwMine;
        };
        const both = { minVersion: version, maxVersion: version };
        const rig = new Rig({
          server: both,
          client: { ...BASE.client, ...both },
          ...(role === 'client' ? { onClient: listenTo } : { onServer: listenTo }),
        });
        t.after(() => rig.endpoint.destroy());
        const session = rig.connect();
        const own = (): DTLSSession | undefined => (role === 'client' ? session : rig.sessions[0]);
        await until(() => own()?.destroyed === true);
        assert.deepEqual(rig.errorsOf(own()), [MINE]);
        session.destroy();
      });
    }
  });
}

suite('the callback of listen', () => {
  const failing = (onServer: (session: DTLSSession) => unknown, client = BASE.client): Rig =>
    new Rig({ ...BASE, client, onServer });

  for (const [fault, answer] of [
    ['throws', throwMine],
    ['rejects', () => Promise.reject(MINE)],
  ] as const) {
    test(`where it ${fault} its session fails with that error, and its client hears of the end`, async (t) => {
      const rig = failing(answer);
      t.after(() => rig.endpoint.destroy());
      const session = rig.connect();
      await until(() => rig.sessions[0]?.destroyed === true);
      assert.deepEqual(rig.errorsOf(rig.sessions[0]), [MINE]);
      await session.closed;
    });
  }

  test('a promise that is rejected with the error of its own session is observed', async (t) => {
    const rig = failing((session) => session.opened, { servername: 'localhost' });
    t.after(() => rig.endpoint.destroy());
    const session = rig.connect();
    await assert.rejects(session.opened, { code: 'ERR_DTLS_CERTIFICATE' });
    await until(() => rig.sessions[0]?.destroyed === true);
    assert.equal((rig.errorsOf(rig.sessions[0])[0] as { code?: string }).code, 'ERR_DTLS_PEER_ALERT');
    await new Promise(setImmediate);
  });

  test('a promise that is rejected when the endpoint closes before the handshake is done is observed', async (t) => {
    const rig = failing((session) => session.opened, {
      ...BASE.client,
      verifyPeer: () => new Promise<boolean>(() => undefined),
    });
    t.after(() => rig.endpoint.destroy());
    const session = rig.connect();
    await until(() => rig.sessions.length === 1);
    await rig.endpoint.close();
    await new Promise(setImmediate);
    assert.deepEqual(rig.errorsOf(rig.sessions[0]), []);
    session.destroy();
  });

  test('without onerror an exception is uncaught, as in node:dtls', async (t) => {
    const rig = failing((session) => {
      session.onerror = undefined;
      return throwMine();
    });
    t.after(() => rig.endpoint.destroy());
    const uncaught = nextUncaught();
    const session = rig.connect();
    assert.deepEqual(await uncaught, { kind: 'uncaughtException', error: MINE });
    assert.equal(rig.sessions[0]?.destroyed, true);
    session.destroy();
  });

  test('without onerror, or after the end, a rejection is a warning: no unknown client can end the process', async (t) => {
    const rig = failing(async (session) => {
      session.onerror = undefined;
      await session.opened;
      throw MINE;
    });
    t.after(() => rig.endpoint.destroy());
    const warning = nextWarning();
    const session = rig.connect();
    const { code, message } = await warning;
    assert.equal(code, 'ERR_DTLS_CALLBACK');
    assert.match(message, /callback of listen rejected.*: mine$/);
    await session.closed;
  });
});
