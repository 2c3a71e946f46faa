/**
 * Opens, uses and closes sessions, in a process of its own, where nothing else takes memory: WARM_UP of them, until each
 * function has run, then SESSIONS. Prints what remains of the latter.
 *
 * To be run without V8's optimizing compilers. They work for as long as a program runs, and each function that they
 * compile is noted in every hidden class that its code relies on (`dependent_code`, a weak list that is compacted only
 * when it is full): growth by time, which hides what sessions leave.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { type ConnectOptions, connect, type DTLSSession, listen } from '#lib/index.js';
import type { Version } from '#lib/wire/codes.js';
import { UNHURRIED } from '../driver/echo.js';
import { collectGarbage } from '../support/garbage.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';

const [WARM_UP = 0, SESSIONS = 0] = process.argv.slice(2).map(Number);
/** Sessions at a time. */
const AT_ONCE = 20;

/**
 * On a busy machine a client would repeat a ClientHello whose answer has come, and its cookie would make another session at the
 * server once its own is over.
 */
const PATIENT = { ...UNHURRIED, handshakeTimeout: 0 };

const key = Buffer.alloc(32, 7);
const PSK_SERVER = { psk: { device: key } };
const PSK_CLIENT = { psk: { identity: 'device', key } };
/** Mostly with pre-shared keys alone, the cheapest handshakes; some with certificates, in both versions. */
const CLIENTS: readonly ConnectOptions[] = [
  ...Array.from({ length: 9 }, (_, i) => ({ ...PSK_CLIENT, pskModes: ['psk_ke' as const], ...only(i) })),
  { ca: CA, servername: 'localhost', ...only(0) },
  ...Array.from({ length: 9 }, (_, i) => ({ ...PSK_CLIENT, pskModes: ['psk_ke' as const], ...only(i) })),
  { ca: CA, servername: 'localhost', ...only(1) },
];

function only(i: number): { minVersion: Version; maxVersion: Version } & typeof PATIENT {
  const version = VERSIONS[i % VERSIONS.length] ?? assert.fail();
  return { ...PATIENT, minVersion: version, maxVersion: version };
}

/** The uses of a session, in turn. Each sends one message, and gets it back. */
const USES = {
  async handler(session: DTLSSession) {
    const echo = new Promise<Buffer>((resolve) => {
      session.onmessage = resolve;
    });
    await session.opened;
    session.send('message');
    assert.equal((await echo).toString(), 'message');
    await session.close();
  },
  async loop(session: DTLSSession) {
    await session.opened;
    session.send('message');
    for await (const message of session) {
      assert.equal(message.toString(), 'message');
      break;
    }
    await session.closed;
  },
  async streams(session: DTLSSession) {
    const writer = session.writable.getWriter();
    await writer.write('message');
    const { value } = await session.readable.getReader().read();
    assert.equal(value?.toString(), 'message');
    await writer.close();
  },
  async destroy(session: DTLSSession) {
    await session.opened;
    await session.drained;
    session.send('message');
    for await (const _ of session) session.destroy();
  },
} as const;

/** Runs `count` sessions, some at a time. */
async function useSessions(count: number, port: number): Promise<void> {
  const uses = Object.values(USES);
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < count) {
      const i = begun++;
      const session = connect('127.0.0.1', port, CLIENTS[i % CLIENTS.length]);
      // The use changes when every client had one, so that each client has every use.
      await (uses[(i + Math.floor(i / CLIENTS.length)) % uses.length] ?? assert.fail())(session);
      await session.endpoint.closed;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Bytes of the whole heap, after everything that nobody holds is collected. */
async function heap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    for (let turns = 0; turns < 10; turns++) await turn();
    collectGarbage();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
}

const endpoint = listen(
  (session) => {
    session.onmessage = (data) => void session.send(data);
  },
  {
    host: '127.0.0.1',
    port: 0,
    ...SERVERS.p256,
    ...PSK_SERVER,
    ...PATIENT,
    pskModes: ['psk_ke', 'psk_dhe_ke'],
  },
);
const port = endpoint.address?.port ?? 0;
await useSessions(WARM_UP, port);
const before = await heap();
await useSessions(SESSIONS, port);
const after = await heap();
await endpoint.close();
console.log(JSON.stringify({ before, after, stats: endpoint.stats }));
