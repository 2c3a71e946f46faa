import { fileURLToPath } from 'node:url';

export interface Suite {
  readonly name: string;
  readonly version: 'DTLSv1.2' | 'DTLSv1.3';
  readonly iana: string;
  readonly openssl: string;
  readonly wolfssl: string;
}

/** How both sides are authenticated. */
export type Kind = 'full' | 'mutual' | 'resumed' | 'PSK' | 'ECDHE-PSK';

/** A server to measure; without a suite it is plain UDP. */
export interface Contender {
  readonly name: string;
  readonly family: 'raw' | 'platform' | 'ours' | 'openssl' | 'wolfssl' | 'peer';
  readonly suite: Suite | undefined;
  /** Of its handshakes, if it has any. */
  readonly kind: Kind | undefined;
  /** Ours: what protects its records; node:crypto where it is absent. */
  readonly over?: 'libsodium' | 'native';
  readonly command: readonly string[];
}

export const SUITES: readonly Suite[] = [
  {
    name: 'AES_128_GCM',
    version: 'DTLSv1.2',
    iana: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    ...named('ECDHE-ECDSA-AES128-GCM-SHA256'),
  },
  {
    name: 'AES_256_GCM',
    version: 'DTLSv1.2',
    iana: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    ...named('ECDHE-ECDSA-AES256-GCM-SHA384'),
  },
  {
    name: 'CHACHA20_POLY1305',
    version: 'DTLSv1.2',
    iana: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    ...named('ECDHE-ECDSA-CHACHA20-POLY1305'),
  },
];

function named(name: string): Pick<Suite, 'openssl' | 'wolfssl'> {
  return { openssl: name, wolfssl: name };
}

