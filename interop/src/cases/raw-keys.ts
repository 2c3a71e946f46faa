import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { gnutls } from '../peers/gnutls.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { within } from '../peers/program.js';
import { wolfssl } from '../peers/wolfssl.js';
import type { Pki } from '../pki.js';
import { Child } from '../process.js';
import type { Identity, Role, Version } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';

const HOST = '127.0.0.1';
const LINE = 'ping under a raw public key';
const START_MS = 10_000;
const ECHO_MS = 5_000;
const PRIORITY = ['--priority', 'NORMAL:-VERS-ALL:+VERS-DTLS1.2:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK'];
const WOLFSSL_PEER = fileURLToPath(new URL('../../../.cache/interop/bin/wolfssl-peer', import.meta.url));

/** The keys of a session's sides, each a file in PEM. */
interface Keys {
  readonly mine: string;
  readonly theirs: string;
}

/** How to start a foreign program, with its key and ours; GnuTLS accepts any of ours. */
interface Foreign {
  readonly peer: Peer;
  readonly version: Version;
  /** Of the server and of the client. */
  readonly rows: readonly (readonly [server: Identity, client: Identity])[];
  client(port: number, keys: Keys, pki: Pki): Child;
  server(port: number, keys: Keys, pki: Pki): Child;
  readonly listening: RegExp;
  /** Of its client, which may lose earlier input. */
  readonly established: RegExp;
  /** Its output when we refuse it. */
  readonly refused: RegExp;
}

const GNUTLS: Foreign = {
  peer: gnutls,
  version: 'DTLSv1.2',
  rows: [
    ['ECDSA', 'Ed25519'],
    ['RSA', 'ECDSA'],
    ['Ed25519', 'RSA'],
    ['P-384', 'P-384'],
  ],
  client: (port, { theirs }, pki) =>
    new Child('gnutls-cli', [
      ...['--udp', HOST, '--port', String(port), '--insecure', ...PRIORITY],
      ...['--rawpkkeyfile', theirs, '--rawpkfile', publicFile(pki, theirs, 'pem')],
    ]),
  server: (port, { theirs }, pki) =>
    new Child('gnutls-serv', [
      ...['--udp', '--echo', '--port', String(port), '--require-client-cert', ...PRIORITY],
      ...['--rawpkkeyfile', theirs, '--rawpkfile', publicFile(pki, theirs, 'pem')],
    ]),
  listening: /listening on IPv4.*done/,
  established: /Handshake was completed/,
  refused: /Received alert/,
};

const wolfsslOf = (version: Version): Foreign => {
  const start = (role: Role, port: number, { mine, theirs }: Keys, pki: Pki) =>
    new Child(WOLFSSL_PEER, [
      ...[role, '--host', HOST, '--port', String(port), '--version', version.slice('DTLSv'.length)],
      ...['--key', theirs, '--raw-own', publicFile(pki, theirs, 'der')],
      ...['--raw-peer', publicFile(pki, mine, 'der')],
    ]);
  return {
    peer: wolfssl,
    version,
    rows: [
      ['ECDSA', 'RSA'],
      ['RSA', 'ECDSA'],
      ['P-384', 'P-384'],
    ],
    client: (port, keys, pki) => start('client', port, keys, pki),
    server: (port, keys, pki) => start('server', port, keys, pki),
    listening: /^port=/m,
    established: /^established=yes$/m,
    refused: /^alert-received=/m,
  };
};

/** Raw public keys of both sides, and a wrong one. */
export function rawKeyCases(): Case[] {
  return [GNUTLS, wolfsslOf('DTLSv1.2'), wolfsslOf('DTLSv1.3')].flatMap((foreign) =>
    foreign.rows.flatMap(([server, client]) => [
      rawKeyCase(foreign, { client: foreign.peer, server: ours }, server, client),
      rawKeyCase(foreign, { client: ours, server: foreign.peer }, server, client),
    ]),
  );
}

