import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { gnutls } from '../peers/gnutls.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { within } from '../peers/program.js';
import type { Pki } from '../pki.js';
import { Child } from '../process.js';
import type { Version } from '../vocabulary.js';
import type { Case } from './case.js';

const NSS_PEER = fileURLToPath(new URL('../../../.cache/interop/bin/nss-peer', import.meta.url));
const IDENTITY = 'sensor-1';
const KEY = '000102030405060708090a0b0c0d0e0f';
const HOST = '127.0.0.1';
const LINE = 'ping with a shared key';
const START_MS = 10_000;
const ECHO_MS = 12_000;
const REFUSAL_MS = 20_000;

/** One suite by OpenSSL's name, and in DTLS 1.2 the priorities by which GnuTLS has it alone. */
interface Row {
  readonly version: Version;
  readonly suite: string;
  readonly gnutls: string;
}

const ROWS12: readonly Row[] = [
  { version: 'DTLSv1.2', suite: 'PSK-AES128-GCM-SHA256', gnutls: '+PSK:-CIPHER-ALL:+AES-128-GCM' },
  { version: 'DTLSv1.2', suite: 'PSK-AES256-GCM-SHA384', gnutls: '+PSK:-CIPHER-ALL:+AES-256-GCM' },
  { version: 'DTLSv1.2', suite: 'PSK-CHACHA20-POLY1305', gnutls: '+PSK:-CIPHER-ALL:+CHACHA20-POLY1305' },
  { version: 'DTLSv1.2', suite: 'PSK-AES128-CCM', gnutls: '+PSK:-CIPHER-ALL:+AES-128-CCM' },
  { version: 'DTLSv1.2', suite: 'PSK-AES256-CCM', gnutls: '+PSK:-CIPHER-ALL:+AES-256-CCM' },
  { version: 'DTLSv1.2', suite: 'PSK-AES128-CCM8', gnutls: '+PSK:-CIPHER-ALL:+AES-128-CCM-8' },
  { version: 'DTLSv1.2', suite: 'PSK-AES256-CCM8', gnutls: '+PSK:-CIPHER-ALL:+AES-256-CCM-8' },
  {
    version: 'DTLSv1.2',
    suite: 'ECDHE-PSK-CHACHA20-POLY1305',
    gnutls: '+ECDHE-PSK:-CIPHER-ALL:+CHACHA20-POLY1305',
  },
];

const ROWS13: readonly Row[] = [
  { version: 'DTLSv1.3', suite: 'TLS_AES_128_GCM_SHA256', gnutls: '' },
  { version: 'DTLSv1.3', suite: 'TLS_CHACHA20_POLY1305_SHA256', gnutls: '' },
];

/** How to start a foreign program for one row. */
interface Foreign {
  readonly peer: Peer;
  readonly rows: readonly Row[];
  client(row: Row, port: number, key: string): Child;
  /** Echoes lines by itself; else its output is sent back to it. */
  readonly echoes: boolean;
  server(row: Row, port: number, pki: Pki): Child;
  readonly listening: RegExp;
}

const OPENSSL: Foreign = {
  peer: openssl,
  rows: ROWS12,
  client: ({ suite }, port, key) =>
    new Child('openssl', [
      ...['s_client', '-dtls1_2', '-quiet', '-nocommands', '-connect', `${HOST}:${port}`],
      ...['-psk', key, '-psk_identity', IDENTITY, '-cipher', `${suite}:@SECLEVEL=0`],
    ]),
  echoes: false,
  server: ({ suite }, port) =>
    new Child('openssl', [
      ...['s_server', '-dtls1_2', '-nocert', '-accept', `${HOST}:${port}`],
      ...['-psk', KEY, '-psk_identity', IDENTITY, '-psk_hint', 'a hint', '-cipher', `${suite}:@SECLEVEL=0`],
    ]),
  listening: /^ACCEPT/m,
};

const GNUTLS: Foreign = {
  peer: gnutls,
  rows: ROWS12,
  client: (row, port, key) =>
    new Child('gnutls-cli', [
      ...['--udp', HOST, '--port', String(port), '--priority', priority(row)],
      ...['--pskusername', IDENTITY, '--pskkey', key],
    ]),
  echoes: true,
  server: (row, port) =>
    new Child('gnutls-serv', [
      ...['--udp', '--echo', '--port', String(port), '--priority', priority(row)],
      ...['--pskpasswd', passwordFile()],
    ]),
  listening: /listening on IPv4.*done/,
};

/** NSS wants a certificate of a server even when it will not be used. */
const NSS: Foreign = {
  peer: nss,
  rows: ROWS13,
  client: ({ suite }, port, key) =>
    new Child(NSS_PEER, [
      ...['client', '--host', HOST, '--port', String(port), '--version', '1.3', '--suites', suite],
      ...['--groups', 'secp256r1,x25519', '--name', 'localhost', '--psk', `${IDENTITY}:${key}`],
    ]),
  echoes: true,
  server: ({ suite }, port, { servers: { ECDSA } }) =>
    new Child(NSS_PEER, [
      ...['server', '--host', HOST, '--port', String(port), '--version', '1.3', '--suites', suite],
      ...['--groups', 'secp256r1', '--cookie', 'yes', '--cert', ECDSA.cert, '--key', ECDSA.key],
      ...['--psk', `${IDENTITY}:${KEY}`],
    ]),
  listening: /^port=/m,
};

