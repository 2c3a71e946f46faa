import { existsSync } from 'node:fs';
import { freePort } from '../net/ports.js';
import type { KeyPair } from '../pki.js';
import { Child } from '../process.js';
import { capture, captures } from '../text.js';
import {
  CCM_SUITES,
  GROUP_CODES,
  type Group,
  PSK_CBC_SUITES,
  PSK_SUITES,
  type Scheme,
  SUITES,
  type Suite,
} from '../vocabulary.js';
import { type Facts, type Peer, probeCommand, REFUSALS, type SideOptions } from './peer.js';
import { type Manners, ProgramServer, ProgramSide } from './program.js';

const START_MS = 10_000;
/** `-mtu` counts the IPv4 and UDP headers. */
const IP_AND_UDP = 28;
/** In short and long form. */
const ESTABLISHED = /^(?:CONNECTION ESTABLISHED|SSL handshake has read)/m;

/** `openssl s_client` and `openssl s_server`. */
export const openssl: Peer = {
  name: 'openssl',
  suites: [...SUITES, ...CCM_SUITES, ...PSK_SUITES, ...PSK_CBC_SUITES],
  refusals: REFUSALS,
  closing: { answers: true, waits: false },

  probe: async () => await probeCommand('openssl', ['version']),

  cannot(role, demand) {
    if (role !== 'server') return undefined;
    // With or without -listen: the option only does the exchange before the session.
    if (demand.cookie === false) return 's_server always asks for a cookie';
    // OpenSSL 3.0 tests for TLS 1.2 by the major version number, which DTLS 1.2 does not have.
    if (demand.identity === 'Ed25519') return 's_server uses Ed25519 certificates in TLS only';
    // Its commands q and Q, and the end of its input, close the UDP socket before they send the alert.
    return demand.closer === 'server' ? 's_server cannot send close_notify first' : undefined;
  },

  async startServer(options) {
    const port = await freePort();
    const child = new Child('openssl', [
      ...['s_server', '-dtls1_2', '-state', '-accept', authority(options.host, port)],
      ...(options.pair === undefined ? ['-nocert'] : certificate(options.pair)),
      ...(options.cookie === true ? ['-listen'] : []),
      ...(options.staple === undefined ? [] : ['-status_file', options.staple]),
      ...(options.clientCa === undefined
        ? []
        : ['-Verify', '1', '-verify_return_error', '-CAfile', options.clientCa]),
      ...(options.psk === undefined ? [] : ['-psk_hint', 'a hint']),
      ...common(options),
    ]);
    await child.printed(/^ACCEPT/m, START_MS);
    return new EchoingServer(child, port, SERVER_MANNERS);
  },

  startClient(options) {
    // Without -nocommands, a line that begins with Q or R would be a command.
    const child = new Child('openssl', [
      // A staple is shown only with everything else.
      ...['s_client', '-dtls1_2', '-state', '-nocommands', options.staple === true ? '-status' : '-brief'],
      ...['-connect', authority(options.host, options.port), '-servername', options.name],
      ...['-CAfile', options.ca, '-verify_hostname', options.name, '-verify_return_error'],
      ...(options.maxFragmentLength === undefined ? [] : ['-maxfraglen', String(options.maxFragmentLength)]),
      ...(options.pair === undefined ? [] : certificate(options.pair)),
      ...sessionFile(options.session),
      ...common(options),
    ]);
    const manners: Manners = {
      established: ESTABLISHED,
      facts: clientFacts,
      close: () => child.endInput(),
    };
    return Promise.resolve(new ProgramSide(child, manners));
  },
};

const SERVER_MANNERS: Manners = {
  established: /^CIPHER is /m,
  // Its last output stays in a buffer, but the log of alerts does not. It answers close_notify.
  over: /^SSL3 alert (?:write:|read:fatal)/m,
  facts: serverFacts,
  close: () => undefined,
};

/** s_server prints what it receives and sends its input, so the echo is made here. */
class EchoingServer extends ProgramServer {
  protected override received(line: string): void {
    super.received(line);
    this.send(line);
  }
}

function certificate({ cert, key }: KeyPair): string[] {
  return ['-cert', cert, '-key', key];
}

/** Read where present, and written with each new session. */
function sessionFile(path: string | undefined): string[] {
  if (path === undefined) return [];
  return [...(existsSync(path) ? ['-sess_in', path] : []), '-sess_out', path];
}

function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

