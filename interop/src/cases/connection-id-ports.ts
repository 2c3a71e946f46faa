import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { Attacker } from '../net/attacker.js';
import { type Passage, Relay, type RelayOptions } from '../net/relay.js';
import { connectionIds } from '../net/wire.js';
import { ours } from '../peers/ours.js';
import type { Peer, Side } from '../peers/peer.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import type { Version } from '../vocabulary.js';
import type { Case } from './case.js';

/*
 * Two foreign clients on one port of ours, through one relay.
 */

const HOST = '127.0.0.1';
const LENGTH = 8;
const TIMEOUT_MS = 60_000;
const HANDSHAKE_MS = 20_000;
const ECHO_MS = 5_000;
const SILENCE_MS = 400;
const ATTACKER = '127.0.0.9';

/** Our server, the path to it, and how to start a client there. */
interface Stage {
  readonly relay: Relay;
  readonly port: number;
  readonly sessions: readonly DTLSSession[];
  /** `cid`: the length that it wants, or none at all. */
  readonly client: (cid: number | 'none') => Promise<Side>;
}

type Scene = (stage: Stage) => Promise<string>;

/** The scenes of a foreign client's peer in one version. */
export function portCases(peer: Peer, version: Version): Case[] {
  return [
    portCase(peer, version, 'clients with and without connection IDs on one port', withAndWithout, {}),
    portCase(peer, version, 'the IDs of two clients are swapped', swapped, { rewrite: swapIds }),
    portCase(peer, version, 'a client is started again at its address', startedAgain, { shared: true }),
  ];
}

function portCase(
  peer: Peer,
  version: Version,
  label: string,
  scene: Scene,
  path: Pick<RelayOptions, 'rewrite' | 'shared'>,
): Case {
  return {
    name: `${peer.name} client ↔ our server, ${version}, connection IDs: ${label}`,
    kind: 'session',
    client: peer,
    server: ours,
    slow: false,
    timeout: TIMEOUT_MS,
    run: async (pki) => await staged(peer, version, pki, path, scene),
  };
}

async function staged(
  peer: Peer,
  version: Version,
  pki: Pki,
  path: Pick<RelayOptions, 'rewrite' | 'shared'>,
  scene: Scene,
): Promise<string> {
  const sessions: DTLSSession[] = [];
  const clients: Side[] = [];
  const { cert, key } = pki.servers.ECDSA;
  const endpoint = listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (message) => session.send(message);
    },
    { host: HOST, port: 0, cert: readFileSync(cert), key: readFileSync(key), connectionId: LENGTH },
  );
  const port = endpoint.address?.port ?? 0;
  const relay = await Relay.start({ server: { host: HOST, port }, ...path });
  const client = async (cid: number | 'none') => {
    const side = await peer.startClient({
      ...{ version, host: HOST, port: relay.port, ca: pki.ca, folder: pki.folder, name: SERVER_NAME, cid },
    });
    clients.push(side);
    if (!(await side.established(HANDSHAKE_MS))) throw new Failure('no handshake');
    return side;
  };
  try {
    return await scene({ relay, port, sessions, client });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Failure(
      message,
      clients.map((side) => side.log()),
    );
  } finally {
    for (const side of clients) await side.stop();
    relay.close();
    endpoint.destroy();
  }
}

/** Both talk; both move; only the one with an ID is followed. */
async function withAndWithout({ relay, client }: Stage): Promise<string> {
  const [known, unknown] = [await client(0), await client('none')];
  await echo(known, 'ping with');
  await echo(unknown, 'ping without');
  relay.move('127.0.0.2');
  await echo(known, 'ping with an ID from elsewhere');
  await silence(unknown, 'ping without an ID from elsewhere');
  return 'only the client with an ID is followed';
}

/** While each client's records have the ID of the other, none is accepted, and nothing is lost by it. */
async function swapped({ relay, client, sessions }: Stage): Promise<string> {
  const [one, other] = [await client(LENGTH), await client(LENGTH)];
  await echo(one, 'ping one');
  await echo(other, 'ping other');
  const places = sessions.map((session) => session.remoteAddress?.port);
  relay.tap = () => undefined;
  for (const side of [one, other]) await silence(side, 'ping swapped');
  relay.tap = undefined;
  if (sessions.some((session, index) => session.remoteAddress?.port !== places[index]))
    throw new Failure('a session moved with a record of another');
  await echo(one, 'ping one again');
  await echo(other, 'ping other again');
  return 'both sessions go on';
}

/** Swaps as long as the relay has a tap. */
const swapIds: NonNullable<RelayOptions['rewrite']> = (bytes, direction, _index, { relay, clientPort }) => {
  if (direction !== 'to-server' || relay.tap === undefined) return undefined;
  const other = relay.passages.find((passage) => passage.clientPort !== clientPort)?.clientPort;
  const [own, foreign] = [idOf(relay.passages, clientPort), idOf(relay.passages, other)];
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(own); at >= 0; at = copy.indexOf(own, at + LENGTH)) foreign.copy(copy, at);
  return [copy];
};

function idOf(passages: readonly Passage[], clientPort: number | undefined): Buffer {
  const its = passages.filter((passage) => passage.clientPort === clientPort);
  const ids = [...connectionIds(its, 'to-server', LENGTH)];
  return Buffer.from(ids.find((id) => id !== '') ?? '', 'hex');
}

/**
 * A NAT that gives the next client the address of the one that went away without a word. The old client's records
 * with its ID do not disturb the new session, from there and from elsewhere.
 */
async function startedAgain({ relay, port, client }: Stage): Promise<string> {
  const first = await client(LENGTH);
  await echo(first, 'ping first');
  await first.stop();
  const old = relay.passages.filter(({ direction }) => direction === 'to-server').slice(-2);
  const second = await client(LENGTH);
  await echo(second, 'ping second');
  const attacker = await Attacker.at(ATTACKER);
  try {
    for (const { bytes } of old) {
      relay.inject(bytes);
      attacker.send(bytes, { host: HOST, port });
    }
    await sleep(SILENCE_MS);
    await echo(second, 'ping second again');
    if (attacker.heard > 0) throw new Failure(`${attacker.heard} bytes for an old record from elsewhere`);
  } finally {
    attacker.close();
  }
  return 'the new session goes on';
}

async function echo(side: Side, line: string): Promise<void> {
  side.send(line);
  if (!(await side.inbox.has(line, ECHO_MS))) throw new Failure(`no echo of "${line}"`);
}

async function silence(side: Side, line: string): Promise<void> {
  side.send(line);
  if (await side.inbox.has(line, SILENCE_MS)) throw new Failure(`an echo of "${line}"`);
}
