import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { Relay, type Weather } from '../net/relay.js';
import { boringssl } from '../peers/boringssl.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls } from '../peers/mbedtls.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { wolfssl } from '../peers/wolfssl.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import type { Version } from '../vocabulary.js';
import type { Case } from './case.js';

/*
 * A client that returns to the same server, as session IDs require. Most programs do not keep ticket keys from one
 * process to the next either.
 */

const HOST = '127.0.0.1';
const VISITS = 3;
const HANDSHAKE_MS = 40_000;
const REPEAT_MS = 500;
const EAGER = { initial: 250, max: 2000 };
const WEATHER: readonly (Weather | undefined)[] = [
  undefined,
  ...[1, 2, 3].map((seed) => ({ seed, loss: 0.25, duplicate: 0.1, reorder: 0.1, delay: 20 })),
];

/** The server's handle of the session. */
type Means = 'ticket' | 'session id';

interface Plan {
  readonly peer: Peer;
  readonly version: Version;
  readonly means: Means;
  readonly weather: Weather | undefined;
}

/** By ticket and by session ID, in both roles; the visits after the first lose datagrams. */
export function comebackCases(): Case[] {
  const plans: Plan[] = [openssl, gnutls, wolfssl, boringssl, mbedtls, nss].flatMap((peer) =>
    (['ticket', 'session id'] as const).flatMap((means) =>
      WEATHER.map((weather) => ({ peer, version: 'DTLSv1.2' as const, means, weather })),
    ),
  );
  plans.push({ peer: nss, version: 'DTLSv1.3', means: 'ticket', weather: undefined });
  return plans.flatMap((plan) => [
    comebackCase(plan, ours, plan.peer, weVisit),
    comebackCase(plan, plan.peer, ours, theyVisit),
  ]);
}

function comebackCase(
  plan: Plan,
  client: Peer,
  server: Peer,
  visit: (plan: Plan, pki: Pki) => Promise<readonly boolean[]>,
): Case {
  const { version, means, weather } = plan;
  const loss = weather === undefined ? '' : `, 25 % loss, seed ${weather.seed}`;
  return {
    name: `${client.name} client ↔ ${server.name} server, ${version}, resumed by ${means}${loss}`,
    kind: weather === undefined ? 'session' : 'loss',
    client,
    server,
    slow: weather !== undefined,
    timeout: 2 * VISITS * HANDSHAKE_MS,
    async run(pki, attempt) {
      // A program that sends a flight only three times may lose all of them: the second try has other losses.
      const other = weather && { ...weather, seed: weather.seed + 100 * attempt };
      const reused = await visit({ ...plan, weather: other }, pki);
      const [first, ...others] = reused;
      if (first !== false || others.length === 0 || others.includes(false))
        throw new Failure(`reused: ${reused.join()}`);
      return `resumed ${others.length} times`;
    },
  };
}

/**
 * Our client. A program that did not receive the end of a session stays in it: so only the last visit loses
 * datagrams.
 */
async function weVisit({ peer, version, means, weather }: Plan, pki: Pki): Promise<readonly boolean[]> {
  const server = await peer.startServer({
    version,
    host: HOST,
    pair: pki.servers.ECDSA,
    folder: pki.folder,
    tickets: means === 'ticket',
    sessions: VISITS,
  });
  const relay = await relayTo(server.port, weather);
  const reused: boolean[] = [];
  let kept: Uint8Array | undefined;
  let session: DTLSSession | undefined;
  try {
    for (let visit = 0; visit < VISITS; visit++) {
      const port = visit === VISITS - 1 ? (relay?.port ?? server.port) : server.port;
      session = connect(HOST, port, {
        ca: readFileSync(pki.ca),
        servername: SERVER_NAME,
        maxVersion: version,
        handshakeTimeout: HANDSHAKE_MS,
        retransmission: EAGER,
        session: kept,
      });
      session.onsession = (given) => {
        kept = given;
      };
      await session.opened;
      reused.push(session.reused && session.authorized);
      await echo(session, `ping ${visit}\n`);
      await session.close();
    }
    return reused;
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [server.log()]);
  } finally {
    session?.destroy();
    relay?.close();
    await server.stop();
  }
}

async function echo(session: DTLSSession, line: string): Promise<void> {
  let heard = '';
  session.onmessage = (message) => {
    heard += message.toString();
  };
  for (let waited = 0; !heard.includes(line.trim()); waited += REPEAT_MS) {
    if (waited > HANDSHAKE_MS / 2) throw new Failure('no echo');
    session.send(line);
    await sleep(REPEAT_MS);
  }
}

/** A program's client, which keeps its session in a file or returns by itself. */
async function theyVisit({ peer, version, means, weather }: Plan, pki: Pki): Promise<readonly boolean[]> {
  const reused: boolean[] = [];
  const { cert, key } = pki.servers.ECDSA;
  const endpoint = listen(
    (session) => {
      session.onmessage = (message) => session.send(message);
      session.onhandshake = () => reused.push(session.reused);
    },
    { host: HOST, port: 0, cert: readFileSync(cert), key: readFileSync(key), retransmission: EAGER },
  );
  const relay = await relayTo(endpoint.address?.port ?? 0, weather);
  const folder = mkdtempSync(join(pki.folder, 'session-'));
  try {
    // With timers that start at a second a program may use up its time on a lossy path, and tries once more.
    for (let given = 0; reused.length < 2; ) {
      const before = reused.length;
      const client = await peer.startClient({
        version,
        host: HOST,
        port: relay?.port ?? endpoint.address?.port ?? 0,
        ca: pki.ca,
        folder: pki.folder,
        name: SERVER_NAME,
        session: join(folder, 'session'),
        tickets: means === 'ticket',
        ...(peer === nss ? { sessions: 2 } : {}),
      });
      try {
        // gnutls-cli returns by itself, and so does our program for NSS when it should close.
        const expected = peer === gnutls || peer === nss ? 2 : reused.length + 1;
        if (!(await client.established(HANDSHAKE_MS))) {
          if (weather === undefined || ++given > 2) throw new Failure('no session', [client.log()]);
          // The server's last flight was lost: only the server counts that as a visit.
          reused.length = before;
          continue;
        }
        if (peer === nss) {
          await counted(reused, 1);
          client.close();
        }
        await counted(reused, expected);
        const { reused: theirs } = client.facts();
        if (theirs !== undefined && theirs !== reused.at(-1))
          throw new Failure(`the client says ${theirs ? '' : 'not '}resumed`, [client.log()]);
        client.close();
        await client.over(HANDSHAKE_MS);
      } finally {
        await client.stop();
      }
    }
    return reused;
  } finally {
    relay?.close();
    endpoint.destroy();
  }
}

async function counted(visits: readonly unknown[], expected: number): Promise<void> {
  for (let repeats = 0; visits.length < expected && repeats < 80; repeats++) await sleep(REPEAT_MS);
}

async function relayTo(port: number, weather: Weather | undefined): Promise<Relay | undefined> {
  return weather === undefined ? undefined : await Relay.start({ server: { host: HOST, port }, weather });
}
