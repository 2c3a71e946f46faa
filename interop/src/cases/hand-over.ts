import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Failure } from '../exchange.js';
import type { Holding } from '../hand-over/holding.js';
import { Inbox } from '../inbox.js';
import { freePort } from '../net/ports.js';
import { Relay } from '../net/relay.js';
import { cli, startServerAt } from '../peers/cli.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls3 } from '../peers/mbedtls3.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer, Side } from '../peers/peer.js';
import { pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { Child } from '../process.js';
import { capture } from '../text.js';
import type { Role, Version } from '../vocabulary.js';
import type { Case } from './case.js';

/*
 * A session of ours that moves from process to process while its foreign peer talks on and notices nothing: handed over, left to the
 * next `dtls server --state`, or gone on with from its last checkpoint after a crash.
 */

const HOST = '127.0.0.1';
const HOLDER = fileURLToPath(new URL('../hand-over/holder.js', import.meta.url));
const TIMEOUT_MS = 90_000;
const START_MS = 40_000;
const ECHO_MS = 5_000;
/** Between the messages of a peer that talks on. */
const TALK_MS = 25;
const HAND_OVERS = 2;
/** Of the answers of `dtls server`. */
const ECHO_PREFIX = 'Echo: ';
/** Messages after a crash, and how long one is waited for. */
const MAX_LOST = 40;
const LOST_MS = 200;

interface Plan {
  readonly peer: Peer;
  readonly version: Version;
  /** Of both sides. */
  readonly cid: number | 'none';
}

const PLANS: readonly Plan[] = [
  { peer: openssl, version: 'DTLSv1.2', cid: 'none' },
  { peer: gnutls, version: 'DTLSv1.2', cid: 'none' },
  { peer: nss, version: 'DTLSv1.3', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.2', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.2', cid: 8 },
  { peer: wolfssl, version: 'DTLSv1.3', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.3', cid: 8 },
  { peer: scandium, version: 'DTLSv1.2', cid: 8 },
  { peer: pion3, version: 'DTLSv1.2', cid: 8 },
  { peer: mbedtls3, version: 'DTLSv1.2', cid: 8 },
];

/** Where a server of ours crashes. */
const CRASHES: readonly Plan[] = [
  { peer: openssl, version: 'DTLSv1.2', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.2', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.3', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.3', cid: 8 },
];
/** Where a `dtls server` is started again. */
const RESTARTS: readonly Plan[] = [
  { peer: gnutls, version: 'DTLSv1.2', cid: 'none' },
  { peer: nss, version: 'DTLSv1.3', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.2', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.3', cid: 'none' },
  { peer: wolfssl, version: 'DTLSv1.3', cid: 8 },
  { peer: mbedtls3, version: 'DTLSv1.2', cid: 8 },
];
/** More than one checkpoint lasts. */
const BEFORE_CRASH = 40;

/** In both roles; with connection IDs a client of ours comes back from another port, too. */
export function handOverCases(): Case[] {
  return [
    ...PLANS.flatMap((plan) => [handOverCase(plan, 'server'), handOverCase(plan, 'client')]),
    ...CRASHES.map(crashCase),
    ...RESTARTS.map(restartCase),
  ];
}

function restartCase(plan: Plan): Case {
  return {
    name: `${plan.peer.name} client ↔ dtls server --state, ${plan.version}, which is started again${idsOf(plan)}`,
    kind: 'session',
    client: plan.peer,
    server: cli,
    slow: true,
    timeout: TIMEOUT_MS,
    run: async (pki) => await restart(plan, pki),
  };
}

function crashCase(plan: Plan): Case {
  const { peer, version } = plan;
  return {
    name: `${peer.name} client ↔ our server, ${version}, which crashes and goes on from a checkpoint${idsOf(plan)}`,
    kind: 'session',
    client: peer,
    server: ours,
    slow: true,
    timeout: TIMEOUT_MS,
    run: async (pki) => await crash(plan, pki),
  };
}

function handOverCase(plan: Plan, role: Role): Case {
  const { peer, version } = plan;
  const pair = role === 'server' ? { client: peer, server: ours } : { client: ours, server: peer };
  return {
    name: `${pair.client.name} client ↔ ${pair.server.name} server, ${version}, handed over between processes${idsOf(plan)}`,
    kind: 'session',
    ...pair,
    // It mostly waits for processes to start.
    slow: true,
    timeout: TIMEOUT_MS,
    run: async (pki) => await (role === 'server' ? serve(plan, pki) : visit(plan, pki)),
  };
}

function idsOf({ cid }: Plan): string {
  return cid === 'none' ? '' : `, connection IDs of ${cid} bytes`;
}

/** Processes of ours, of which one at a time has the session. */
class Holders implements Own {
  readonly #common: Omit<Holding, 'bindPort'>;
  readonly #file: string;
  readonly inbox = new Inbox();
  #child: Child;

  constructor(common: Omit<Holding, 'bindPort'>, bindPort: number, file: string) {
    this.#common = common;
    this.#file = file;
    this.#child = this.#start({ ...common, bindPort });
  }

  get log(): string {
    return `${this.#child.command}\n${this.#child.output}`;
  }

  send(line: string): void {
    this.#child.write(`${line}\n`);
  }

  async port(): Promise<number> {
    await this.#until(/^port=\d+$/m);
    return Number(capture(this.#child.output, /^port=(\d+)$/m));
  }

  async established(): Promise<void> {
    await this.#until(/^established=yes$/m);
  }

  /** From one process to the next, which has `bindPort`. */
  async handOver(bindPort: number): Promise<void> {
    this.#child.write(`/export ${this.#file}\n`);
    await this.#until(/^exported=yes$/m);
    await this.#child.ended;
    this.#child = this.#start({ ...this.#common, bindPort, state: this.#file });
    await this.#until(/^imported=yes$/m);
  }

  /** From here on the session can go on after a crash. */
  async keep(): Promise<void> {
    this.#child.write(`/keep ${this.#file}\n`);
    await this.#until(/^kept=yes$/m);
  }

  async crash(bindPort: number): Promise<void> {
    await this.#child.kill();
    this.#child = this.#start({ ...this.#common, bindPort, state: this.#file });
    await this.#until(/^imported=yes$/m);
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  #start(config: Holding): Child {
    const child = new Child(process.execPath, [HOLDER, JSON.stringify(config)]);
    child.onLine((line) => this.inbox.push(line));
    return child;
  }

  async #until(pattern: RegExp): Promise<void> {
    if (!(await this.#child.printed(pattern, START_MS)))
      throw new Failure(`our process never says ${pattern}`);
  }
}

function serverOf({ version, cid }: Plan, pki: Pki, bindPort: number): Holders {
  const { cert, key } = pki.servers.ECDSA;
  const common = { version, cid, port: 0, ca: pki.ca, cert, key, name: SERVER_NAME };
  return new Holders({ role: 'server', ...common }, bindPort, join(pki.folder, `server-${bindPort}.state`));
}

function clientOf({ version, cid }: Plan, pki: Pki, port: number, bindPort: number): Holders {
  const { cert, key } = pki.servers.ECDSA;
  const common = { version, cid, port, ca: pki.ca, cert, key, name: SERVER_NAME };
  return new Holders({ role: 'client', ...common }, bindPort, join(pki.folder, `client-${bindPort}.state`));
}

/** A foreign client that talks through a relay to a server of ours, which `act` moves. */
interface Visited {
  readonly client: Side;
  readonly port: number;
  /** A message of the client, which is answered. */
  readonly echo: (line: string) => Promise<void>;
}

/** Processes of ours with one session, one after the other. */
interface Own {
  readonly log: string;
  stop(): Promise<void>;
}

/**
 * `start`s our server at a port, lets the client of `plan` make a handshake and talk, and does with the server what `act` does.
 * Returns what that says, if the client noticed nothing.
 */
async function withVisitor<S extends Own>(
  { peer, version, cid }: Plan,
  pki: Pki,
  prefix: string,
  start: (port: number) => Promise<S>,
  act: (server: S, visited: Visited) => Promise<string>,
): Promise<string> {
  const port = await freePort();
  const server = await start(port);
  const relay = await Relay.start({ server: { host: HOST, port } });
  const client = await peer.startClient({
    ...{ version, host: HOST, port: relay.port, ca: pki.ca, folder: pki.folder, name: SERVER_NAME, cid },
  });
  const echoed = async (line: string) => await echo(client, client.inbox, line, prefix);
  return await judged(client, server, relay, async () => {
    if (!(await client.established(START_MS))) throw new Failure('no handshake');
    await echoed('ping before');
    return await act(server, { client, port, echo: echoed });
  });
}

/** What `act` says and how many datagrams it took, if the foreign side noticed nothing; then all ends. */
async function judged(foreign: Side, own: Own, relay: Relay, act: () => Promise<string>): Promise<string> {
  try {
    return `${await act()}, ${unnoticed(foreign, relay)}`;
  } catch (error) {
    throw failure(error, [foreign.log(), own.log]);
  } finally {
    await foreign.stop();
    await own.stop();
    relay.close();
  }
}

async function startHolders(plan: Plan, pki: Pki, port: number): Promise<Holders> {
  const server = serverOf(plan, pki, port);
  await server.port();
  return server;
}

async function serve(plan: Plan, pki: Pki): Promise<string> {
  const start = async (port: number) => await startHolders(plan, pki, port);
  return await withVisitor(plan, pki, '', start, async (server, { client, port, echo }) => {
    for (let round = 1; round <= HAND_OVERS; round++) {
      await talking(client, round, async () => await server.handOver(port));
      await echo(`ping after ${round}`);
    }
    return `${HAND_OVERS} hand-overs`;
  });
}

/** A `dtls server` that is started again and again at one port. */
class Restarted implements Own {
  readonly #start: () => Promise<Child>;
  #child: Child;

  private constructor(start: () => Promise<Child>, child: Child) {
    this.#start = start;
    this.#child = child;
  }

  static async start(pki: Pki, port: number, cid: Plan['cid']): Promise<Restarted> {
    const state = ['--state', join(pki.folder, `restart-${port}.state`)];
    const ids = cid === 'none' ? [] : ['--cid', `${cid}`];
    const start = async () => await startServerAt(HOST, port, pki.servers.ECDSA, [...state, ...ids]);
    return new Restarted(start, await start());
  }

  get log(): string {
    return this.#child.output;
  }

  async restart(): Promise<void> {
    this.#child.interrupt();
    if ((await this.#child.ended) !== 0) throw new Failure('dtls server fails when it is interrupted');
    this.#child = await this.#start();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

async function restart(plan: Plan, pki: Pki): Promise<string> {
  const start = async (port: number) => await Restarted.start(pki, port, plan.cid);
  return await withVisitor(plan, pki, ECHO_PREFIX, start, async (server, { echo }) => {
    for (let round = 1; round <= HAND_OVERS; round++) {
      await server.restart();
      await echo(`ping after ${round}`);
      if (server.log.includes('client_hello')) throw new Failure('the client made a new handshake');
    }
    return `${HAND_OVERS} restarts`;
  });
}

/** Messages are lost after a crash, but the session is not: a later one gets its echo. */
async function crash(plan: Plan, pki: Pki): Promise<string> {
  const start = async (port: number) => await startHolders(plan, pki, port);
  return await withVisitor(plan, pki, '', start, async (server, { client, port, echo }) => {
    await server.keep();
    for (let n = 0; n < BEFORE_CRASH; n++) await echo(`ping ${n}`);
    await server.crash(port);
    const answered = await firstEcho(client);
    await echo('ping after');
    return `message ${answered} after the crash was answered`;
  });
}

/** The number of the first message that is answered. */
async function firstEcho(client: Side): Promise<number> {
  for (let n = 1; n <= MAX_LOST; n++) {
    const line = `ping again ${n}`;
    client.send(line);
    if (await client.inbox.has(line, LOST_MS)) return n;
  }
  throw new Failure(`none of ${MAX_LOST} messages after the crash is answered`);
}

async function visit(plan: Plan, pki: Pki): Promise<string> {
  const { peer, version, cid } = plan;
  const server = await peer.startServer({
    ...{ version, host: HOST, pair: pki.servers.ECDSA, folder: pki.folder, cid },
  });
  const relay = await Relay.start({ server: { host: HOST, port: server.port } });
  const port = await freePort();
  const client = clientOf(plan, pki, relay.port, port);
  return await judged(server, client, relay, async () => {
    await client.established();
    const answered = async (line: string) => await echo(client, client.inbox, line, server.echoPrefix);
    await answered('ping before');
    for (let round = 1; round <= HAND_OVERS; round++) {
      await client.handOver(cid === 'none' ? port : 0);
      await answered(`ping after ${round}`);
    }
    return `${HAND_OVERS} hand-overs`;
  });
}

/** The client sends messages all the time that `action` takes. */
async function talking(client: Side, round: number, action: () => Promise<void>): Promise<void> {
  let over = false;
  const talk = async () => {
    for (let count = 0; !over; count++) {
      client.send(`ping during ${round}.${count}`);
      await sleep(TALK_MS);
    }
  };
  const talked = talk();
  try {
    await action();
  } finally {
    over = true;
    await talked;
  }
}

async function echo(
  from: { send(line: string): void },
  inbox: Inbox,
  line: string,
  prefix = '',
): Promise<void> {
  from.send(line);
  if (!(await inbox.has(prefix + line, ECHO_MS))) throw new Failure(`no echo of "${line}"`);
}

/** Nothing but records. */
function unnoticed(foreign: Side, relay: Relay): string {
  const { alertsReceived, alertsSent } = foreign.facts();
  const noticed = [...alertsReceived, ...alertsSent];
  if (noticed.length > 0) throw new Failure(`the foreign side says ${noticed.join(', ')}`);
  return `${relay.passages.length} datagrams`;
}

function failure(error: unknown, logs: readonly string[]): Failure {
  return new Failure(error instanceof Error ? error.message : String(error), logs);
}
