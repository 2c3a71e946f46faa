/**
 * Memory of open sessions, awake and asleep, and what it costs to wake, export and import one. Prints one JSON object.
 *
 *   node --expose-gc bench/dist/sleepers.js --version DTLSv1.3 --count 20000 [--asleep] [--cid 8]
 *
 * With `--asleep` each session hibernates at once, so that a million of them fit: `--count 1000000` needs 4 GB and some
 * minutes. With `--cid` the peers' records have connection IDs of that length. Some handshakes make sessions with clients; their states, with other addresses, make the others.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
// Internal: states with other addresses are none that the library makes.
import { pack } from '../../packages/datagram-tls/build/src/base/packed.js';
import { decodeState, encodeState } from '../../packages/datagram-tls/build/src/connection/saved-state.js';
import { openState, sealState } from '../../packages/datagram-tls/build/src/driver/sealed-state.js';
import {
  connect,
  type DTLSSession,
  listen,
  type Version,
} from '../../packages/datagram-tls/build/src/index.js';
import { Reader, Writer } from '../../packages/datagram-tls/build/src/wire/cursor.js';
import type { SleeperRun } from './sleeping.js';

const CHUNK = 200;
/** Sessions with keys of their own: states share what they have in common. */
const KINDS = 16;
const SAMPLES = 500;
const MAX_TRIES = 500;
const PAUSE_MS = 10;

const { values } = parseArgs({
  options: {
    version: { type: 'string', default: 'DTLSv1.3' },
    count: { type: 'string', default: '20000' },
    asleep: { type: 'boolean', default: false },
    cid: { type: 'string', default: '0' },
  },
});
const version = values.version as Version;
const count = Number(values.count);
const cidLength = Number(values.cid);
const key = randomBytes(32);

const endpoint = listen(
  (session) => {
    session.onmessage = onmessage;
  },
  {
    host: '127.0.0.1',
    port: 0,
    cert: fixture('server-cert.pem'),
    key: fixture('server-key.pem'),
    minVersion: version,
    maxVersion: version,
    maxSessions: 0,
    maxSessionsPerHost: 0,
    hibernateAfter: 0,
    idleTimeout: 0,
    ...(cidLength > 0 && { connectionId: cidLength }),
  },
);

function onmessage(this: DTLSSession, data: Uint8Array): void {
  this.send(data);
}

function fixture(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)), 'utf8');
}

/** The state of a session after one echo. */
async function takeState(): Promise<Uint8Array> {
  const client = connect('127.0.0.1', endpoint.address?.port ?? 0, {
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  });
  const echo = new Promise<void>((resolve) => {
    client.onmessage = () => resolve();
  });
  await client.opened;
  client.send('hello');
  await echo;
  const [session] = endpoint.sessions;
  if (session === undefined) throw new Error('the server has no session');
  // Its tickets are to be acknowledged.
  for (let tries = 0; !session.hibernate(); tries++) {
    if (tries === MAX_TRIES) throw new Error('the first session does not hibernate');
    await delay(PAUSE_MS);
  }
  const { state } = openState(session.export({ key }), key, Date.now());
  client.destroy();
  return state;
}

/** Bytes of a secret, nearly all of which differ from those of another. */
const SECRET = 24;

/**
 * The same with other secrets, where two states of one length differ: no two sessions have any in common, and what states have in
 * common is kept once.
 */
function withOtherSecrets(state: Uint8Array, states: readonly Uint8Array[]): Uint8Array {
  const other = states.find((each) => each !== state && each.length === state.length);
  const made = state.slice();
  for (let from = 0, to: number; other !== undefined && from < made.length; from = to + 1) {
    for (to = from; to < made.length && state[to] !== other[to]; )
      to += state[to + 1] === other[to + 1] ? 2 : 1;
    // Numbers and times, which may differ too, are shorter.
    if (to - from < SECRET) continue;
    for (const [i, byte] of randomBytes(to - from).entries())
      if (state[from + i] !== other[from + i]) made[from + i] = byte;
  }
  return made;
}

