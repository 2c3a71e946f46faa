import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type DTLSSession, type ListenOptions, listen, type SchemeName } from 'datagram-tls';
import { Failure } from '../exchange.js';
import { freePort } from '../net/ports.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import { within } from '../peers/program.js';
import { type KeyPair, type Pki, SERVER_NAME } from '../pki.js';
import { Child, run } from '../process.js';
import { type Case, type Pair, pairName } from './case.js';

const HOST = '127.0.0.1';
const START_MS = 10_000;
const END_MS = 8_000;

const ECDSA = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'] as const;
const RSAE = ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'] as const;
const PKCS1 = ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'] as const;
const PSS = ['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'] as const;
const SCHEMES: readonly SchemeName[] = [...ECDSA, 'ed25519', 'ed448', ...RSAE, ...PSS, ...PKCS1];

/** A type of key, how OpenSSL makes one, and its signature schemes. */
interface KeyRow {
  readonly name: string;
  readonly make: readonly string[];
  readonly in12: readonly SchemeName[];
  readonly in13: readonly SchemeName[];
}

const ROWS: readonly KeyRow[] = [
  row('RSA', ['RSA', 'rsa_keygen_bits:2048'], [...RSAE, ...PKCS1], RSAE),
  row('RSA-PSS', ['RSA-PSS', 'rsa_keygen_bits:2048'], PSS),
  ...(['sha256', 'sha384'] as const).map((hash, i) =>
    row(
      `RSA-PSS for ${hash}`,
      ['RSA-PSS', 'rsa_keygen_bits:2048', `rsa_pss_keygen_md:${hash}`, `rsa_pss_keygen_mgf1_md:${hash}`],
      PSS.slice(i, i + 1),
    ),
  ),
  ...(['P-256', 'P-384', 'P-521'] as const).map((curve, i) =>
    row(curve, ['EC', `ec_paramgen_curve:${curve}`], ECDSA, ECDSA.slice(i, i + 1)),
  ),
  row('Ed25519', ['ED25519'], ['ed25519']),
  row('Ed448', ['ED448'], ['ed448']),
];

function row(
  name: string,
  [algorithm = '', ...options]: readonly string[],
  in12: readonly SchemeName[],
  in13: readonly SchemeName[] = in12,
): KeyRow {
  const make = ['-algorithm', algorithm, ...options.flatMap((option) => ['-pkeyopt', option])];
  return { name, make, in12, in13 };
}

/**
 * Every type of key of ours as server and as client, with an OpenSSL that accepts one scheme in DTLS 1.2 and, for
 * matching pairs, with NSS in DTLS 1.3; and OpenSSL's keys, where our side accepts one scheme.
 */
export function keyTableCases(): Case[] {
  return ROWS.flatMap((key) => [
    ...SCHEMES.flatMap((scheme) => [ourServer12(key, scheme), ourClient12(key, scheme)]),
    ...key.in12.flatMap((scheme) => [theirServer12(key, scheme), theirClient12(key, scheme)]),
    ...key.in13.flatMap((scheme) => [ourServer13(key, scheme), ourClient13(key, scheme)]),
  ]);
}

const OUR_SERVER: Pair = { client: openssl, server: ours };
const OUR_CLIENT: Pair = { client: ours, server: openssl };

function ourServer12(key: KeyRow, scheme: SchemeName): Case {
  return cell(OUR_SERVER, `server key ${key.name}`, scheme, key.in12, undefined, async (pki) => {
    const { endpoint, port, outcome } = serve({ ...pem(await pairOf(pki, key)), ...GROUPS12 });
    const child = sClient(port, ['-sigalgs', scheme]);
    return await finish(outcome, [child], () => endpoint.destroy());
  });
}

function ourClient12(key: KeyRow, scheme: SchemeName): Case {
  return cell(OUR_CLIENT, `client key ${key.name}`, scheme, key.in12, undefined, async (pki) => {
    const { child, port } = await sServer(pki.servers.ECDSA, ['-Verify', '1', '-client_sigalgs', scheme]);
    const outcome = enter(port, { ...pem(await pairOf(pki, key)), ca: readFileSync(pki.ca), ...GROUPS12 });
    return await finish(outcome, [child]);
  });
}