/** The same ciphers in DTLS 1.3, which OpenSSL 3.0 does not support. */
export const SUITES_13: readonly Suite[] = [
  modern('AES_128_GCM', 'TLS_AES_128_GCM_SHA256', 'TLS13-AES128-GCM-SHA256'),
  modern('AES_256_GCM', 'TLS_AES_256_GCM_SHA384', 'TLS13-AES256-GCM-SHA384'),
  modern('CHACHA20_POLY1305', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS13-CHACHA20-POLY1305-SHA256'),
];

function modern(cipher: string, iana: string, wolfssl: string): Suite {
  return { name: `${cipher}, DTLS 1.3`, version: 'DTLSv1.3', iana, openssl: iana, wolfssl };
}

/** The kinds that are measured by their handshakes alone, in DTLS 1.2 and 1.3. */
const MEETINGS: readonly { readonly kind: Kind; readonly suite: Suite }[] = [
  { kind: 'mutual', suite: suiteOf(SUITES, 0) },
  { kind: 'mutual', suite: suiteOf(SUITES_13, 0) },
  { kind: 'resumed', suite: suiteOf(SUITES, 0) },
  { kind: 'resumed', suite: suiteOf(SUITES_13, 0) },
  { kind: 'PSK', suite: keyed('AES_128_GCM', 'TLS_PSK_WITH_AES_128_GCM_SHA256', 'PSK-AES128-GCM-SHA256') },
  // Of the suites with AEADs OpenSSL 3.0 has only this one.
  {
    kind: 'ECDHE-PSK',
    suite: keyed(
      'CHACHA20_POLY1305',
      'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
      'ECDHE-PSK-CHACHA20-POLY1305',
    ),
  },
  { kind: 'ECDHE-PSK', suite: suiteOf(SUITES_13, 0) },
];

export function suiteOf(suites: readonly Suite[], index: number): Suite {
  const suite = suites[index];
  if (suite === undefined) throw new RangeError(`there is no suite ${index}`);
  return suite;
}

function keyed(name: string, iana: string, openssl: string): Suite {
  return { name, version: 'DTLSv1.2', iana, ...named(openssl) };
}

/** The key that both sides of a benchmark know. */
const SHARED_KEY = '000102030405060708090a0b0c0d0e0f';

/** The plain echo, the reference of the others. */
export const RAW_REFERENCE = 'raw dgram, synchronous lookup';

const CERT = fileURLToPath(new URL('../fixtures/server-cert.pem', import.meta.url));
const KEY = fileURLToPath(new URL('../fixtures/server-key.pem', import.meta.url));
/** The certificate and key of every server, as its arguments. */
export const TEST_IDENTITY = ['--cert', CERT, '--key', KEY] as const;
const CLIENT_CERT = fileURLToPath(new URL('../fixtures/client-cert.pem', import.meta.url));
const CLIENT_KEY = fileURLToPath(new URL('../fixtures/client-key.pem', import.meta.url));

export function rawServers(): Contender[] {
  const command = nodeProgram('servers/raw-dgram.js');
  return [
    { name: 'raw dgram', family: 'raw', suite: undefined, kind: undefined, command },
    {
      name: RAW_REFERENCE,
      family: 'raw',
      suite: undefined,
      kind: undefined,
      command: [...command, '--sync-lookup'],
    },
  ];
}

/** The cost of a handshake's datagrams in node:dgram alone, and with node:crypto for each kind of handshake. */
export function platformServers(): Contender[] {
  const kinds = [undefined, 'full', 'mutual', 'resumed', 'PSK', 'ECDHE-PSK'] as const;
  return kinds.map((kind) => ({
    name: kind === undefined ? 'node:dgram alone' : `platform alone, ${kind}`,
    family: 'platform',
    suite: undefined,
    kind,
    command: nodeProgram('servers/platform.js', ['--expose-gc']).concat(
      ...['--kind', kind ?? 'none', '--key', KEY, '--cert', CERT],
    ),
  }));
}

/** Our server, one per suite; a profile folder makes each write a CPU profile there when it ends. */
export function ourServers(profileFolder: string | undefined): Contender[] {
  const program = ourProgram(profileFolder);
  return [...SUITES, ...SUITES_13].map((suite) => ({
    name: `datagram-tls, ${suite.name}`,
    family: 'ours',
    suite,
    kind: 'full',
    command: [...program, ...identity('full'), '--suite', suite.iana],
  }));
}

/** Our server with the suite that libsodium has, whose WebAssembly seals and opens its records. */
export function ourSodiumServers(profileFolder: string | undefined): Contender[] {
  return ourServers(profileFolder)
    .filter(({ suite }) => suite?.name.startsWith('CHACHA20_POLY1305') === true)
    .map((contender) => ({
      ...contender,
      name: `${contender.name}, libsodium`,
      over: 'libsodium',
      command: [...contender.command, '--libsodium'],
    }));
}

/** Our servers with the native part, where it is built: `npm run native`. */
export function ourNativeServers(profileFolder: string | undefined): Contender[] {
  return withNative(ourServers(profileFolder));
}

/** The same for the other kinds of handshake. */
export function ourNativeMeetings(profileFolder: string | undefined): Contender[] {
  return withNative(ourMeetings(profileFolder));
}

function withNative(contenders: readonly Contender[]): Contender[] {
  return contenders.map((contender) => ({
    ...contender,
    name: `${contender.name}, native`,
    over: 'native',
    command: [...contender.command, '--native'],
  }));
}

/** Our server once for each other kind of handshake. */
export function ourMeetings(profileFolder: string | undefined): Contender[] {
  const program = ourProgram(profileFolder);
  return MEETINGS.map(({ kind, suite }) => ({
    name: `datagram-tls, ${kind}, ${suite.name}`,
    family: 'ours',
    suite,
    kind,
    command: [...program, ...identity(kind), ...resumption(kind), '--suite', suite.iana],
  }));
}

function ourProgram(profileFolder: string | undefined): readonly string[] {
  const flags = ['--expose-gc', ...(profileFolder === undefined ? [] : profiling(profileFolder))];
  return nodeProgram('servers/datagram-tls.js', flags);
}

/** The credentials of a server, and its trust in clients. */
function identity(kind: Kind): readonly string[] {
  if (usesKey(kind)) return ['--psk', SHARED_KEY];
  return kind === 'mutual' ? [...TEST_IDENTITY, '--client-ca', CLIENT_CERT] : TEST_IDENTITY;
}

/** OpenSSL's servers issue tickets on request; ours would also remember clients without tickets. */
function resumption(kind: Kind): readonly string[] {
  return kind === 'resumed' ? ['--resumable'] : [];
}

/** The credentials of a client of such a server. */
export function clientIdentity({ kind, suite }: Contender): readonly string[] {
  if (suite === undefined) return [];
  if (usesKey(kind)) return ['--psk', SHARED_KEY];
  if (kind === 'resumed') return ['--resume'];
  return kind === 'mutual' ? ['--cert', CLIENT_CERT, '--key', CLIENT_KEY] : [];
}

function usesKey(kind: Kind | undefined): boolean {
  return kind === 'PSK' || kind === 'ECDHE-PSK';
}

export function opensslServers(path: string): Contender[] {
  return SUITES.map((suite) => ({
    name: `OpenSSL C, ${suite.name}`,
    family: 'openssl',
    suite,
    kind: 'full',
    command: [path, ...identity('full'), '--suite', suite.openssl],
  }));
}

/** OpenSSL 3.0 has DTLS 1.2 alone. */
export function opensslMeetings(path: string): Contender[] {
  return MEETINGS.filter(({ suite }) => suite.version === 'DTLSv1.2').map(({ kind, suite }) => ({
    name: `OpenSSL C, ${kind}, ${suite.name}`,
    family: 'openssl',
    suite,
    kind,
    command: [path, ...identity(kind), '--suite', suite.openssl],
  }));
}

/** wolfSSL's servers of DTLS 1.3, for each suite and each kind of handshake. */
export function wolfsslServers(path: string): Contender[] {
  return SUITES_13.map((suite) => wolfsslServer(path, 'full', suite));
}

export function wolfsslMeetings(path: string): Contender[] {
  return MEETINGS.filter(({ suite }) => suite.version === 'DTLSv1.3').map(({ kind, suite }) =>
    wolfsslServer(path, kind, suite),
  );
}

function wolfsslServer(path: string, kind: Kind, suite: Suite): Contender {
  const name = `wolfSSL C, ${kind === 'full' ? '' : `${kind}, `}${suite.name}`;
  const command = [path, ...identity(kind), '--suite', suite.wolfssl];
  return { name, family: 'wolfssl', suite, kind, command };
}

/** A load generator, and the library whose names of suites it takes. */
export interface Load {
  readonly command: readonly string[];
  readonly words: 'iana' | 'openssl' | 'wolfssl';
}

/** What makes the load on a server. */
export type LoadFor = (contender: Contender) => Load;

/** The load generator over our own client, for machines without a C compiler, or without a library that has DTLS 1.3. */
export function ownLoadGenerator(): Load {
  return { command: nodeProgram('clients/datagram-tls.js'), words: 'openssl' };
}

export function nodeProgram(path: string, flags: readonly string[] = []): readonly string[] {
  return [process.execPath, ...flags, fileURLToPath(new URL(path, import.meta.url))];
}

function profiling(folder: string): readonly string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
