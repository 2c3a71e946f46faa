import { type Command, Option } from 'commander';
import type { ConnectOptions, ListenOptions, PskCredentialOption } from 'datagram-tls';
import { parseCount } from './args.js';
import { readOptionFile } from './files.js';
import { keysByIdentity, parsePsk, readPskFile } from './psk.js';
import { rawKeyOptions } from './rpk.js';
import { readSession } from './session-file.js';
import { parseSni } from './sni.js';
import { UsageError } from './usage-error.js';

export type Role = 'server' | 'client';
type LibraryOption = keyof ListenOptions | keyof ConnectOptions;

/**
 * One option of the command line. The rows below are the only place that knows it: parsing, help, the library's options and
 * the wording of its errors all come from here.
 */
interface Flag {
  /** As commander writes it: `--mtu <bytes>`. */
  readonly flags: string;
  readonly help: string;
  readonly roles: readonly Role[];
  /** The library's option that it sets; without one the command itself acts on it. */
  readonly option?: LibraryOption;
  /** What the library's option becomes, for a flag without a value. */
  readonly value?: unknown;
  /** From the text given to the value; `previous` is that of an earlier occurrence. */
  readonly parse?: (text: string, previous: unknown) => unknown;
  /** From all its occurrences to the library's option. */
  readonly finish?: (value: unknown, role: Role) => unknown;
  /** The environment variable that stands in for it. */
  readonly env?: string;
  /** Attribute names of flags that contradict it. */
  readonly conflicts?: string[];
  /** Attributes of other flags that it sets, too. */
  readonly implies?: Record<string, unknown>;
  /** Attribute names of flags, without one of which it would mean nothing. */
  readonly needs?: readonly string[];
  readonly standard?: unknown;
}

const BOTH: readonly Role[] = ['server', 'client'];
const CLIENT: readonly Role[] = ['client'];
const SERVER: readonly Role[] = ['server'];
/** Whom a server trusts matters only when it asks. */
const ASK = { requestCert: true };