function rawKeyCase(foreign: Foreign, pair: Pair, server: Identity, client: Identity): Case {
  const name = `${pairName(pair)}, ${foreign.version}, raw public keys, ${server} and ${client}`;
  const how = { kind: 'session', slow: false, timeout: 60_000 } as const;
  const isServer = pair.server === ours;
  const run = (pki: Pki): Promise<string> => {
    const [ofServer, ofClient] = [pki.servers[server].key, pki.clients[client].key];
    return isServer
      ? asServer(foreign, { mine: ofServer, theirs: ofClient }, pki)
      : asClient(foreign, { mine: ofClient, theirs: ofServer }, pki);
  };
  return { name, ...how, ...pair, run };
}

/** Their client: first one with another key, which is refused. */
async function asServer(foreign: Foreign, keys: Keys, pki: Pki): Promise<string> {
  const sessions: DTLSSession[] = [];
  const endpoint = listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (data) => session.send(data);
    },
    { ...raw(keys, foreign), host: HOST, port: 0, requestCert: true },
  );
  const port = endpoint.address?.port ?? 0;
  const other = foreign.client(port, { ...keys, theirs: keys.mine }, pki);
  const friend = foreign.client(port, keys, pki);
  try {
    if (!(await other.printed(foreign.refused, START_MS)))
      throw new Failure('another key was not refused', [other.output]);
    await friend.printed(foreign.established, START_MS);
    friend.write(`${LINE}\n`);
    if (!(await friend.printed(new RegExp(`^${LINE}$`, 'm'), ECHO_MS)))
      throw new Failure('no echo', [friend.output]);
    const session = sessions.find(({ authorized }) => authorized);
    if (session === undefined) throw new Failure('no session', [friend.output]);
    return proved(session, keys.theirs);
  } finally {
    await Promise.all([other.stop(), friend.stop()]);
    endpoint.destroy();
  }
}

/** Their server: for a client of ours that expects another key, and for one that expects this. */
async function asClient(foreign: Foreign, keys: Keys, pki: Pki): Promise<string> {
  await withServer(foreign, keys, pki, async (port) => {
    const { opened } = connect(HOST, port, raw({ ...keys, theirs: keys.mine }, foreign));
    const end = opened.then(
      () => 'a session',
      (error: unknown) => (error as { code?: string }).code,
    );
    if ((await end) !== 'ERR_DTLS_CERTIFICATE') throw new Failure('another key was not refused');
    return '';
  });
  return await withServer(foreign, keys, pki, async (port) => {
    const session = connect(HOST, port, raw(keys, foreign));
    try {
      await session.opened;
      const echo = new Promise<void>((resolve) => {
        session.onmessage = () => resolve();
      });
      session.send(`${LINE}\n`);
      if (!(await within(echo, ECHO_MS))) throw new Failure('no echo');
      return proved(session, keys.theirs);
    } finally {
      await session.close();
    }
  });
}

async function withServer(
  foreign: Foreign,
  keys: Keys,
  pki: Pki,
  work: (port: number) => Promise<string>,
): Promise<string> {
  const port = await freePort();
  const child = foreign.server(port, keys, pki);
  try {
    await child.printed(foreign.listening, START_MS);
    return await work(port);
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [child.output]);
  } finally {
    await child.stop();
  }
}

/** Our key, and theirs as the only trusted one; neither side has a certificate. */
function raw({ mine, theirs }: Keys, { version }: Foreign) {
  const types = ['RawPublicKey'] as const;
  const pin = createHash('sha256')
    .update(spki(publicKey(theirs)))
    .digest('hex');
  const pins = [`spki-sha256:${pin}`];
  const versions = { minVersion: version, maxVersion: version };
  return { key: readFileSync(mine), certificateTypes: types, peerCertificateTypes: types, pins, ...versions };
}

/** Each side needs its own public key, or the other's, in a file. */
function publicFile({ folder }: Pki, key: string, format: 'pem' | 'der'): string {
  const file = join(folder, `raw-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.${format}`);
  // Another case may have a program that reads it at this moment.
  if (existsSync(file)) return file;
  const made = publicKey(key);
  writeFileSync(file, format === 'der' ? spki(made) : made.export({ type: 'spki', format }));
  return file;
}

function publicKey(file: string): KeyObject {
  return createPublicKey(readFileSync(file));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function proved({ authorized, peerPublicKey, signatureScheme }: DTLSSession, key: string): string {
  if (!authorized || peerPublicKey?.equals(publicKey(key)) !== true)
    throw new Failure('the key is not that of the other side');
  return signatureScheme ?? '';
}
