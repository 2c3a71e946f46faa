/** Servers over implementations that others wrote, of one suite of each version. What cannot be built here is skipped by name. */
import { execFileSync } from 'node:child_process';
import {
  type Contender,
  nodeProgram,
  SUITES,
  SUITES_13,
  type Suite,
  suiteOf,
  TEST_IDENTITY,
} from './contenders.js';
import { buildGo, compileNative, installPackage, type NativeProgram } from './native.js';

const SUITE = suiteOf(SUITES, 0);
const MODERN_SUITE = suiteOf(SUITES_13, 0);
const WERIFT = '0.5.8';
const PION = 'pion/dtls 3.1.15, Go';

interface Peer {
  readonly name: string;
  readonly suite: Suite;
  readonly program: () => NativeProgram;
  /** Prints its version. */
  readonly tellsVersion: boolean;
  readonly command: (path: string) => readonly string[];
}

const PEERS: readonly Peer[] = [
  inC(
    'GnuTLS',
    'gnutls-echo',
    'NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-X25519:+GROUP-SECP256R1:+COMP-NULL:+CTYPE-X509',
  ),
  inC('Mbed TLS', 'mbedtls-echo', 'TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256'),
  inC('wolfSSL', 'wolfssl-echo', SUITE.wolfssl),
  inC('BoringSSL', 'boringssl-echo-13', MODERN_SUITE.iana, MODERN_SUITE),
  {
    name: PION,
    suite: SUITE,
    program: buildGo,
    tellsVersion: false,
    command: (path) => [path, ...TEST_IDENTITY, '--suite', '0xc02b'],
  },
  {
    name: `werift ${WERIFT}, TypeScript`,
    suite: SUITE,
    program: () => installPackage('werift-dtls', WERIFT),
    tellsVersion: false,
    command: (path) => [...nodeProgram('servers/werift.js'), '--package', path, ...TEST_IDENTITY],
  },
];

/** `named`: the suite in the words of the library. */
function inC(
  name: string,
  program: Parameters<typeof compileNative>[0],
  named: string,
  suite: Suite = SUITE,
): Peer {
  return {
    name,
    suite,
    program: () => compileNative(program),
    tellsVersion: true,
    command: (path) => [path, ...TEST_IDENTITY, '--suite', named],
  };
}

/** Those that could be built here; why the others could not goes to `skipped`. */
export function peerServers(skipped: string[]): Contender[] {
  return PEERS.flatMap(({ name, suite, program, tellsVersion, command }) => {
    const built = program();
    if ('missing' in built) {
      skipped.push(`${name}: ${built.missing}`);
      return [];
    }
    const version = tellsVersion && execFileSync(built.path, ['--version'], { encoding: 'utf8' }).trim();
    const title = version === false ? name : `${version}, C`;
    return [
      {
        name: suite === SUITE ? title : `${title}, DTLS 1.3`,
        family: 'peer',
        suite,
        kind: 'full',
        command: command(built.path),
      },
    ];
  });
}