/** The same session with the peer of this number. */
function sealedFor(state: Uint8Array, number: number): Uint8Array {
  const address = `10.${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`;
  const peer = { address, family: 'IPv4', port: 1024 + (number % 60_000) } as const;
  const saved = decodeState(state);
  const current = cidLength > 0 ? withOtherIds(saved.current) : saved.current;
  const moved = encodeState({ ...saved, current, peer });
  return sealState(
    key,
    { lineage: { id: pack(randomBytes(16)), generation: 0 }, unread: [], state: moved },
    Date.now(),
  );
}

/** The state begins with connection IDs: no two sessions have the same. */
function withOtherIds(current: Uint8Array): Uint8Array {
  const r = new Reader(current);
  const w = new Writer().u8(r.u8()).u8(r.u8()).vec8(r.vec8());
  const count = r.u8();
  w.u8(count);
  for (let i = 0; i < count; i++) w.vec8(randomBytes(r.vec8().length));
  return w.bytes(r.rest()).finish();
}

async function open(states: readonly Uint8Array[], from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) {
    const state = withOtherSecrets(states[number % states.length] as Uint8Array, states);
    const session = endpoint.import(sealedFor(state, number), { key });
    session.onmessage = onmessage;
    if (values.asleep && !session.hibernate()) throw new Error('a session does not hibernate');
    if (number % CHUNK === 0) await turn();
  }
  await turn();
}

/** Returns how many sleep. */
function hibernateAll(): number {
  return [...endpoint.sessions].filter((session) => session.hibernate()).length;
}

/** Bytes: resident memory, and what V8 and the buffers hold. */
function memory(): { readonly rss: number; readonly held: number } {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, held: heapUsed + external };
}

/** µs of CPU for each of `sessions`. */
function costOf(sessions: readonly DTLSSession[], work: (session: DTLSSession) => void): number {
  const before = process.cpuUsage();
  for (const session of sessions) work(session);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / sessions.length;
}

async function main(): Promise<SleeperRun> {
  const taken: Uint8Array[] = [];
  while (taken.length < KINDS) taken.push(await takeState());
  const warmUp = 2000;
  await open(taken, 0, warmUp);
  // They sleep from here on in both forms, and count for nothing.
  hibernateAll();
  await turn();
  const before = memory();
  await open(taken, warmUp, warmUp + count);
  const opened = memory();
  const asleep = hibernateAll();
  if (asleep !== warmUp + count) throw new Error(`${asleep} of ${warmUp + count} sessions hibernate`);
  const [one] = endpoint.sessions;
  if ((one?.connectionId?.receive.length ?? 0) !== cidLength) throw new Error('other connection IDs');
  await turn();
  const slept = memory();
  const some = [...endpoint.sessions].slice(0, SAMPLES);
  const hibernate = (session: DTLSSession): void => void session.hibernate();
  // The key of each is derived when the first message wakes it.
  const first = costOf(some, (session) => void session.send('hello'));
  await turn();
  const second = costOf(some, (session) => void session.send('hello'));
  await turn();
  const hibernated = costOf(some, hibernate);
  const states: Uint8Array[] = [];
  const exported = costOf(some, (session) => void states.push(session.export({ key })));
  await turn();
  const { user, system } = process.cpuUsage();
  for (const sealed of states) endpoint.import(sealed, { key });
  const after = process.cpuUsage();
  const each = (bytes: number): number => Math.round(bytes / count);
  return {
    stateBytes: taken[0]?.length ?? 0,
    ...(values.asleep
      ? {}
      : { awake: { rss: each(opened.rss - before.rss), held: each(opened.held - before.held) } }),
    asleep: { rss: each(slept.rss - before.rss), held: each(slept.held - before.held) },
    microseconds: {
      hibernate: hibernated,
      wake: first - second,
      export: exported,
      import: (after.user + after.system - user - system) / states.length,
    },
  };
}

process.stdout.write(`${JSON.stringify(await main())}\n`, () => process.exit());
