/** The honest clients: open sessions that send echoes, and new clients one after another. */
import { connect, type DTLSEndpoint, type DTLSSession } from 'datagram-tls';
import type { Target, Version } from '../wire/hostile-client.js';
import { serve } from './program.js';

export interface HonestSettings {
  readonly target: Target;
  /** Local address; all honest clients share it. */
  readonly address: string;
  readonly ca: string;
}

/** A new client and its result. */
export interface NewClient {
  readonly version: Version;
  readonly opened: boolean;
  readonly ms: number;
  /** Flights that it sent again. */
  readonly repeats: number;
  readonly error?: string;
}

export interface HonestReport {
  /** By version: echoes sent, and echoes received. */
  readonly echoes: readonly { readonly version: Version; readonly sent: number; readonly received: number }[];
  /** A session that was silent during the attack still answers after it. */
  readonly quietAnswers: boolean;
  readonly newClients: readonly NewClient[];
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly datagramsSent: number;
  readonly datagramsReceived: number;
}

const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'] as const;
const ECHO_EVERY_MS = 10;
const ECHO_SIZE = 100;
const BETWEEN_CLIENTS_MS = 150;
const FIRST_CLIENT_MS = 300;
const LAST_ECHO_MS = 500;
const LAST_CLIENT_MS = 15_000;
const QUIET_TRIES = 5;
const QUIET_ANSWER_MS = 500;
const QUIET_POLL_MS = 10;

/** Of an attack. */
class Ending {
  over = false;
  end: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.end = () => {
      this.over = true;
      resolve();
    };
  });
}

interface Open {
  readonly version: Version;
  readonly session: DTLSSession;
  sent: number;
  received: number;
}

let settings: HonestSettings | undefined;
const open: Open[] = [];
let quiet: DTLSSession | undefined;
let echoing: NodeJS.Timeout | undefined;
let newClients: NewClient[] = [];
let arriving: Promise<void> | undefined;
let attack = new Ending();
/** Traffic of clients that have ended. */
let gone = { bytesSent: 0, bytesReceived: 0, datagramsSent: 0, datagramsReceived: 0 };

serve({ open: openSessions, visits, begin, finish });

/** Opens one session of each version, and a silent one. */
async function openSessions(given: HonestSettings): Promise<void> {
  settings = given;
  for (const version of VERSIONS) {
    const session = dial(version);
    await session.opened;
    const one: Open = { version, session, sent: 0, received: 0 };
    session.onmessage = () => one.received++;
    open.push(one);
  }
  quiet = dial('DTLSv1.3');
  await quiet.opened;
}

/** From now on echoes and new clients count. */
function begin(): void {
  gone = { bytesSent: 0, bytesReceived: 0, datagramsSent: 0, datagramsReceived: 0 };
  const start = traffic();
  gone = negated(start);
  newClients = [];
  for (const one of open) {
    one.sent = 0;
    one.received = 0;
  }
  echoing = setInterval(echo, ECHO_EVERY_MS);
  attack = new Ending();
  arriving = arrive(attack);
}

async function finish(): Promise<HonestReport> {
  clearInterval(echoing);
  attack.end();
  await Promise.all([arriving, wait(LAST_ECHO_MS)]);
  const quietAnswers = await answers(quiet);
  return {
    quietAnswers,
    echoes: open.map(({ version, sent, received }) => ({
      version,
      sent,
      received: Math.min(sent, received),
    })),
    newClients,
    ...traffic(),
  };
}

/** This many handshakes, one after another. */
async function visits({ count }: { readonly count: number }): Promise<void> {
  const never = new Ending();
  for (let i = 0; i < count; i++) await visit(VERSIONS[i % VERSIONS.length] ?? 'DTLSv1.3', never);
}

/** Whether an echo comes back in one of a few tries: a datagram may be lost. */
async function answers(session: DTLSSession | undefined): Promise<boolean> {
  if (session === undefined) return false;
  let received = 0;
  session.onmessage = () => received++;
  const answered = () => received > 0;
  for (let i = 0; i < QUIET_TRIES && !answered() && !session.destroyed; i++) {
    session.send('are you there?');
    for (let waited = 0; waited < QUIET_ANSWER_MS && !answered(); waited += QUIET_POLL_MS)
      await wait(QUIET_POLL_MS);
  }
  return answered();
}

function echo(): void {
  for (const one of open) {
    one.sent++;
    if (!one.session.destroyed) one.session.send(Buffer.alloc(ECHO_SIZE, one.sent));
  }
}

/** One new client after another, of either version in turn, until the attack is over, and at least one of each. */
async function arrive(stop: Ending): Promise<void> {
  await until(FIRST_CLIENT_MS, stop);
  for (let i = 0; !stop.over || i < VERSIONS.length; i++) {
    newClients.push(await visit(VERSIONS[i % VERSIONS.length] ?? 'DTLSv1.3', stop));
    await until(BETWEEN_CLIENTS_MS, stop);
  }
}

async function visit(version: Version, stop: Ending): Promise<NewClient> {
  const began = performance.now();
  const session = dial(version);
  const late = stop.ended.then(() => wait(LAST_CLIENT_MS)).then(() => 'not in when the attack was over');
  const outcome = await Promise.race([
    session.opened.then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    ),
    late,
  ]);
  const ms = performance.now() - began;
  const repeats = Number(session.stats.retransmitCount);
  // Unlike `close` it waits for the server's close_notify, which counts as received.
  if (outcome === undefined) await session.writable.close().catch(() => undefined);
  const { endpoint } = session;
  session.destroy();
  add(endpoint.stats);
  return {
    version,
    opened: outcome === undefined,
    ms,
    repeats,
    ...(outcome === undefined ? {} : { error: outcome }),
  };
}

function dial(version: Version): DTLSSession {
  if (settings === undefined) throw new Error('not open yet');
  const { target, address, ca } = settings;
  return connect(target.host, target.port, {
    ca,
    servername: 'localhost',
    bindHost: address,
    minVersion: version,
    maxVersion: version,
  });
}

type Stats = DTLSEndpoint['stats'];

function add(stats: Stats): void {
  gone = sum(gone, ofStats(stats));
}

/** Of all honest clients, including those that have ended. */
function traffic() {
  const sessions = [...open.map(({ session }) => session), ...(quiet === undefined ? [] : [quiet])];
  return sessions.map(({ endpoint }) => ofStats(endpoint.stats)).reduce(sum, gone);
}

function ofStats(stats: Stats) {
  return {
    bytesSent: Number(stats.bytesSent),
    bytesReceived: Number(stats.bytesReceived),
    datagramsSent: Number(stats.packetsSent),
    datagramsReceived: Number(stats.packetsReceived),
  };
}

function sum(a: typeof gone, b: typeof gone): typeof gone {
  return {
    bytesSent: a.bytesSent + b.bytesSent,
    bytesReceived: a.bytesReceived + b.bytesReceived,
    datagramsSent: a.datagramsSent + b.datagramsSent,
    datagramsReceived: a.datagramsReceived + b.datagramsReceived,
  };
}

function negated(a: typeof gone): typeof gone {
  return {
    bytesSent: -a.bytesSent,
    bytesReceived: -a.bytesReceived,
    datagramsSent: -a.datagramsSent,
    datagramsReceived: -a.datagramsReceived,
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `ms`, or until `stop`. */
function until(ms: number, stop: Ending): Promise<unknown> {
  return Promise.race([wait(ms), stop.ended]);
}
