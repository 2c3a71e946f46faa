import { fileURLToPath } from 'node:url';

export interface Suite {
  readonly name: string;
  readonly version: 'DTLSv1.2' | 'DTLSv1.3';
  readonly iana: string;
  readonly openssl: string;
}

/** A server to measure; without a suite it speaks plain UDP. */
export interface Contender {
  readonly name: string;
  readonly family: 'raw' | 'ours' | 'openssl';
  readonly suite: Suite | undefined;
  readonly command: readonly string[];
}

export const SUITES: readonly Suite[] = [
  {
    name: 'AES_128_GCM',
    version: 'DTLSv1.2',
    iana: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    openssl: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  },
  {
    name: 'AES_256_GCM',
    version: 'DTLSv1.2',
    iana: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    openssl: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  },
  {
    name: 'CHACHA20_POLY1305',
    version: 'DTLSv1.2',
    iana: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    openssl: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  },
];

/** The same ciphers in DTLS 1.3, which OpenSSL 3.0 does not speak. */
const SUITES_13: readonly Suite[] = [
  modern('AES_128_GCM', 'TLS_AES_128_GCM_SHA256'),
  modern('AES_256_GCM', 'TLS_AES_256_GCM_SHA384'),
  modern('CHACHA20_POLY1305', 'TLS_CHACHA20_POLY1305_SHA256'),
];

function modern(cipher: string, iana: string): Suite {
  return { name: `${cipher}, DTLS 1.3`, version: 'DTLSv1.3', iana, openssl: iana };
}

/** The plain echo that the others are compared with. */
export const RAW_REFERENCE = 'raw dgram, synchronous lookup';

const CERT = fileURLToPath(new URL('../fixtures/server-cert.pem', import.meta.url));
const KEY = fileURLToPath(new URL('../fixtures/server-key.pem', import.meta.url));

export function rawServers(): Contender[] {
  const command = nodeProgram('servers/raw-dgram.js');
  return [
    { name: 'raw dgram', family: 'raw', suite: undefined, command },
    { name: RAW_REFERENCE, family: 'raw', suite: undefined, command: [...command, '--sync-lookup'] },
  ];
}

/** Our server, one a suite; a profile folder makes each write a CPU profile there when it ends. */
export function ourServers(profileFolder: string | undefined): Contender[] {
  const flags = ['--expose-gc', ...(profileFolder === undefined ? [] : profiling(profileFolder))];
  const program = nodeProgram('servers/datagram-tls.js', flags);
  return [...SUITES, ...SUITES_13].map((suite) => ({
    name: `datagram-tls, ${suite.name}`,
    family: 'ours',
    suite,
    command: [...program, '--cert', CERT, '--key', KEY, '--suite', suite.iana],
  }));
}

export function opensslServers(path: string): Contender[] {
  return SUITES.map((suite) => ({
    name: `OpenSSL C, ${suite.name}`,
    family: 'openssl',
    suite,
    command: [path, '--cert', CERT, '--key', KEY, '--suite', suite.openssl],
  }));
}

/** What makes the load on a server. */
export type LoadFor = (contender: Contender) => readonly string[];

/** The load generator over our own client, for DTLS 1.3 and for machines without a C compiler. */
export function ownLoadGenerator(): readonly string[] {
  return nodeProgram('clients/datagram-tls.js');
}

function nodeProgram(path: string, flags: readonly string[] = []): readonly string[] {
  return [process.execPath, ...flags, fileURLToPath(new URL(path, import.meta.url))];
}

function profiling(folder: string): readonly string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
