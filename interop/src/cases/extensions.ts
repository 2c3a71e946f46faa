import { readFileSync } from 'node:fs';
import { connect, type DTLSSession, listen } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { gnutls } from '../peers/gnutls.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import { within } from '../peers/program.js';
import { type Pki, SERVER_NAME } from '../pki.js';
import { Child } from '../process.js';
import { capture } from '../text.js';
import type { Role } from '../vocabulary.js';
import { type Case, pairName } from './case.js';

const START_MS = 10_000;
const HOST = '127.0.0.1';
const ALPN = 'mqtt';
const SRTP = 'SRTP_AES128_CM_SHA1_80';
const LABEL = 'EXTRACTOR-dtls_srtp';
/** Two keys of 16 and two salts of 14 bytes (RFC 5764 §4.2). */
const KEYING = 60;

/** A program's output about a session. */
interface Told {
  readonly alpn: string | undefined;
  readonly srtp: string | undefined;
  /** Hex, where the program exports keys. */
  readonly keys: string | undefined;
}

/** How to start a foreign program with both extensions and its own certificate, and how to read it. */
interface Tool {
  readonly peer: Case['client'];
  server(port: number, pki: Pki): Child;
  client(port: number, pki: Pki): Child;
  readonly serving: RegExp;
  /** The end of its report in each role; gnutls-serv reports nothing about an echo server's sessions. */
  readonly tells: Readonly<Record<Role, RegExp | undefined>>;
  read(output: string): Told;
}

const OPENSSL_OPTIONS = [
  ...['-dtls1_2', '-use_srtp', SRTP, '-keymatexport', LABEL, '-keymatexportlen', String(KEYING)],
  ...['-timeout', '-alpn'],
];

const opensslTool: Tool = {
  peer: openssl,
  server: (port, { servers, ca }) =>
    new Child('openssl', [
      ...['s_server', ...OPENSSL_OPTIONS, `coap,${ALPN}`, '-accept', `${HOST}:${port}`],
      ...['-cert', servers.ECDSA.cert, '-key', servers.ECDSA.key, '-Verify', '1', '-CAfile', ca],
    ]),
  client: (port, { clients, ca }) =>
    new Child('openssl', [
      ...['s_client', ...OPENSSL_OPTIONS, `http/1.1,${ALPN}`, '-connect', `${HOST}:${port}`],
      ...['-cert', clients.ECDSA.cert, '-key', clients.ECDSA.key, '-CAfile', ca],
    ]),
  serving: /^ACCEPT/m,
  tells: { client: /Keying material: \S+\s/, server: /Keying material: \S+\s/ },
  read: (output) => ({
    alpn: capture(output, /^ALPN protocols? ?(?:selected)?: (\S+)/m),
    srtp: capture(output, /SRTP Extension negotiated, profile=(\S+)/),
    keys: capture(output, /Keying material: ([0-9A-F]+)/)?.toLowerCase(),
  }),
};

const gnutlsTool: Tool = {
  peer: gnutls,
  server: (port, { servers, ca }) =>
    new Child('gnutls-serv', [
      ...['--udp', '--echo', '--port', String(port), '--alpn', ALPN],
      ...['--srtp-profiles', 'SRTP_AES128_CM_HMAC_SHA1_80', '--require-client-cert', '--verify-client-cert'],
      ...['--x509cafile', ca, '--x509certfile', servers.ECDSA.cert, '--x509keyfile', servers.ECDSA.key],
    ]),
  client: (port, { clients, ca }) =>
    new Child('gnutls-cli', [
      ...['--udp', HOST, '--port', String(port), '--alpn', ALPN, '--verify-hostname', SERVER_NAME],
      ...['--srtp-profiles', 'SRTP_AES128_CM_HMAC_SHA1_80', '--x509cafile', ca],
      ...['--x509certfile', clients.ECDSA.cert, '--x509keyfile', clients.ECDSA.key],
    ]),
  serving: /listening on IPv6 .*done/,
  tells: { client: /SRTP profile: \S+\s/, server: undefined },
  read: (output) => ({
    alpn: capture(output, /Application protocol: (\S+)/),
    srtp: capture(output, /SRTP profile: (\S+)/)?.replace('_HMAC', ''),
    keys: undefined,
  }),
};

/** ALPN, SRTP with its keys, and certificates of both sides, in DTLS 1.2. */
export function extensionCases(): Case[] {
  return [opensslTool, gnutlsTool].flatMap((tool) => [
    extensionCase({ client: tool.peer, server: ours }, (pki) => asServer(tool, pki)),
    extensionCase({ client: ours, server: tool.peer }, (pki) => asClient(tool, pki)),
  ]);
}

function extensionCase(pair: Pick<Case, 'client' | 'server'>, run: Case['run']): Case {
  const name = `${pairName(pair)}, ALPN, SRTP with equal keys, mutual certificates`;
  return { name, kind: 'session', ...pair, slow: false, timeout: 30_000, run };
}

async function asServer(tool: Tool, pki: Pki): Promise<string> {
  let accept: (session: DTLSSession) => void;
  const accepted = new Promise<DTLSSession>((resolve) => {
    accept = resolve;
  });
  const endpoint = listen((session) => accept(session), {
    ...{ host: HOST, port: 0, ...common(), ...pem(pki.servers.ECDSA) },
    ...{ requestCert: true, ca: readFileSync(pki.ca) },
  });
  const child = tool.client(endpoint.address?.port ?? 0, pki);
  try {
    return await compare(tool, 'client', child, accepted);
  } finally {
    await child.stop();
    endpoint.destroy();
  }
}

async function asClient(tool: Tool, pki: Pki): Promise<string> {
  const port = await freePort();
  const child = tool.server(port, pki);
  await child.printed(tool.serving, START_MS);
  const session = connect(HOST, port, {
    ...{ ...common(), ...pem(pki.clients.ECDSA), ca: readFileSync(pki.ca), servername: SERVER_NAME },
  });
  try {
    return await compare(tool, 'server', child, Promise.resolve(session));
  } finally {
    session.destroy();
    await child.stop();
  }
}

function common() {
  return { maxVersion: 'DTLSv1.2', alpn: [ALPN, 'other'], srtp: `${SRTP}:SRTP_AEAD_AES_128_GCM` } as const;
}

function pem({ cert, key }: { readonly cert: string; readonly key: string }) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** Our view of the session and the program's must be the same. */
async function compare(tool: Tool, role: Role, child: Child, started: Promise<DTLSSession>): Promise<string> {
  let session: DTLSSession | undefined;
  const opened = started.then(async (found) => {
    await found.opened;
    session = found;
  });
  await within(opened, START_MS);
  if (session === undefined) throw new Failure('no session', [child.output]);
  const known = {
    alpn: session.alpnProtocol,
    srtp: session.srtpProfile,
    keys: Buffer.from(session.exportKeyingMaterial(KEYING, LABEL)).toString('hex'),
  };
  const { authorized } = session;
  const tells = tool.tells[role];
  if (tells !== undefined) await child.printed(tells, START_MS);
  const told = tells === undefined ? { ...known, keys: undefined } : tool.read(child.output);
  const expected = known.alpn === ALPN && known.srtp === SRTP && authorized;
  const equal = told.alpn === ALPN && told.srtp === SRTP && (told.keys ?? known.keys) === known.keys;
  if (!expected || !equal)
    throw new Failure(`we have ${JSON.stringify(known)}, it has ${JSON.stringify(told)}`, [child.output]);
  return told.keys === undefined ? `${ALPN}, ${SRTP}` : `${ALPN}, ${SRTP}, equal keys`;
}
