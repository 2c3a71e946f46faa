import type { ErrorCode } from '../base/error-codes.js';
import { brief, callerError, invalidArgValue } from '../base/errors.js';
import { didYouMean } from '../base/nearest.js';
import { DEFAULT_GROUPS, shareLength } from '../crypto/groups.js';
import type { Capabilities } from '../crypto/provider.js';
import { DEFAULT_SCHEMES, hasScheme, scheme } from '../crypto/signatures.js';
import {
  type CipherSuite,
  DEFAULT_PSK_SUITES,
  DEFAULT_SUITES,
  lackOf,
  needsPsk,
  suiteNames,
} from '../crypto/suites.js';
import {
  Group,
  type GroupName,
  PskKeyExchangeMode,
  type PskModeName,
  Scheme,
  type SchemeName,
} from '../wire/codes.js';
import { checkOneOf } from './checks.js';
import { CIPHER_WORDS, readCipherList } from './cipher-list.js';
import type { Role } from './config.js';
import type { NameList } from './kinds.js';
import type { SecurityOptions } from './options.js';

/**
 * `hasPsk`: there is a pre-shared key. As in node:dtls a client with one then accepts, in DTLS 1.2, no server without
 * it, and a server accepts both kinds of client. Suites that need an absent key are left out. What the platform lacks
 * is left out of the defaults and refused by name.
 */
export function resolveCiphers(
  list: NameList | undefined,
  role: Role,
  hasPsk: boolean,
  capabilities: Capabilities,
): readonly CipherSuite[] {
  const defaults = defaultSuites(role, hasPsk).filter((suite) => lackOf(suite, capabilities) === undefined);
  if (list === undefined) return defaults;
  const suites = readCipherList(list, defaults, capabilities, {
    unknown: (part) =>
      unknownName('options.ciphers', part, [...suiteNames(), ...CIPHER_WORDS], 'no cipher match'),
    lacking: (name, lack) => lacking('ERR_DTLS_UNSUPPORTED_CIPHER', 'options.ciphers', name, lack),
  });
  return suites.filter((suite) => hasPsk || !needsPsk(suite));
}

function defaultSuites(role: Role, hasPsk: boolean): readonly CipherSuite[] {
  const { 'DTLSv1.3': latest, 'DTLSv1.2': certified } = DEFAULT_SUITES;
  if (!hasPsk) return [...latest, ...certified];
  return role === 'client'
    ? [...latest, ...DEFAULT_PSK_SUITES]
    : [...latest, ...certified, ...DEFAULT_PSK_SUITES];
}

/** Bytes; more than any curve's, less than any KEM's. */
const SMALL_SHARE = 256;

const GROUP_ALIASES: ReadonlyMap<string, GroupName> = new Map([
  ['p-256', 'secp256r1'],
  ['prime256v1', 'secp256r1'],
  ['p-384', 'secp384r1'],
  ['p-521', 'secp521r1'],
]);
const ALL_GROUP_NAMES = [...Object.keys(Group), ...GROUP_ALIASES.keys()];
const GROUP_NAMES = new Map(Object.keys(Group).map((name) => [name.toLowerCase(), name as GroupName]));

/** The groups of `groups` or of its alias `ecdhCurve`, and the option that they come from. */
export function resolveGroups(
  { groups, ecdhCurve }: SecurityOptions,
  capabilities: Capabilities,
): { readonly groups: readonly GroupName[]; readonly option: string } {
  const alias = resolveGroupList(ecdhCurve, 'options.ecdhCurve', capabilities);
  const list = resolveGroupList(groups, 'options.groups', capabilities);
  if (ecdhCurve === undefined) return { groups: list, option: 'options.groups' };
  if (groups !== undefined && alias.join() !== list.join())
    throw invalidArgValue(
      'options.ecdhCurve',
      'is another name of options.groups and must not differ from it',
    );
  return { groups: alias, option: 'options.ecdhCurve' };
}

function resolveGroupList(
  list: NameList | undefined,
  option: string,
  capabilities: Capabilities,
): readonly GroupName[] {
  if (list === undefined || list === 'auto') return DEFAULT_GROUPS.filter((name) => capabilities.group(name));
  return namedGroups(list, option, capabilities);
}

