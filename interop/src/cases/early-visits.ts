import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import type { Peer, Side } from '../peers/peer.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { captures } from '../text.js';
import { firstFlight, pathTo, replay, type Spoilt } from './early-path.js';

const HOST = '127.0.0.1';
const LINE = 'ping in early data';
const AFTERWARDS = 'ping afterwards';
/** Bytes. */
const LIMIT = 4096;
const HANDSHAKE_MS = 30_000;
const STEP_MS = 100;
const STEPS = HANDSHAKE_MS / STEP_MS;
/** The time for the server's ticket after the handshake. */
const TICKET_MS = 300;
const EAGER = { initial: 250, max: 2000 };
/** X25519MLKEM768 would cost some clients a HelloRetryRequest, which refuses early data. */
const GROUPS = ['x25519'] as const;

/** Two sessions, of which the second sends a line with its ClientHello, on a path that may lose datagrams. */
export interface Visits extends Spoilt {
  readonly peer: Peer;
  /** The task of our side, or of the foreign one, as a server. */
  readonly outcome: 'accepted' | 'refused';
  /** Whether the client's first flight is replayed when the session is over. */
  readonly replayed?: boolean;
}

/** The result for the line in the second session. */
export interface Told {
  /** As each side reports it. */
  readonly client: string | undefined;
  readonly server: string | undefined;
  /** How often it reached the server. */
  readonly came: number;
  /** Of a replay: why our server refused it. */
  readonly replay?: string;
  /** ACKs that our server received in epoch 1. */
  readonly acks?: number;
}

/** Our client with a foreign server. */
export async function weVisit({ peer, outcome, ...spoilt }: Visits, pki: Pki): Promise<Told> {
  const server = await peer.startServer({
    ...{ version: 'DTLSv1.3', host: HOST, groups: GROUPS, sessions: 2, folder: pki.folder },
    ...{ pair: pki.servers.ECDSA, early: outcome === 'accepted' ? 'take' : 'refuse' },
  });
  const path = await pathTo({ host: HOST, port: server.port }, spoilt);
  const begun: DTLSSession[] = [];
  const visit = (more: { session?: Uint8Array; earlyData?: string }): DTLSSession => {
    const session = connect(HOST, path.relay.port, {
      ...{ ca: readFileSync(pki.ca), servername: SERVER_NAME, minVersion: 'DTLSv1.3', groups: [...GROUPS] },
      ...{ handshakeTimeout: HANDSHAKE_MS, retransmission: EAGER, ...more },
    });
    begun.push(session);
    return session;
  };
  try {
    const first = visit({});
    const session = await new Promise<Uint8Array>((resolve, reject) => {
      first.onsession = resolve;
      first.opened.catch(reject);
    });
    await first.close();
    path.spoil();
    const second = visit({ session, earlyData: `${LINE}\n` });
    await second.opened;
    await echoOf(second);
    const { earlyData } = second;
    second.destroy();
    const came = countOf(server, LINE);
    // It knows what arrived.
    const told = earlyData === 'accepted' && came === 0 ? 'nothing' : lastTold(server);
    return { client: earlyData, server: told, came };
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [server.log()]);
  } finally {
    for (const session of begun) session.destroy();
    path.relay.close();
    await server.stop();
  }
}

async function echoOf(session: DTLSSession): Promise<void> {
  let heard = '';
  session.onmessage = (message) => {
    heard += message.toString();
  };
  await until('an echo', () => {
    if (!heard.includes(AFTERWARDS)) session.send(`${AFTERWARDS}\n`);
    return heard.includes(AFTERWARDS);
  });
}

/** A foreign client with our server. Its first session also sends the line, as ordinary data. */
export async function theyVisit({ peer, outcome, replayed, ...spoilt }: Visits, pki: Pki): Promise<Told> {
  const service = serve(pki, outcome);
  const path = await pathTo({ host: HOST, port: service.port }, spoilt);
  const folder = mkdtempSync(join(pki.folder, 'session-'));
  const client = await peer.startClient({
    ...{ version: 'DTLSv1.3', host: HOST, port: path.relay.port, groups: GROUPS, sessions: 2, early: LINE },
    ...{ folder: pki.folder, ca: pki.ca, name: SERVER_NAME, session: join(folder, 'session') },
  });
  try {
    await until('the first session', () => service.later.length === 1);
    await sleep(TICKET_MS);
    const begun = path.relay.passages.length;
    service.later.length = 0;
    path.spoil();
    client.close();
    await until('the second session', () => countOf(client, 'established=yes') === 2);
    await until('an echo', () => {
      if (!client.inbox.lines.includes(AFTERWARDS)) client.send(AFTERWARDS);
      return client.inbox.lines.includes(AFTERWARDS);
    });
    if (replayed === true)
      await replay(firstFlight(path.relay.passages.slice(begun)), { host: HOST, port: service.port });
    const { early, later, outcome: own, acks, refusals } = service;
    return {
      ...{ client: lastTold(client), server: own(), came: early.length + later.filter(isLine).length },
      acks: acks(),
      ...(replayed === true ? { replay: refusals() } : {}),
    };
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [client.log()]);
  } finally {
    await client.stop();
    path.relay.close();
    service.stop();
  }
}

/** Our server, which echoes each line. A guard that treats everything as seen makes it refuse. */
function serve(pki: Pki, outcome: Visits['outcome']) {
  const early: string[] = [];
  const later: string[] = [];
  const { cert, key } = pki.servers.ECDSA;
  const sessions: DTLSSession[] = [];
  const endpoint = listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (message) => {
        later.push(message.toString());
        session.send(message);
      };
    },
    {
      ...{ host: HOST, port: 0, cert: readFileSync(cert), key: readFileSync(key), retransmission: EAGER },
      maxEarlyData: LIMIT,
      onearlydata: (message, session) => {
        early.push(message.toString());
        session.send(message);
      },
      ...(outcome === 'refused' ? { replayGuard: () => false } : {}),
    },
  );
  const refusals = () =>
    Object.entries(endpoint.earlyDataRefusals)
      .filter(([, count]) => count > 0)
      .map(([reason]) => reason)
      .join();
  const told = () => (endpoint.stats.earlyDataAccepted > 0n ? 'accepted' : 'refused');
  const acks = () => sessions.reduce((sum, { drops }) => sum + (drops.early_ack ?? 0), 0);
  return {
    early,
    later,
    acks,
    refusals,
    outcome: told,
    port: endpoint.address?.port ?? 0,
    stop: () => endpoint.destroy(),
  };
}

async function until(what: string, reached: () => boolean): Promise<void> {
  for (let step = 0; !reached(); step++) {
    if (step === STEPS) throw new Failure(`no sign of ${what}`);
    await sleep(STEP_MS);
  }
}

function lastTold(side: Side): string | undefined {
  return captures(side.log(), /^early-data=(\w+)$/gm).at(-1);
}

/** How often a program printed a line. */
function countOf(side: Side, line: string): number {
  return side
    .log()
    .split('\n')
    .filter((printed) => printed === line).length;
}

function isLine(message: string): boolean {
  return message === `${LINE}\n`;
}
