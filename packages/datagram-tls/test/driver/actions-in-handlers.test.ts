// What a careless application does in the middle of a batch of datagrams: the loop of events goes on, and so do others.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DTLSEndpoint, type DTLSSession, type ListenOptions } from '#lib/index.js';
import { CA } from '../support/identities.js';
import { client, roundTrip, server } from './echo.js';

const key = randomBytes(32);
/** Messages that come together: more than one turn of the event loop takes. */
const BURST = 80;
/** In so many turns all of them have come. */
const TURNS = 30;
/** In so many the server has a session, unless something has ended it. */
const MAX_TURNS = 400;
/** How often it acts at one place. */
const MAX_TIMES = 4;
/** Of both sides: some are reached only where nothing has ended the session before. */
const MIN_PLACES = 8;

/** Where an application is called. */
const PLACES = {
  onmessage: (session, act) => {
    session.onmessage = act;
  },
  onhandshake: (session, act) => {
    session.onhandshake = act;
  },
  onkeylog: (session, act) => {
    session.onkeylog = act;
  },
  onsession: (session, act) => {
    session.onsession = act;
  },
  onend: (session, act) => {
    session.onend = act;
  },
  onerror: (session, act) => {
    session.onerror = act;
  },
  onmigrate: (session, act) => {
    session.onmigrate = () => {
      act();
      return undefined;
    };
  },
  opened: (session, act) => {
    session.opened.then(act, act);
  },
  closed: (session, act) => {
    session.closed.then(act, act);
  },
} satisfies Record<string, (session: DTLSSession, act: () => void) => void>;

/** What it does there. A promise that rejects is its own business. */
const ACTIONS = {
  'destroys the session': ({ session }) => session.destroy(),
  'destroys it with an error': ({ session }) => session.destroy(new Error('of the application')),
  'closes it': ({ session }) => session.close(),
  'destroys the endpoint': ({ endpoint }) => endpoint.destroy(),
  'closes the endpoint': ({ endpoint }) => endpoint.close(),
  'destroys the other end': ({ other }) => other.destroy(),
  'takes another port, twice': ({ session }) =>
    Promise.allSettled([session.rebind(), session.rebind(), session.rebind()]),
  'lets it hibernate': ({ session }) => session.hibernate(),
  'exports and imports it': ({ session, endpoint }) => {
    const state = session.export({ key });
    return endpoint.import(state, { key });
  },
  'updates keys': ({ session }) => session.updateKeys({ requestPeer: true }),
  'sends very much': ({ session }) => {
    for (let i = 0; i < 300; i++) session.send(new Uint8Array(900));
  },
  'is busy, and is not': ({ endpoint }) => {
    endpoint.busy = true;
    endpoint.busy = false;
  },
  'renews all connection IDs': ({ endpoint }) => endpoint.renewConnectionIds(),
  'looks at everything': ({ session, endpoint }) =>
    [...endpoint.sessions].map((each) => [each.stats.toString(), session.remoteAddress, each.connectionId]),
} satisfies Record<string, (at: Place) => unknown>;

interface Place {
  readonly session: DTLSSession;
  readonly endpoint: DTLSEndpoint;
  readonly other: DTLSEndpoint;
}

/** Errors of calls that come too late, or too early, have codes. */
function attempt(action: () => unknown): void {
  const isExpected = (error: unknown): void =>
    assert.ok(
      typeof (error as { code?: unknown }).code === 'string' ||
        (error as Error).message === 'of the application',
      String(error),
    );
  try {
    const result = action();
    if (result instanceof Promise) result.catch(isExpected);
  } catch (error) {
    isExpected(error);
  }
}

/** A session with a burst in both directions, a move, and an end; `watch` gets both ends before anything happens to them. */
async function live(
  t: TestContext,
  options: Pick<ListenOptions, 'minVersion' | 'maxVersion' | 'acceleration'>,
  watch: (session: DTLSSession, endpoint: DTLSEndpoint) => void,
): Promise<void> {
  const own = server(t, { connectionId: true, allowHalfOpen: true, ...options });
  const { acceleration, ...versions } = options;
  const endpoint = new DTLSEndpoint({ bindHost: '127.0.0.1', connectionId: true, acceleration });
  t.after(() => endpoint.destroy());
  const session = endpoint.connect('127.0.0.1', own.port, { ca: CA, servername: 'localhost', ...versions });
  const ended = session.closed.catch(() => undefined);
  watch(session, endpoint);
  for (let turns = 0; turns < MAX_TURNS && own.sessions.length === 0; turns++) await turn();
  for (const each of own.sessions) watch(each, own.endpoint);
  await Promise.race([session.opened.catch(() => undefined), ended]);
  for (let i = 0; i < BURST; i++) attempt(() => session.send(String(i)));
  for (let turns = 0; turns < TURNS; turns++) await turn();
  attempt(() => session.rebind());
  for (let turns = 0; turns < TURNS; turns++) await turn();
  attempt(() => session.close());
  for (let turns = 0; turns < TURNS; turns++) await turn();
}

// Each version, and each way of receiving, once: what handlers may disturb knows nothing of both at a time.
for (const [acceleration, version] of [
  ['auto', 'DTLSv1.3'],
  ['off', 'DTLSv1.2'],
] as const)
  suite(`an application that is careless in a handler, ${version}, acceleration ${acceleration}`, () => {
    for (const [what, action] of Object.entries(ACTIONS))
      test(what, async (t) => {
        const options = { minVersion: version, maxVersion: version, acceleration };
        const bystander = server(t, options);
        const beside = client(bystander.port, options);
        t.after(() => beside.destroy());
        await beside.opened;
        let acted = 0;
        for (const at of Object.values(PLACES))
          for (const role of ['client', 'server'] as const) {
            const endpoints: DTLSEndpoint[] = [];
            let times = 0;
            await live(t, options, (session, endpoint) => {
              endpoints.push(endpoint);
              if ((endpoints.length === 1) !== (role === 'client')) return;
              at(session, () => {
                if (++times > MAX_TIMES) return;
                attempt(() => action({ session, endpoint, other: endpoints[0] ?? endpoint }));
              });
            });
            if (times > 0) acted++;
            for (const endpoint of endpoints) endpoint.destroy();
            assert.equal(await roundTrip(beside, 'still here'), 'still here');
          }
        assert.ok(acted >= MIN_PLACES, `${acted}`);
      });
  });