const FLAGS: readonly Flag[] = [
  {
    flags: '--cert <file>',
    help: 'certificate chain in PEM, leaf first',
    roles: BOTH,
    option: 'cert',
    parse: (file) => readOptionFile('--cert', file),
  },
  {
    flags: '--key <file>',
    help: 'private key, in PEM: of the certificate, or with --rpk alone',
    roles: BOTH,
    option: 'key',
    parse: (file) => readOptionFile('--key', file),
  },
  {
    flags: '--pfx <file>',
    help: 'private key and certificate chain in one file of PKCS#12',
    roles: BOTH,
    option: 'pfx',
    parse: (file) => readOptionFile('--pfx', file),
    conflicts: ['cert', 'key'],
  },
  {
    flags: '--passphrase-file <file>',
    help: 'file whose first line decrypts the private key or the PKCS#12 file',
    roles: BOTH,
    option: 'passphrase',
    parse: (file) => firstLine(readOptionFile('--passphrase-file', file)),
    needs: ['key', 'pfx'],
  },
  {
    flags: '--rpk',
    help: 'raw public keys (RFC 7250): show the public key instead of a certificate, and take those with a --pin spki-sha256:…',
    roles: BOTH,
  },
  {
    flags: '--request-cert',
    help: 'ask clients for a certificate and refuse those without a valid one',
    roles: SERVER,
    option: 'requestCert',
  },
  {
    flags: '--require-client-cert',
    help: 'the same as --request-cert',
    roles: SERVER,
    option: 'requestCert',
  },
  {
    flags: '--pin <fingerprint>',
    help: 'accept the peer with this fingerprint, sha256:… or spki-sha256:…, whatever CA signed it (repeatable)',
    roles: BOTH,
    option: 'pins',
    parse: append,
    implies: ASK,
  },
  {
    flags: '--ca <file>',
    help: 'CA certificates in PEM to trust instead of the default ones (repeatable)',
    roles: BOTH,
    option: 'ca',
    parse: (file, previous) => append(readOptionFile('--ca', file), previous),
    implies: ASK,
  },
  {
    flags: '--client-ca <file>',
    help: 'ask clients for a certificate of one of these CAs, in PEM (repeatable)',
    roles: SERVER,
    option: 'ca',
    parse: (file, previous) => append(readOptionFile('--client-ca', file), previous),
    implies: ASK,
    conflicts: ['ca'],
  },
  {
    flags: '--crl <file>',
    help: "revocation lists in PEM: every certificate of the peer's path needs a current one (repeatable)",
    roles: BOTH,
    option: 'crl',
    parse: (file, previous) => append(readOptionFile('--crl', file), previous),
    implies: ASK,
    conflicts: ['pin'],
  },
  {
    flags: '--insecure',
    help: 'accept any certificate: nothing then tells the server from an attacker',
    roles: CLIENT,
    option: 'rejectUnauthorized',
    value: false,
    conflicts: ['pin', 'ca'],
  },
  {
    flags: '--ocsp <file>',
    help: 'OCSP response about the certificate, in DER, for clients that ask',
    roles: SERVER,
    option: 'ocspResponse',
    parse: (file) => readOptionFile('--ocsp', file),
    needs: ['cert', 'pfx'],
  },
  {
    flags: '--ocsp',
    help: "ask for an OCSP response about the server's certificate, and refuse a server whose response is not good",
    roles: CLIENT,
    option: 'requestOCSP',
  },
  {
    flags: '--require-ocsp',
    help: 'the same, and refuse a server that sends none',
    roles: CLIENT,
    option: 'requireOCSP',
  },
  {
    flags: '--psk <id:hex>',
    help: 'identity and pre-shared key instead of certificates (repeatable); other users may see it, unlike a file',
    roles: BOTH,
    option: 'psk',
    parse: (text, previous) => append(parsePsk(text), previous),
    finish: pskOption,
  },
  {
    flags: '--psk-file <file>',
    help: 'the same from a file, one ID:HEX a line',
    roles: BOTH,
    option: 'psk',
    parse: (file) => readPskFile('--psk-file', file),
    finish: pskOption,
    conflicts: ['psk'],
  },
  {
    flags: '--session <file>',
    help: 'resume the session in this file, if it is there, and put the next one there: secrets, for its owner alone',
    roles: CLIENT,
    option: 'session',
    finish: (file) => readSession('--session', file as string),
  },
  {
    flags: '--sni <name:cert:key>',
    help: 'certificate chain and key in PEM for clients that ask for this name (repeatable); * is any other',
    roles: SERVER,
    option: 'sni',
    parse: parseSni,
  },
  {
    flags: '--psk-modes <list>',
    help: 'DTLS 1.3: how keys are used, psk_dhe_ke or, without forward secrecy, psk_ke; with colons between',
    roles: BOTH,
    option: 'pskModes',
  },
  {
    flags: '--servername <name>',
    help: 'name to ask for and to find in the certificate (default: HOST)',
    roles: CLIENT,
    option: 'servername',
  },
  {
    flags: '--mtu <bytes>',
    help: 'largest datagram to send, in bytes of UDP payload',
    roles: BOTH,
    option: 'mtu',
    parse: parseCount,
  },
  {
    flags: '--record-size-limit <bytes>',
    help: 'largest record to receive, in bytes of content (RFC 8449)',
    roles: BOTH,
    option: 'recordSizeLimit',
    parse: parseCount,
  },
  {
    flags: '--max-fragment-length <bytes>',
    help: 'largest record to ask older servers for: 512, 1024, 2048 or 4096 (RFC 6066)',
    roles: CLIENT,
    option: 'maxFragmentLength',
    parse: parseCount,
  },
  {
    flags: '--min-version <version>',
    help: 'lowest version to accept: DTLSv1.2 or DTLSv1.3',
    roles: BOTH,
    option: 'minVersion',
  },
  {
    flags: '--max-version <version>',
    help: 'highest version to accept: DTLSv1.2 or DTLSv1.3',
    roles: BOTH,
    option: 'maxVersion',
  },
  {
    flags: '--ciphers <list>',
    help: 'cipher suites, best first: OpenSSL or IANA names, with colons between; CCM and CBC of 1.2 have to be named',
    roles: BOTH,
    option: 'ciphers',
  },
  {
    flags: '--groups <list>',
    help: 'key exchange groups, best first, with colons between',
    roles: BOTH,
    option: 'groups',
  },
  {
    flags: '--key-shares <list>',
    help: 'groups whose share goes into the first flight of DTLS 1.3, with colons between',
    roles: CLIENT,
    option: 'keyShares',
  },
  {
    flags: '--sigalgs <list>',
    help: 'signature schemes, best first: IANA names, with colons between',
    roles: BOTH,
    option: 'sigalgs',
  },
  {
    flags: '--alpn <list>',
    help: 'application protocols, best first, with commas between',
    roles: BOTH,
    option: 'alpn',
    parse: (list) => list.split(','),
  },
  {
    flags: '--srtp <list>',
    help: "SRTP profiles, best first: OpenSSL's names, with colons between",
    roles: BOTH,
    option: 'srtp',
  },
  {
    flags: '--handshake-timeout <ms>',
    help: 'give up a handshake after this long; 0: never',
    roles: BOTH,
    option: 'handshakeTimeout',
    parse: parseCount,
  },
  {
    flags: '--linger <ms>',
    help: 'at the end of input, wait for outstanding answers until it was quiet for so long',
    roles: CLIENT,
    parse: parseCount,
    standard: 1000,
  },
  {
    flags: '--keylog <file>',
    help: 'append the secrets of every session to this file, for Wireshark',
    roles: BOTH,
    env: 'SSLKEYLOGFILE',
  },
  {
    flags: '-v, --verbose',
    help: 'tell on standard error what was negotiated, and every flight, acknowledgement, key update and alert',
    roles: BOTH,
  },
];

