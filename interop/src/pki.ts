import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './process.js';
import type { Identity } from './vocabulary.js';

/** File names of a certificate and its private key, PEM both. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A throw-away PKI in a temporary folder that is deleted with the process. */
export interface Pki {
  readonly folder: string;
  /** The CA that signed everything below. */
  readonly ca: string;
  /** A CA that signed nothing. */
  readonly wrongCa: string;
  readonly servers: Readonly<Record<Identity, KeyPair>>;
  readonly clients: Readonly<Record<Identity, KeyPair>>;
  /** Each for its own name. */
  readonly named: Readonly<Record<(typeof NAMES)[number], KeyPair>>;
}

/** The name in every server certificate, beside the loopback addresses. */
export const SERVER_NAME = 'localhost';
/** Names that one server can have beside each other. */
export const NAMES = ['a.example', 'b.example'] as const;
/** A name in none of them. */
export const WRONG_NAME = 'wrong.example';

const KEY_OPTIONS: Readonly<Record<Identity, readonly string[]>> = {
  ECDSA: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  RSA: ['-newkey', 'rsa:2048'],
  Ed25519: ['-newkey', 'ed25519'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
};

// NSS requires encipherment of RSA keys, whatever the suite.
const KEY_USAGE: Readonly<Partial<Record<Identity, string>>> = { RSA: 'digitalSignature,keyEncipherment' };

export async function createPki(): Promise<Pki> {
  const folder = mkdtempSync(join(tmpdir(), 'dtls-interop-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const ca = await makeCa(folder, 'ca', '/CN=Interop CA');
  const wrongCa = await makeCa(folder, 'wrong-ca', '/CN=Another CA');
  const serverNames = `DNS:${SERVER_NAME},IP:127.0.0.1,IP:::1`;
  return {
    folder,
    ca: ca.cert,
    wrongCa: wrongCa.cert,
    servers: await makeLeaves(
      folder,
      'server',
      ca,
      ['-subj', `/CN=${SERVER_NAME}`],
      serverNames,
      'serverAuth',
    ),
    clients: await makeLeaves(
      folder,
      'client',
      ca,
      ['-subj', '/CN=device 7'],
      'DNS:device-7.example',
      'clientAuth',
    ),
    named: await makeNamed(folder, ca),
  };
}

async function makeCa(folder: string, name: string, subject: string): Promise<KeyPair> {
  return await certify(folder, name, [
    ...KEY_OPTIONS.ECDSA,
    ...['-subj', subject],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
}

async function makeLeaves(
  folder: string,
  prefix: string,
  ca: KeyPair,
  subject: readonly string[],
  names: string,
  purpose: string,
): Promise<Record<Identity, KeyPair>> {
  const leaf = (identity: Identity) =>
    makeLeaf(folder, `${prefix}-${identity.toLowerCase()}`, ca, identity, subject, names, purpose);
  const [ECDSA, RSA, Ed25519, P384] = await Promise.all([
    leaf('ECDSA'),
    leaf('RSA'),
    leaf('Ed25519'),
    leaf('P-384'),
  ]);
  return { ECDSA, RSA, Ed25519, 'P-384': P384 };
}

async function makeNamed(folder: string, ca: KeyPair): Promise<Pki['named']> {
  const named = (name: string) =>
    makeLeaf(folder, name, ca, 'ECDSA', ['-subj', `/CN=${name}`], `DNS:${name}`, 'serverAuth');
  return { 'a.example': await named('a.example'), 'b.example': await named('b.example') };
}

async function makeLeaf(
  folder: string,
  file: string,
  ca: KeyPair,
  identity: Identity,
  subject: readonly string[],
  names: string,
  purpose: string,
): Promise<KeyPair> {
  return await certify(folder, file, [
    ...KEY_OPTIONS[identity],
    ...['-CA', ca.cert, '-CAkey', ca.key, ...subject],
    ...['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', `keyUsage=critical,${KEY_USAGE[identity] ?? 'digitalSignature'}`],
    ...['-addext', `extendedKeyUsage=${purpose}`],
  ]);
}

async function certify(folder: string, name: string, options: readonly string[]): Promise<KeyPair> {
  const pair = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const files = ['-keyout', pair.key, '-out', pair.cert];
  await run('openssl', ['req', '-x509', '-nodes', '-days', '7', ...files, ...options]);
  return pair;
}