function theirServer12(key: KeyRow, scheme: SchemeName): Case {
  const name = `their server key ${key.name}`;
  return cell(OUR_CLIENT, name, scheme, key.in12, notServed(key), async (pki) => {
    const { child, port } = await sServer(await pairOf(pki, key), []);
    const outcome = enter(port, { ca: readFileSync(pki.ca), sigalgs: [scheme], ...GROUPS12 });
    return await finish(outcome, [child]);
  });
}

function theirClient12(key: KeyRow, scheme: SchemeName): Case {
  const name = `their client key ${key.name}`;
  return cell(OUR_SERVER, name, scheme, key.in12, undefined, async (pki) => {
    const { cert, key: file } = await pairOf(pki, key);
    // Our own key must use a scheme that theirs cannot.
    const isEc = key.make.includes('EC');
    const mine = isEc ? pki.servers.RSA : pki.servers.ECDSA;
    const own: SchemeName = isEc ? 'rsa_pss_rsae_sha256' : 'ecdsa_secp256r1_sha256';
    const trust = { requestCert: true, ca: readFileSync(pki.ca) };
    const { endpoint, port, outcome } = serve({
      ...pem(mine),
      ...trust,
      ...GROUPS12,
      sigalgs: [scheme, own],
    });
    const child = sClient(port, ['-cert', cert, '-key', file]);
    return await finish(outcome, [child], () => endpoint.destroy());
  });
}

/** OpenSSL 3.0 tests for TLS 1.2 by the major version number, which DTLS 1.2 does not have. */
function notServed({ name }: KeyRow): string | undefined {
  return /^(Ed|RSA-PSS)/.test(name) ? 's_server uses EdDSA and RSA-PSS keys in TLS only' : undefined;
}

function ourServer13(key: KeyRow, scheme: SchemeName): Case {
  const pair = { client: nss, server: ours };
  return cell(pair, `DTLSv1.3, server key ${key.name}`, scheme, key.in13, unknownToNss(key), async (pki) => {
    const options = { ...pem(await pairOf(pki, key)), sigalgs: [scheme], minVersion: 'DTLSv1.3' } as const;
    const { endpoint, port, outcome } = serve(options);
    const side = await nss.startClient({ ...modern(pki), port, ca: pki.ca, name: SERVER_NAME });
    try {
      if (!(await side.established(END_MS))) throw new Failure('NSS has no session', [side.log()]);
      return await finish(outcome, []);
    } finally {
      await side.stop();
      endpoint.destroy();
    }
  });
}

function ourClient13(key: KeyRow, scheme: SchemeName): Case {
  const pair = { client: ours, server: nss };
  return cell(pair, `DTLSv1.3, client key ${key.name}`, scheme, key.in13, unknownToNss(key), async (pki) => {
    const side = await nss.startServer({ ...modern(pki), pair: pki.servers.ECDSA, clientCa: pki.ca });
    // The server's own signature has to be acceptable, too.
    const sigalgs: SchemeName[] = [scheme, 'ecdsa_secp256r1_sha256'];
    const options = { ...pem(await pairOf(pki, key)), ca: readFileSync(pki.ca), sigalgs } as const;
    const outcome = enter(side.port, { ...options, minVersion: 'DTLSv1.3' });
    try {
      if (!(await side.established(END_MS)) || side.facts().clientVerified !== true)
        throw new Failure('NSS did not verify the client', [side.log()]);
      return await finish(outcome, []);
    } finally {
      await side.stop();
    }
  });
}

function modern({ folder }: Pki) {
  return { host: HOST, folder, version: 'DTLSv1.3' } as const;
}

function unknownToNss({ name }: KeyRow): string | undefined {
  return /^(Ed|RSA-PSS)/.test(name) ? 'NSS takes no EdDSA and no RSA-PSS keys' : undefined;
}

/** How a handshake ended on our side. */
type Outcome =
  | { readonly by: 'session'; readonly session: DTLSSession; readonly scheme: SchemeName | undefined }
  | { readonly by: 'alert'; readonly alert: string };