function namedGroups(list: NameList, option: string, capabilities: Capabilities): readonly GroupName[] {
  const groups = split(list).map((name) => {
    const lower = name.toLowerCase();
    const group = GROUP_NAMES.get(lower) ?? GROUP_ALIASES.get(lower);
    if (group === undefined) throw unknownName(option, name, ALL_GROUP_NAMES, 'Failed to set ECDH curve');
    if (!capabilities.group(group)) throw lacking('ERR_DTLS_UNSUPPORTED_GROUP', option, name, group);
    return group;
  });
  return unique(groups);
}

/**
 * By default the first group whose share leaves room for the rest of a ClientHello in one datagram; none for keys that stand
 * alone. A server that chooses a certificate instead asks for a share (RFC 8446 §4.2.8).
 */
export function resolveKeyShares(
  list: NameList | undefined,
  groups: readonly GroupName[],
  pskModes: readonly PskModeName[],
  capabilities: Capabilities,
): readonly GroupName[] {
  if (list === undefined) {
    if (!pskModes.includes('psk_dhe_ke')) return [];
    const small = groups.find((name) => shareLength(name, 'client') <= SMALL_SHARE) ?? groups[0];
    return small === undefined ? [] : [small];
  }
  const shares = namedGroups(list, 'options.keyShares', capabilities);
  const stray = shares.find((name) => !groups.includes(name));
  if (stray !== undefined) {
    throw invalidArgValue('options.keyShares', `must hold only groups of options.groups, not '${stray}'`);
  }
  // RFC 8446 §4.2.8: shares are in the order of supported_groups.
  return groups.filter((name) => shares.includes(name));
}

export function resolveSigalgs(
  list: NameList | undefined,
  capabilities: Capabilities,
): readonly SchemeName[] {
  if (list === undefined) {
    const schemes = DEFAULT_SCHEMES.filter((name) => hasScheme(scheme(name), capabilities));
    if (schemes.length === 0)
      throw lacking('ERR_DTLS_UNSUPPORTED_SIGALG', 'options.sigalgs', 'the default', 'any signature');
    return schemes;
  }
  const schemes = split(list).map((name) => {
    if (!Object.hasOwn(Scheme, name)) throw unknownName('options.sigalgs', name, SCHEME_NAMES);
    const known = name as SchemeName;
    if (!hasScheme(scheme(known), capabilities))
      throw lacking('ERR_DTLS_UNSUPPORTED_SIGALG', 'options.sigalgs', name, known);
    return known;
  });
  return unique(schemes);
}

const SCHEME_NAMES = Object.keys(Scheme);
const PSK_MODES = Object.keys(PskKeyExchangeMode) as PskModeName[];

/** Without forward secrecy only when named explicitly. */
export function resolvePskModes(list: NameList | undefined, hasPsk: boolean): readonly PskModeName[] {
  if (list === undefined) return ['psk_dhe_ke'];
  if (!hasPsk) throw invalidArgValue('options.pskModes', 'is only meaningful with options.psk');
  const modes = split(list).map((name) => {
    checkOneOf(name, 'options.pskModes', PSK_MODES);
    return name;
  });
  return unique(modes);
}

function split(list: NameList): string[] {
  const items = typeof list === 'string' ? list.split(':') : list;
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

/** With the code of node:dtls. `phrase`: OpenSSL's, or node:dtls's, for it. */
export function unknownName(option: string, name: string, known: readonly string[], phrase?: string): Error {
  const text = `${option}: '${brief(name)}' is not known here${phrase === undefined ? '' : ` (${phrase})`}`;
  return callerError('ERR_CRYPTO_OPERATION_FAILED', `${text}${didYouMean(name, known)}`);
}

/** For a name that the library supports, and for which this runtime has no cryptography. */
export function lacking(code: ErrorCode, option: string, name: string, lack: string): Error {
  return callerError(code, `${option}: '${name}' needs ${lack}, which this runtime lacks. Name another`);
}

function unique<T>(items: readonly T[]): readonly T[] {
  return [...new Set(items)];
}