/** Every suite in both roles, and what becomes of a wrong key and of an unknown identity. */
export function pskCases(): Case[] {
  return [OPENSSL, GNUTLS, NSS].flatMap((foreign) => [
    ...foreign.rows.flatMap((row) => [clientCase(foreign, row), serverCase(foreign, row)]),
    refusalCase(foreign, 'a wrong key', KEY.replace('00', 'ff'), 'ERR_DTLS_PSK_MISMATCH'),
    refusalCase(foreign, 'an unknown identity', KEY, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY'),
  ]);
}

function priority({ gnutls: list }: Row): string {
  return `NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:${list}`;
}

function passwordFile(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'interop-psk-')), 'keys');
  writeFileSync(file, `${IDENTITY}:${KEY}\n`);
  return file;
}

/** GnuTLS 3.7's command ends so when it prints what was negotiated, against gnutls-serv as well as against us. */
const CRASH = 'gnutls-cli crashes after every ECDHE-PSK handshake';

/** Their client, our server. */
function clientCase(foreign: Foreign, row: Row): Case {
  const run = async (): Promise<string> => {
    const server = serve({ [IDENTITY]: Buffer.from(KEY, 'hex') }, row);
    const child = foreign.client(row, server.port, KEY);
    try {
      const session = await server.opened;
      child.write(`${LINE}\n`);
      if (!(await child.printed(new RegExp(`echo ${LINE}`), ECHO_MS)))
        throw new Failure('no echo', [child.output]);
      return `${checked(session, row)}, identity ${session.pskIdentity ?? ''}`;
    } catch (error) {
      throw new Failure(error instanceof Error ? error.message : String(error), [child.output]);
    } finally {
      await child.stop();
      await server.close();
    }
  };
  return {
    ...SHAPE,
    impossible: foreign === GNUTLS && row.suite.startsWith('ECDHE') ? CRASH : undefined,
    name: `${foreign.peer.name} client ↔ our server, PSK, ${row.suite}`,
    client: foreign.peer,
    server: ours,
    run,
  };
}

/** Our client, their server. */
function serverCase(foreign: Foreign, row: Row): Case {
  const run = async (pki: Pki): Promise<string> => {
    const port = await freePort();
    const child = foreign.server(row, port, pki);
    if (!foreign.echoes) child.onLine((line) => line.startsWith('ping') && child.write(`${line}\n`));
    try {
      await child.printed(foreign.listening, START_MS);
      return await talk(port, row);
    } catch (error) {
      throw new Failure(error instanceof Error ? error.message : String(error), [child.output]);
    } finally {
      await child.stop();
    }
  };
  return {
    ...SHAPE,
    name: `our client ↔ ${foreign.peer.name} server, PSK, ${row.suite}`,
    client: ours,
    server: foreign.peer,
    run,
  };
}

function refusalCase(foreign: Foreign, what: string, key: string, code: string): Case {
  const row = foreign.rows[0] as Row;
  const known = code === 'ERR_DTLS_PSK_MISMATCH' ? IDENTITY : 'somebody else';
  const run = async (): Promise<string> => {
    const server = serve({ [known]: Buffer.from(KEY, 'hex') }, row);
    const child = foreign.client(row, server.port, key);
    try {
      const reason = await Promise.race([server.failed, server.opened.then(() => 'a session')]);
      if (reason !== code) throw new Failure(`expected ${code}, got ${reason}`, [child.output]);
      return reason;
    } finally {
      await child.stop();
      await server.close();
    }
  };
  return {
    ...SHAPE,
    kind: 'refusal',
    name: `${foreign.peer.name} client ↔ our server, PSK, ${what}`,
    client: foreign.peer,
    server: ours,
    run,
  };
}

const SHAPE = { kind: 'session', slow: false, timeout: ECHO_MS + REFUSAL_MS } as const;

interface Server {
  readonly port: number;
  readonly opened: Promise<DTLSSession>;
  /** The code that the first session failed with. */
  readonly failed: Promise<string>;
  close(): Promise<void>;
}

function serve(psk: Record<string, Buffer>, row: Row): Server {
  let onOpen: (session: DTLSSession) => void;
  let onFailure: (code: string) => void;
  const opened = new Promise<DTLSSession>((resolve) => {
    onOpen = resolve;
  });
  const failed = new Promise<string>((resolve) => {
    onFailure = resolve;
  });
  const endpoint = listen(
    (session) => {
      session.onmessage = (data) => session.send(`echo ${Buffer.from(data).toString()}`);
      session.opened.then(
        () => onOpen(session),
        (error: unknown) => onFailure((error as { code?: string }).code ?? String(error)),
      );
    },
    { host: HOST, port: 0, psk, ciphers: row.suite, minVersion: row.version, maxVersion: row.version },
  );
  return { port: endpoint.address?.port ?? 0, opened, failed, close: async () => await endpoint.close() };
}

async function talk(port: number, row: Row): Promise<string> {
  const psk = { identity: IDENTITY, key: Buffer.from(KEY, 'hex') };
  const session = connect(HOST, port, {
    psk,
    ciphers: row.suite,
    minVersion: row.version,
    maxVersion: row.version,
  });
  await session.opened;
  const echo = new Promise<void>((resolve) => {
    session.onmessage = () => resolve();
  });
  session.send(`${LINE}\n`);
  if (!(await within(echo, ECHO_MS))) throw new Failure('no echo');
  const told = checked(session, row);
  await session.close();
  return told;
}

/** The suite that was asked for is the one in use. */
function checked(session: DTLSSession, { suite }: Row): string {
  if (session.cipher?.name !== suite) throw new Failure(`the suite is ${session.cipher?.name ?? 'unknown'}`);
  return `${suite} ${session.group ?? 'without key exchange'}`;
}