/** A server's signature has a scheme that is reported; a client's is under the one requested scheme. */
function cell(
  pair: Pair,
  what: string,
  scheme: SchemeName,
  can: readonly SchemeName[],
  impossible: string | undefined,
  meet: (pki: Pki) => Promise<Outcome>,
): Case {
  const expected = can.includes(scheme) ? 'session' : 'handshake_failure';
  const run = async (pki: Pki): Promise<string> => {
    const outcome = await meet(pki);
    const got = outcome.by === 'alert' ? outcome.alert : 'session';
    if (got !== expected) throw new Failure(`expected ${expected}, got ${got}`);
    const signed = outcome.by === 'session' ? outcome.scheme : undefined;
    if (signed !== undefined && what.includes('server key') && signed !== scheme)
      throw new Failure(`the server signed under ${signed}`);
    return got;
  };
  const kind = expected === 'session' ? 'session' : 'refusal';
  const name = `${pairName(pair)}, ${what}, ${scheme}: ${expected}`;
  return { name, kind, ...pair, impossible, slow: false, timeout: 60_000, run };
}

const GROUPS12 = { maxVersion: 'DTLSv1.2', groups: 'x25519:P-256:P-384:P-521' } as const;

function serve(options: Omit<ListenOptions, 'port'>) {
  let settle: (outcome: Outcome) => void;
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const endpoint = listen((session) => void watch(session).then(settle), { ...options, host: HOST, port: 0 });
  return { endpoint, port: endpoint.address?.port ?? 0, outcome };
}

function enter(port: number, options: Parameters<typeof connect>[2]): Promise<Outcome> {
  return watch(connect(HOST, port, { servername: SERVER_NAME, ...options }));
}

async function watch(session: DTLSSession): Promise<Outcome> {
  try {
    await session.opened;
    return { by: 'session', session, scheme: session.signatureScheme };
  } catch (error) {
    const { alert, code } = error as { alert?: string; code?: string };
    return { by: 'alert', alert: alert ?? code ?? String(error) };
  }
}

/** The outcome, once known; everything is stopped. */
async function finish(
  outcome: Promise<Outcome>,
  children: readonly Child[],
  end: () => void = () => undefined,
): Promise<Outcome> {
  let found: Outcome | undefined;
  await within(
    outcome.then((one) => {
      found = one;
    }),
    END_MS,
  );
  if (found?.by === 'session') await found.session.close();
  await Promise.all(children.map((child) => child.stop()));
  end();
  const output = children.map((child) => child.output);
  if (found === undefined) throw new Failure('neither a session nor an alert', output);
  return found;
}

function sClient(port: number, options: readonly string[]): Child {
  return new Child('openssl', [
    ...['s_client', '-dtls1_2', '-quiet', '-nocommands', '-connect', `${HOST}:${port}`],
    ...['-groups', 'X25519:P-256:P-384:P-521', ...options],
  ]);
}

async function sServer(
  { cert, key }: KeyPair,
  options: readonly string[],
): Promise<{ readonly child: Child; readonly port: number }> {
  const port = await freePort();
  const child = new Child('openssl', [
    ...['s_server', '-dtls1_2', '-accept', `${HOST}:${port}`, '-cert', cert, '-key', key, ...options],
  ]);
  await child.printed(/^ACCEPT/m, START_MS);
  return { child, port };
}

function pem({ cert, key }: KeyPair) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

const made = new Map<string, Promise<KeyPair>>();

/** One of each type, signed by the CA and valid for both roles. */
function pairOf(pki: Pki, key: KeyRow): Promise<KeyPair> {
  const pair = made.get(key.name) ?? makePair(pki, key);
  made.set(key.name, pair);
  return pair;
}

async function makePair({ folder, ca }: Pki, { name, make }: KeyRow): Promise<KeyPair> {
  const file = join(folder, `table-${name.toLowerCase().replaceAll(' ', '-')}`);
  const pair = { cert: `${file}.pem`, key: `${file}.key` };
  await run('openssl', ['genpkey', '-quiet', ...make, '-out', pair.key]);
  await run('openssl', [
    ...['req', '-x509', '-new', '-key', pair.key, '-out', pair.cert, '-days', '7', '-subj', '/CN=table'],
    ...['-CA', ca, '-CAkey', ca.replace(/\.pem$/, '.key'), '-addext', `subjectAltName=DNS:${SERVER_NAME}`],
    // NSS requires encipherment of RSA keys, whatever the suite.
    ...['-addext', `keyUsage=critical,digitalSignature${name === 'RSA' ? ',keyEncipherment' : ''}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
  ]);
  return pair;
}
