import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../net/ports.js';
import type { KeyPair } from '../pki.js';
import { Child } from '../process.js';
import { capture, captures } from '../text.js';
import {
  alertName,
  CCM_SUITES,
  type Group,
  PSK_CBC_SUITES,
  PSK_SUITES,
  type Scheme,
  SUITES,
  type Suite,
} from '../vocabulary.js';
import { type Facts, type Peer, type Psk, probeCommand, type SideOptions } from './peer.js';
import { type Manners, ProgramServer, ProgramSide } from './program.js';

const START_MS = 10_000;
/** The level at which alerts are logged; 4 shows the handshake only. */
const DEBUG = ['-d', '5'];

const GROUP_NAMES: Readonly<Record<Group, string>> = {
  x25519: 'X25519',
  secp256r1: 'SECP256R1',
  secp384r1: 'SECP384R1',
  X25519MLKEM768: 'X25519-MLKEM768',
};

const SCHEME_NAMES: Readonly<Record<Scheme, string>> = {
  ecdsa_secp256r1_sha256: 'ECDSA-SHA256',
  ecdsa_secp384r1_sha384: 'ECDSA-SHA384',
  ed25519: 'EdDSA-Ed25519',
  rsa_pss_rsae_sha256: 'RSA-PSS-RSAE-SHA256',
  rsa_pkcs1_sha256: 'RSA-SHA256',
};

/** `gnutls-cli --udp` and `gnutls-serv --udp --echo`. */
export const gnutls: Peer = {
  name: 'gnutls',
  suites: [...SUITES, ...CCM_SUITES, ...PSK_SUITES, ...PSK_CBC_SUITES],
  // A failed verification is one error in gnutls-cli, whatever its reason.
  refusals: { 'wrong CA': 'bad_certificate', 'wrong name': 'bad_certificate' },
  closing: { answers: false, waits: true },

  probe: async () => await probeCommand('gnutls-cli', ['--version']),

  cannot(role, demand) {
    if (role === 'server' && demand.closer === 'server')
      return 'gnutls-serv --udp never ends a session itself';
    // Its output of what was negotiated, against gnutls-serv as well.
    if (role === 'client' && demand.suite?.startsWith('TLS_ECDHE_PSK'))
      return 'gnutls-cli crashes after every ECDHE-PSK handshake';
    return undefined;
  },

  async startServer(options) {
    const port = await freePort();
    const child = start('gnutls-serv', options, [
      ...['--echo', '--port', String(port)],
      ...(options.clientCa === undefined
        ? ['--disable-client-cert']
        : ['--require-client-cert', '--verify-client-cert', '--x509cafile', options.clientCa]),
      ...certificate(options.pair),
      ...(options.cookie === false ? ['--nocookie'] : []),
      ...(options.psk === undefined ? [] : ['--pskpasswd', passwordFile(options.psk, options.folder)]),
    ]);
    await child.printed(/listening on IPv6 .*done/, START_MS);
    return new ProgramServer(child, port, SERVER_MANNERS);
  },

  startClient(options) {
    const child = start('gnutls-cli', options, [
      ...[options.host, '--port', String(options.port)],
      ...['--x509cafile', options.ca, '--verify-hostname', options.name, '--sni-hostname', options.name],
      ...certificate(options.pair),
      // It keeps no session, but returns once by itself.
      ...(options.session === undefined ? [] : ['--resume']),
      ...(options.psk === undefined
        ? []
        : ['--pskusername', options.psk.identity, '--pskkey', options.psk.key]),
    ]);
    const manners: Manners = {
      established: /FINISHED \(20\) was received/,
      facts: (output) => ({ ...commonFacts(output), ...clientFacts(output) }),
      close: () => child.endInput(),
    };
    return Promise.resolve(new ProgramSide(child, manners));
  },
};

const SERVER_MANNERS: Manners = {
  established: /Sent Packet\[\d+\] Handshake\(22\) in epoch 1/,
  over: /Alert\[\d+\|\d+\] - .* - was received|Error in handshake/,
  facts: (output) => ({ ...commonFacts(output), ...serverFacts(output) }),
  close: () => undefined,
};

