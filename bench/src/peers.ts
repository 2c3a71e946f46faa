/** Servers over implementations that others wrote, of one suite of DTLS 1.2. What cannot be built here is skipped by name. */
import { execFileSync } from 'node:child_process';
import { type Contender, nodeProgram, SUITES, suiteOf, TEST_IDENTITY } from './contenders.js';
import { buildGo, compileNative, installPackage, type NativeProgram } from './native.js';

const SUITE = suiteOf(SUITES, 0);
const WERIFT = '0.5.8';
const PION = 'pion/dtls 3.1.15, Go';

interface Peer {
  readonly name: string;
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
  inC('wolfSSL', 'wolfssl-echo', SUITE.openssl),
  {
    name: PION,
    program: buildGo,
    tellsVersion: false,
    command: (path) => [path, ...TEST_IDENTITY, '--suite', '0xc02b'],
  },
  {
    name: `werift ${WERIFT}, TypeScript`,
    program: () => installPackage('werift-dtls', WERIFT),
    tellsVersion: false,
    command: (path) => [...nodeProgram('servers/werift.js'), '--package', path, ...TEST_IDENTITY],
  },
];

function inC(name: string, program: Parameters<typeof compileNative>[0], suite: string): Peer {
  return {
    name,
    program: () => compileNative(program),
    tellsVersion: true,
    command: (path) => [path, ...TEST_IDENTITY, '--suite', suite],
  };
}

/** Those that could be built here; why the others could not goes to `skipped`. */
export function peerServers(skipped: string[]): Contender[] {
  return PEERS.flatMap(({ name, program, tellsVersion, command }) => {
    const built = program();
    if ('missing' in built) {
      skipped.push(`${name}: ${built.missing}`);
      return [];
    }
    const version = tellsVersion && execFileSync(built.path, ['--version'], { encoding: 'utf8' }).trim();
    return [
      {
        name: version === false ? name : `${version}, C`,
        family: 'peer',
        suite: SUITE,
        kind: 'full',
        command: command(built.path),
      },
    ];
  });
}
