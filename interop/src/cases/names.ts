import { readFileSync } from 'node:fs';
import { connect, type DTLSEndpoint, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { boringssl } from '../peers/boringssl.js';
import { gnutls } from '../peers/gnutls.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer, Side } from '../peers/peer.js';
import { pion3 } from '../peers/pion.js';
import { within } from '../peers/program.js';
import { wolfssl } from '../peers/wolfssl.js';
import { type KeyPair, NAMES, type Pki, WRONG_NAME } from '../pki.js';
import { Child } from '../process.js';
import type { Version } from '../vocabulary.js';
import { type Case, pairName } from './case.js';

const HOST = '127.0.0.1';
const START_MS = 10_000;
const ECHO_MS = 5000;
/** RFC 6066 §3 requires this answer of a server. From OpenSSL, with `-servername`, pion does not accept it either. */
const SILENT = 'pion drops a ServerHello that says its name was heard';
/** A client that does not believe a plaintext alert at once may take its time. */
const REFUSAL_MS = 15_000;

const CLIENTS: readonly (readonly [Peer, readonly Version[]])[] = [
  [openssl, ['DTLSv1.2']],
  [gnutls, ['DTLSv1.2']],
  [nss, ['DTLSv1.2', 'DTLSv1.3']],
  [wolfssl, ['DTLSv1.2', 'DTLSv1.3']],
  [boringssl, ['DTLSv1.2', 'DTLSv1.3']],
  [pion3, ['DTLSv1.2']],
];

/**
 * Foreign clients that ask one server of ours for its names, and our client that asks OpenSSL's. Each name has its
 * own certificate, and the client checks it.
 */
export function nameCases(): Case[] {
  return [
    ...CLIENTS.flatMap(([client, versions]) => versions.map((version) => nameCase(client, version))),
    ourClientCase(),
  ];
}

function ourClientCase(): Case {
  const pair = { client: ours, server: openssl };
  return {
    ...{ name: `${pairName(pair)}, DTLSv1.2, two names and a wrong one`, kind: 'session', ...pair },
    ...{ slow: false, timeout: 2 * (START_MS + ECHO_MS) + REFUSAL_MS },
    run: async (pki) => await ask(pki),
  };
}

/**
 * s_server has one certificate for the name that it is given, and another for all others, about which it only warns.
 */
async function ask({ named, ca }: Pki): Promise<string> {
  const [known, other] = NAMES;
  const port = await freePort();
  const child = new Child('openssl', [
    ...['s_server', '-dtls1_2', '-accept', `${HOST}:${port}`, '-servername', known],
    ...['-cert2', named[known].cert, '-key2', named[known].key],
    ...['-cert', named[other].cert, '-key', named[other].key],
  ]);
  try {
    await child.printed(/^ACCEPT/m, START_MS);
    for (const name of NAMES) {
      const outcome = await askFor(name, port, ca);
      if (outcome !== 'open') throw new Failure(`${name}: ${outcome}`, [child.output]);
    }
    const outcome = await askFor(WRONG_NAME, port, ca);
    if (outcome !== 'ERR_DTLS_CERTIFICATE') throw new Failure(`${WRONG_NAME}: ${outcome}`, [child.output]);
    if (!child.output.includes('Switching server context'))
      throw new Failure('no client asked for a name', [child.output]);
    return `${NAMES.join(' and ')} show their certificates, ${WRONG_NAME} has none`;
  } finally {
    await child.stop();
  }
}

async function askFor(servername: string, port: number, ca: string): Promise<string> {
  const session = connect(HOST, port, { ca: readFileSync(ca), servername, maxVersion: 'DTLSv1.2' });
  try {
    return await session.opened.then(
      () => 'open',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
  } finally {
    await session.close();
  }
}

function nameCase(client: Peer, version: Version): Case {
  const pair = { client, server: ours };
  return {
    ...{ name: `${pairName(pair)}, ${version}, two names and a wrong one`, kind: 'session', ...pair },
    impossible: client === pion3 ? SILENT : undefined,
    ...{ slow: false, timeout: 2 * (START_MS + ECHO_MS) + REFUSAL_MS },
    run: async (pki) => await run(client, version, pki),
  };
}

async function run(client: Peer, version: Version, pki: Pki): Promise<string> {
  const server = serve(pki.named);
  const start = (name: string): Promise<Side> =>
    client.startClient({ version, folder: pki.folder, host: HOST, port: server.port, ca: pki.ca, name });
  try {
    for (const name of NAMES) await served(await start(name), name, server);
    await refused(await start(WRONG_NAME), server);
    return `${NAMES.join(' and ')} have their certificates, ${WRONG_NAME} is refused`;
  } finally {
    server.endpoint.destroy();
  }
}

async function served(side: Side, name: string, server: Server): Promise<void> {
  const line = `ping ${name}`;
  try {
    if (!(await side.established(START_MS))) throw new Failure(`no session for ${name}`, [side.log()]);
    side.send(line);
    if (!(await side.inbox.has(line, ECHO_MS))) throw new Failure(`no echo from ${name}`, [side.log()]);
    const asked = server.sessions.at(-1)?.servername;
    if (asked !== name) throw new Failure(`${name} is ${asked ?? 'no name'} to the server`, [side.log()]);
  } finally {
    await side.stop();
  }
}

async function refused(side: Side, server: Server): Promise<void> {
  try {
    if (
      !(await within(server.refused, REFUSAL_MS)) ||
      (await server.refused) !== 'ERR_DTLS_UNRECOGNIZED_NAME'
    )
      throw new Failure(`${WRONG_NAME} is not refused`, [side.log()]);
    await side.over(REFUSAL_MS);
    const { established, alertsReceived } = side.facts();
    if (established || alertsReceived.some((alert) => alert !== 'unrecognized_name'))
      throw new Failure(`the client took it for ${alertsReceived.join()}`, [side.log()]);
  } finally {
    await side.stop();
  }
}

interface Server {
  readonly endpoint: DTLSEndpoint;
  readonly port: number;
  readonly sessions: readonly DTLSSession[];
  /** The code of the first handshake that failed. */
  readonly refused: Promise<string>;
}

/** Echoes each line. It has only the certificates of its names. */
function serve(named: Pki['named']): Server {
  const sessions: DTLSSession[] = [];
  let onRefused: (code: string) => void;
  const refused = new Promise<string>((resolve) => {
    onRefused = resolve;
  });
  const onsession = (session: DTLSSession): void => {
    sessions.push(session);
    session.onmessage = (data) => void session.send(data);
    session.opened.catch((error: unknown) => onRefused((error as { code?: string }).code ?? String(error)));
  };
  const identity = ({ cert, key }: KeyPair) => ({ cert: readFileSync(cert), key: readFileSync(key) });
  const sni = Object.fromEntries(NAMES.map((name) => [name, identity(named[name])]));
  const endpoint = listen(onsession, { host: HOST, port: 0, sni });
  return { endpoint, port: endpoint.address?.port ?? 0, sessions, refused };
}