// Without -timeout, a record that is discarded as a duplicate leaves both programs blocked in the next read.
function common(options: SideOptions): string[] {
  return [
    '-timeout',
    ...(options.tickets === false ? ['-no_ticket'] : []),
    ...(options.suite === undefined ? [] : ['-cipher', cipherList(options.suite)]),
    ...(options.psk === undefined ? [] : ['-psk', options.psk.key, '-psk_identity', options.psk.identity]),
    ...(options.groups === undefined ? [] : ['-groups', options.groups.map(groupName).join(':')]),
    ...(options.schemes === undefined ? [] : ['-sigalgs', options.schemes.join(':')]),
    ...(options.keylog === undefined ? [] : ['-keylogfile', options.keylog]),
    ...(options.mtu === undefined ? [] : ['-mtu', String(options.mtu + IP_AND_UDP)]),
  ];
}

// OpenSSL's default level requires more than an 8-byte tag.
function cipherList(suite: Suite): string {
  return suite.includes('CCM_8') ? `${cipherName(suite)}:@SECLEVEL=0` : cipherName(suite);
}

/** TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256. */
export function cipherName(suite: Suite): string {
  return suite
    .replace(/^TLS_/, '')
    .replace('_WITH', '')
    .replace(/AES_(\d+)/, 'AES$1')
    .replace(/POLY1305_SHA256$/, 'POLY1305')
    .replace('CCM_8', 'CCM8')
    .replaceAll('_', '-');
}

function groupName(group: Group): string {
  return group === 'x25519' ? 'X25519' : `P-${group.slice(4, 7)}`;
}

function clientFacts(output: string): Facts {
  return {
    ...sharedFacts(output),
    established: ESTABLISHED.test(output),
    version: capture(output, /^Protocol version: (\S+)/m),
    suite: suiteNamed(capture(output, /^Ciphersuite: (\S+)/m)),
    group: groupNamed(capture(output, /^Server Temp Key: (.*)/m)),
    scheme: schemeNamed(capture(output, /^Signature type: (\S+)/m), capture(output, /^Hash used: (\S+)/m)),
    cookie: /DTLS1 read hello verify request/.test(output),
    staple: capture(output, /^ *Cert Status: (\w+)/m),
  };
}

function serverFacts(output: string): Facts {
  const session = sessionIn(output);
  return {
    ...sharedFacts(output),
    established: /^CIPHER is /m.test(output),
    version: session?.includes(Buffer.from('0202fefd', 'hex')) === true ? 'DTLSv1.2' : undefined,
    suite: suiteNamed(capture(output, /^CIPHER is (\S+)/m)),
    group: sessionGroup(session),
    clientVerified: /read certificate verify$/m.test(output),
  };
}

function sharedFacts(output: string): Pick<Facts, 'alertsSent' | 'alertsReceived' | 'error'> {
  return {
    alertsSent: captures(output, /^SSL3 alert write:\w+:(.*)$/gm).map(alertNamed),
    alertsReceived: captures(output, /^SSL3 alert read:\w+:(.*)$/gm).map(alertNamed),
    error: capture(output, /^[0-9A-F]+:error:[0-9A-F]+:(.*):\.\./m) ?? capture(output, /^verify error:(.*)/m),
  };
}

function alertNamed(text: string): string {
  return text.trim().toLowerCase().replaceAll(' ', '_');
}

function suiteNamed(cipher: string | undefined): string | undefined {
  return openssl.suites.find((suite) => cipherName(suite) === cipher) ?? cipher;
}

function groupNamed(temporaryKey: string | undefined): string | undefined {
  if (temporaryKey === undefined) return undefined;
  if (temporaryKey.startsWith('X25519')) return 'x25519';
  return temporaryKey.includes('prime256v1') ? 'secp256r1' : capture(temporaryKey, /^ECDH, ([^,]+)/);
}

function schemeNamed(type: string | undefined, hash: string | undefined): Scheme | undefined {
  if (type === 'Ed25519') return 'ed25519';
  if (type === 'ECDSA') return hash === 'SHA384' ? 'ecdsa_secp384r1_sha384' : 'ecdsa_secp256r1_sha256';
  if (type === 'RSA-PSS') return 'rsa_pss_rsae_sha256';
  return type === 'RSA' ? 'rsa_pkcs1_sha256' : undefined;
}

function sessionIn(output: string): Buffer | undefined {
  const pem = capture(output, /-----BEGIN SSL SESSION PARAMETERS-----([^-]+)-----END/);
  return pem === undefined ? undefined : Buffer.from(pem, 'base64');
}

/** The session's field [19] is the key exchange group; s_server reports it nowhere else. */
function sessionGroup(session: Buffer | undefined): Group | undefined {
  const at = session?.lastIndexOf(Buffer.from('b3030201', 'hex')) ?? -1;
  return GROUP_CODES.get(session?.[at + 4] ?? 0);
}