function start(program: string, options: SideOptions, args: readonly string[]): Child {
  const mtu = options.mtu === undefined ? [] : ['--mtu', String(options.mtu)];
  const tickets = options.tickets === false ? ['--noticket'] : [];
  return new Child(
    program,
    ['--udp', ...DEBUG, ...args, '--priority', priority(options), ...mtu, ...tickets],
    options.keylog === undefined ? {} : { SSLKEYLOGFILE: options.keylog },
  );
}

function certificate(pair: KeyPair | undefined): string[] {
  return pair === undefined ? [] : ['--x509certfile', pair.cert, '--x509keyfile', pair.key];
}

function priority({ suite, groups, schemes }: SideOptions): string {
  return [
    'NORMAL:-VERS-ALL:+VERS-DTLS1.2',
    ...(suite === undefined ? [] : ['-KX-ALL', `+${keyExchange(suite)}`, '-CIPHER-ALL', `+${cipher(suite)}`]),
    ...(suite?.includes('CBC') === true ? ['-MAC-ALL:+SHA256'] : []),
    ...(groups === undefined ? [] : ['-GROUP-ALL', ...groups.map((group) => `+GROUP-${GROUP_NAMES[group]}`)]),
    ...(schemes === undefined ? [] : ['-SIGN-ALL', ...schemes.map((name) => `+SIGN-${SCHEME_NAMES[name]}`)]),
  ].join(':');
}

function passwordFile({ identity, key }: Psk, folder: string): string {
  const file = join(folder, `psk-${identity}`);
  writeFileSync(file, `${identity}:${key}\n`);
  return file;
}

/** TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA and AES-128-GCM. */
function keyExchange(suite: Suite): string {
  return suite
    .replace(/^TLS_/, '')
    .replace(/_WITH_.*/, '')
    .replace('_', '-');
}

function cipher(suite: Suite): string {
  return suite
    .replace(/.*_WITH_/, '')
    .replace(/_SHA\d+$/, '')
    .replaceAll('_', '-');
}

type FactsOfOneRole = Pick<Facts, 'established' | 'scheme' | 'version' | 'clientVerified'>;

function clientFacts(output: string): FactsOfOneRole {
  return {
    established: /Handshake was completed/.test(output),
    version: output.includes('Description: (DTLS1.2') ? 'DTLSv1.2' : undefined,
    scheme: schemeNamed(capture(output, /verify TLS 1\.2 handshake data: using (\S+)/)),
  };
}

function serverFacts(output: string): FactsOfOneRole {
  return {
    established: /FINISHED \(20\) was received/.test(output),
    version: output.includes('Selected version DTLS1.2') ? 'DTLSv1.2' : undefined,
    scheme: schemeNamed(capture(output, /signing TLS 1\.2 handshake data: using (\S+)/)),
    clientVerified: /CERTIFICATE VERIFY \(15\) was received/.test(output),
  };
}

function commonFacts(output: string): Omit<Facts, keyof FactsOfOneRole> {
  return {
    suite: suiteNamed(capture(output, /Selected cipher suite: GNUTLS_(\S+)/)),
    group: groupNamed(capture(output, /Selected group (\S+)/)),
    cookie: /HELLO VERIFY REQUEST/.test(output) ? true : undefined,
    alertsSent: captures(output, /Sending Alert\[\d+\|(\d+)\]/g).map((code) => alertName(Number(code))),
    alertsReceived: captures(output, /Alert\[\d+\|(\d+)\] - .* - was received/g).map((code) =>
      alertName(Number(code)),
    ),
    error: capture(output, /^(?:\*\*\* |Error in handshake\(\): )(.*)/m),
  };
}

function suiteNamed(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const own = (suite: Suite) => suite.replace('TLS_', '').replace('_WITH', '');
  return (
    gnutls.suites.find((suite) => own(suite) === name) ??
    gnutls.suites.find((suite) => own(suite).startsWith(name)) ??
    name
  );
}

function groupNamed(name: string | undefined): string | undefined {
  return name?.toLowerCase();
}

function schemeNamed(name: string | undefined): string | undefined {
  const known = Object.entries(SCHEME_NAMES).find(([, own]) => own === name);
  return known?.[0] ?? name;
}