/** Declares the options of `role` on its command. */
export function addFlags(command: Command, role: Role): Command {
  for (const flag of FLAGS) if (flag.roles.includes(role)) command.addOption(declare(flag));
  return command;
}

/** The part of the parsed command line that goes to the library as it is. */
export function libraryOptions(
  role: Role,
  values: Record<string, unknown>,
): Partial<ListenOptions & ConnectOptions> {
  const options: Record<string, unknown> = {};
  for (const flag of FLAGS) {
    const value = values[declare(flag).attributeName()];
    if (flag.option === undefined || value === undefined || !flag.roles.includes(role)) continue;
    if (flag.needs?.every((name) => values[name] === undefined) === true) {
      throw new UsageError(`${nameOf(flag)} needs --${flag.needs.join(' or --')}`);
    }
    options[flag.option] = flag.value ?? (flag.finish === undefined ? value : flag.finish(value, role));
  }
  return values['rpk'] === true ? { ...options, ...rawKeyOptions(role, options) } : options;
}

/** The flag that sets a library option, such as `--pin` for `pins`. */
export function flagOf(option: string): string | undefined {
  const flag = FLAGS.find((candidate) => candidate.option === option);
  return flag === undefined ? undefined : nameOf(flag);
}

function nameOf(flag: Flag): string | undefined {
  return flag.flags.split(' ')[0];
}

function declare(flag: Flag): Option {
  const option = new Option(flag.flags, flag.help);
  if (flag.parse !== undefined) option.argParser(flag.parse);
  if (flag.env !== undefined) option.env(flag.env);
  if (flag.conflicts !== undefined) option.conflicts(flag.conflicts);
  if (flag.implies !== undefined) option.implies(flag.implies);
  if (flag.standard !== undefined) option.default(flag.standard);
  return option;
}

/** A server looks identities up, a client names its own. */
function pskOption(value: unknown, role: Role): unknown {
  const credentials = value as PskCredentialOption[];
  return role === 'server' ? keysByIdentity(credentials) : credentials;
}

function append(item: unknown, previous: unknown): unknown[] {
  return Array.isArray(previous) ? [...(previous as unknown[]), item] : [item];
}

function firstLine(bytes: Buffer): string {
  return bytes.toString('utf8').split(/\r?\n/, 1).join('');
}
