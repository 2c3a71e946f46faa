import type { TestContext } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';

/** An echo server on a free port, with its sessions. */
export interface EchoServer {
  readonly endpoint: DTLSEndpoint;
  readonly port: number;
  readonly sessions: DTLSSession[];
}

export function echoServer(options: Partial<ListenOptions> = {}): EchoServer {
  const sessions: DTLSSession[] = [];
  const onsession = (session: DTLSSession): void => {
    sessions.push(session);
    session.onmessage = (data) => void session.send(data);
  };
  const endpoint = listen(onsession, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options });
  return { endpoint, port: endpoint.address?.port ?? 0, sessions };
}

/** An echo server that ends with the test. */
export function server(t: TestContext, options: Partial<ListenOptions> = {}): EchoServer {
  const made = echoServer(options);
  t.after(() => made.endpoint.destroy());
  return made;
}

export function client(port: number, options: ConnectOptions = {}, host = '127.0.0.1'): DTLSSession {
  return connect(host, port, { ca: CA, servername: 'localhost', ...options });
}

/** What a client can resume after a session with the server at `port`. */
export async function saved(port: number, options: ConnectOptions = {}): Promise<Buffer> {
  const session = client(port, options);
  const ticket = new Promise<Buffer>((resolve) => {
    session.onsession = resolve;
  });
  await session.opened;
  const bytes = await ticket;
  await session.close();
  return bytes;
}

/** For tests that count: on a busy machine, too, a flight goes out once. */
export const UNHURRIED = { retransmission: { initial: 600_000, max: 600_000 } };

/** How often a message is sent, and how long an echo is waited for, ms. */
const TRIES = 20;
const AGAIN_MS = 2000;
/** In so many turns all arrives that has been sent. After a pause of the process its timers come before what has arrived. */
const TURNS = 20;

/**
 * Sends one message and waits for its echo; others are those of earlier messages. Sends it again when a busy machine
 * loses a datagram.
 */
export async function roundTrip(session: DTLSSession, text: string): Promise<string> {
  let last: string | undefined;
  const answered = new Promise<void>((resolve) => {
    session.onmessage = (data) => {
      last = new TextDecoder().decode(data);
      if (last === text) resolve();
    };
  });
  for (let tries = 0; tries < TRIES && last !== text; tries++) {
    session.send(text);
    await within(AGAIN_MS, answered);
    for (let turns = 0; turns < TURNS && last !== text; turns++) await turn();
  }
  if (last !== text) throw new Error(`no answer to ${text}, only ${last ?? 'silence'}`);
  return last;
}

/** Resolves with `done`, or after this time. */
async function within(ms: number, done: Promise<void>): Promise<void> {
  const over = new AbortController();
  const late = delay(ms, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([done, late]);
  over.abort();
}

/** Waits for `done`, for a number of turns instead of a time: machines may be busy. Calls `again` in each turn. */
export async function until(done: () => boolean, again: () => void = () => undefined): Promise<void> {
  for (let i = 0; !done(); i++) {
    if (i >= 20_000) throw new Error('it never happens');
    again();
    await delay(1);
  }
}
