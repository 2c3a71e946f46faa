import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { gnutls } from '../peers/gnutls.js';
import { ours } from '../peers/ours.js';
import { within } from '../peers/program.js';
import type { Pki } from '../pki.js';
import { Child } from '../process.js';
import type { Identity } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';

const HOST = '127.0.0.1';
const LINE = 'ping under a raw public key';
const START_MS = 10_000;
const ECHO_MS = 5_000;
const PRIORITY = ['--priority', 'NORMAL:-VERS-ALL:+VERS-DTLS1.2:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK'];
const ROWS: readonly (readonly [server: Identity, client: Identity])[] = [
  ['ECDSA', 'Ed25519'],
  ['RSA', 'ECDSA'],
  ['Ed25519', 'RSA'],
  ['P-384', 'P-384'],
];

/** Raw public keys of both sides, which GnuTLS has in DTLS 1.2, and what becomes of a wrong one. */
export function rawKeyCases(): Case[] {
  return ROWS.flatMap(([server, client]) => [
    rawKeyCase({ client: gnutls, server: ours }, server, client, asServer),
    rawKeyCase({ client: ours, server: gnutls }, server, client, asClient),
  ]);
}

type Run = (pki: Pki, server: Identity, client: Identity) => Promise<string>;

function rawKeyCase(pair: Pair, server: Identity, client: Identity, run: Run): Case {
  const name = `${pairName(pair)}, raw public keys, ${server} and ${client}`;
  const how = { kind: 'session', slow: false, timeout: 40_000 } as const;
  return { name, ...how, ...pair, run: (pki) => run(pki, server, client) };
}

/** Their client: one with another key first, which is refused. */
async function asServer(pki: Pki, serverType: Identity, clientType: Identity): Promise<string> {
  const mine = pki.servers[serverType].key;
  const theirs = pki.clients[clientType].key;
  const sessions: DTLSSession[] = [];
  const endpoint = listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (data) => session.send(data);
    },
    { ...raw(mine, theirs), host: HOST, port: 0, requestCert: true },
  );
  const client = (key: string) =>
    new Child('gnutls-cli', [
      ...['--udp', HOST, '--port', String(endpoint.address?.port ?? 0), '--insecure', ...PRIORITY],
      ...rawFlags(pki, key),
    ]);
  const stranger = client(mine);
  const friend = client(theirs);
  try {
    if (!(await stranger.printed(/Received alert/, START_MS)))
      throw new Failure('another key was not refused', [stranger.output]);
    friend.write(`${LINE}\n`);
    if (!(await friend.printed(new RegExp(`^${LINE}$`, 'm'), ECHO_MS)))
      throw new Failure('no echo', [friend.output]);
    const session = sessions.find(({ authorized }) => authorized);
    if (session === undefined) throw new Failure('no session', [friend.output]);
    return proved(session, theirs);
  } finally {
    await Promise.all([stranger.stop(), friend.stop()]);
    endpoint.destroy();
  }
}

/** Their server, for one of our clients that expects another key, and for one that expects this. */
async function asClient(pki: Pki, serverType: Identity, clientType: Identity): Promise<string> {
  const mine = pki.clients[clientType].key;
  const theirs = pki.servers[serverType].key;
  const port = await freePort();
  const child = new Child('gnutls-serv', [
    ...['--udp', '--echo', '--port', String(port), '--require-client-cert', ...PRIORITY],
    ...rawFlags(pki, theirs),
  ]);
  await child.printed(/listening on IPv4.*done/, START_MS);
  try {
    const stranger = connect(HOST, port, raw(mine, mine));
    const refused = stranger.opened.then(
      () => 'a session',
      (error: unknown) => (error as { code?: string }).code,
    );
    if ((await refused) !== 'ERR_DTLS_CERTIFICATE') throw new Failure('another key was not refused');
    const session = connect(HOST, port, raw(mine, theirs));
    await session.opened;
    const echo = new Promise<void>((resolve) => {
      session.onmessage = () => resolve();
    });
    session.send(`${LINE}\n`);
    if (!(await within(echo, ECHO_MS))) throw new Failure('no echo');
    const told = proved(session, theirs);
    await session.close();
    return told;
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), [child.output]);
  } finally {
    await child.stop();
  }
}

/** Our key, and theirs as the only one to trust; neither side has a certificate. */
function raw(mine: string, theirs: string) {
  const types = ['RawPublicKey'] as const;
  const pin = createHash('sha256')
    .update(spki(publicKey(theirs)))
    .digest('hex');
  const pins = [`spki-sha256:${pin}`];
  return { key: readFileSync(mine), certificateTypes: types, peerCertificateTypes: types, pins };
}

function rawFlags({ folder }: Pki, key: string): string[] {
  const file = join(folder, `raw-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.pem`);
  writeFileSync(file, publicKey(key).export({ type: 'spki', format: 'pem' }));
  return ['--rawpkkeyfile', key, '--rawpkfile', file];
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
