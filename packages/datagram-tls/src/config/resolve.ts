import { utf8 } from '../base/bytes.js';
import { callerError, invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import { groupFits } from '../crypto/groups.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import { SrtpProfile, type SrtpProfileName, type Version } from '../wire/codes.js';
import type { TrustStore } from '../x509/trust-store.js';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkKnown,
  checkObject,
  checkOneOf,
  checkString,
} from './checks.js';
import type { Behaviour, CheckServerIdentity, Role, Security } from './config.js';
import { DEFAULTS } from './defaults.js';
import { resolveCertificateTypes, resolveIdentities, resolvePfx } from './identity.js';
import { resolveKeepAlive } from './keep-alive.js';
import { resolveCiphers, resolveGroups, resolveKeyShares, resolvePskModes, resolveSigalgs } from './names.js';
import type { BehaviourOptions, SecurityOptions } from './options.js';
import { resolvePsk } from './psk.js';
import { resolveNamedIdentity, resolveSni } from './sni.js';
import { resolveTickets } from './tickets.js';
import { resolveCrls, resolveOcsp, resolvePins, resolveTrust } from './trust.js';

/** What the platform gives a security that the options leave open. */
export interface Platform {
  readonly provider: CryptoProvider;
  /** The platform's trusted certificates, parsed when first asked for. */
  readonly defaultTrust: () => TrustStore;
  /** What `checkServerIdentity` gets to see of a certificate, DER. */
  readonly describeCertificate: (der: Uint8Array) => unknown;
  /** What a secure context holds that the caller made of options before; `undefined` for any other object. */
  readonly openContext?: (object: object) => Security | undefined;
}

/** Options that belong to a secure context and cannot stand beside one. */
export const SECURITY_OPTIONS = [
  'alpn',
  'ca',
  'cert',
  'certificateTypes',
  'checkServerIdentity',
  'ciphers',
  'crl',
  'ecdhCurve',
  'groups',
  'key',
  'keyShares',
  'maxEarlyData',
  'maxFragmentLength',
  'maxVersion',
  'minVersion',
  'ocspResponse',
  'passphrase',
  'peerCertificateTypes',
  'pfx',
  'pins',
  'psk',
  'pskHideUnknown',
  'pskIdentityHint',
  'pskModes',
  'recordSizeLimit',
  'rejectUnauthorized',
  'replayGuard',
  'requestCert',
  'requestOCSP',
  'requireOCSP',
  'sessionCacheSize',
  'sessionIdContext',
  'sessionTimeout',
  'sigalgs',
  'sni',
  'srtp',
  'ticketKeys',
  'verifyPeer',
] as const;

export const BEHAVIOUR_OPTIONS = [
  'allowHalfOpen',
  'handshakeTimeout',
  'idleTimeout',
  'keepAlive',
  'mtu',
  'recordsPerKey',
  'retransmission',
] as const;

const CLIENT_OPTIONS = ['checkServerIdentity', 'keyShares', 'maxFragmentLength'] as const;
const SERVER_ONLY = [
  'maxEarlyData',
  'pskHideUnknown',
  'pskIdentityHint',
  'replayGuard',
  'requestCert',
  'sessionCacheSize',
  'sessionIdContext',
  'sessionTimeout',
  'sni',
  'ticketKeys',
] as const;

/** Oldest first. */
const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'] as const satisfies readonly Version[];

/** The only reader of {@link SecurityOptions}. Throws the caller's mistake under the option's name. */
export function resolveSecurity(given: SecurityOptions, role: Role, platform: Platform): Security {
  const options = ownProperties(given);
  const security = readSecurity(options, role, platform);
  checkPolicy(security);
  const sni = resolveSni(options.sni, (identity) => {
    const own = platform.openContext?.(identity) ?? readIdentity(identity, platform);
    if (own.role !== 'server')
      throw invalidArgValue('options.isServer', 'must be true: it is a server that has names');
    const named = resolveNamedIdentity(security, own);
    checkPolicy(named);
    return Object.freeze(named);
  });
  return Object.freeze({ ...security, sni, sniAsks: typeof options.sni === 'function' });
}

const IDENTITY_OPTIONS = new Set<string>([...SECURITY_OPTIONS, 'isServer']);

/** What a name is served with, from what `createSecureContext` takes. */
function readIdentity(identity: SecurityOptions & { isServer?: unknown }, platform: Platform): Security {
  checkKnown(identity, IDENTITY_OPTIONS);
  const options = ownProperties(identity);
  const { isServer = true } = options;
  checkBoolean(isServer, 'options.isServer');
  return readSecurity(options, isServer ? 'server' : 'client', platform);
}

/** All but `sni`. */
function readSecurity(options: SecurityOptions, role: Role, platform: Platform): Security {
  const { provider } = platform;
  for (const name of SERVER_ONLY) {
    if (role === 'client' && options[name] !== undefined)
      throw invalidArgValue(`options.${name}`, 'is only meaningful for a server context');
  }
  for (const name of CLIENT_OPTIONS) {
    if (role === 'server' && options[name] !== undefined)
      throw invalidArgValue(`options.${name}`, 'is only meaningful for a client context');
  }
  if (options.verifyPeer !== undefined) checkFunction(options.verifyPeer, 'options.verifyPeer');
  const pfx = resolvePfx(options, provider);
  const identities = resolveIdentities(options, pfx, provider);
  const trustBesides = pfx.flatMap(({ others }) => others);
  // A name may have pre-shared keys where the endpoint has none.
  const hasPsk = options.psk !== undefined || options.sni !== undefined;
  const { capabilities } = provider;
  // Cookies, DTLS 1.2's PRF and pre-shared keys have no other hash.
  if (!capabilities.hash('sha256'))
    throw callerError('ERR_DTLS_UNSUPPORTED_HASH', 'This runtime lacks SHA-256');
  const suites = resolveCiphers(options.ciphers, role, hasPsk, capabilities);
  const groups = resolveGroups(options.groups ?? options.ecdhCurve, groupsOption(options), capabilities);
  const versions = resolveVersions(options, suites);
  const psk = resolvePsk(options, role, versions.maxVersion, capabilities);
  if (
    !groups.some((group) => groupFits(group, versions.minVersion) || groupFits(group, versions.maxVersion))
  ) {
    throw invalidArgValue(groupsOption(options), `must hold a group for ${versions.maxVersion}`);
  }
  return {
    given: givenIn(options),
    role,
    provider,
    ...versions,
    identities,
    trust: resolveTrust(options.ca, trustBesides, platform.defaultTrust),
    trustBesides,
    crls: resolveCrls(options.crl),
    pins: resolvePins(options.pins),
    peerCertificateTypes: resolveCertificateTypes(options.peerCertificateTypes, 'peerCertificateTypes'),
    psk,
    pskModes: resolvePskModes(options.pskModes, hasPsk),
    tickets: role === 'server' ? resolveTickets(options, provider) : undefined,
    suites,
    groups,
    keyShares: resolveKeyShares(options.keyShares, groups, capabilities),
    sigalgs: resolveSigalgs(options.sigalgs, capabilities),
    requestCert: flag(options.requestCert, 'requestCert'),
    rejectUnauthorized: flag(options.rejectUnauthorized, 'rejectUnauthorized'),
    alpn: resolveAlpn(options.alpn),
    srtp: resolveSrtp(options.srtp),
    ...resolveRecordLimits(options),
    ...resolveOcsp(options, identities, provider),
    verifyPeer: options.verifyPeer,
    sni: undefined,
    sniAsks: false,
    checkServerIdentity: resolveIdentityCheck(options.checkServerIdentity, platform),
  };
}

/** As in node:tls `null` is as good as nothing. */
function givenIn(options: SecurityOptions): ReadonlySet<string> {
  return new Set(SECURITY_OPTIONS.filter((name) => (options[name] ?? null) !== null));
}

function resolveIdentityCheck(
  check: SecurityOptions['checkServerIdentity'],
  platform: Platform,
): CheckServerIdentity | undefined {
  if (check === undefined) return undefined;
  checkFunction(check, 'options.checkServerIdentity');
  return (name, leaf) => check(name, platform.describeCertificate(leaf) as never);
}

function groupsOption(options: SecurityOptions): string {
  return options.groups === undefined ? 'options.ecdhCurve' : 'options.groups';
}

function flag(value: unknown, name: 'requestCert' | 'rejectUnauthorized'): boolean {
  if (value === undefined) return DEFAULTS[name];
  checkBoolean(value, `options.${name}`);
  return value;
}

/** A version for which `ciphers` leaves no suite is not offered, as in node:tls. */
function resolveVersions(
  options: SecurityOptions,
  suites: readonly CipherSuite[],
): { minVersion: Version; maxVersion: Version } {
  const { minVersion = DEFAULTS.minVersion, maxVersion = DEFAULTS.maxVersion } = options;
  checkOneOf(minVersion, 'options.minVersion', VERSIONS);
  checkOneOf(maxVersion, 'options.maxVersion', VERSIONS);
  const asked = VERSIONS.slice(VERSIONS.indexOf(minVersion), VERSIONS.indexOf(maxVersion) + 1);
  if (asked.length === 0) {
    throw invalidArgValue('options.minVersion', `must not be later than options.maxVersion, ${maxVersion}`);
  }
  const [first, last = first] = asked.filter((version) => suites.some((suite) => suite.version === version));
  if (first === undefined || last === undefined) {
    throw invalidArgValue('options.ciphers', `must hold a suite of ${asked.join(' or ')}`);
  }
  return { minVersion: first, maxVersion: last };
}

/** The only reader of {@link BehaviourOptions}. */
export function resolveBehaviour(given: BehaviourOptions, trace: boolean): Behaviour {
  const options = ownProperties(given);
  const { mtu = DEFAULTS.mtu, handshakeTimeout = DEFAULTS.handshakeTimeout } = options;
  const { allowHalfOpen = DEFAULTS.allowHalfOpen, recordsPerKey = DEFAULTS.recordsPerKey } = options;
  checkInteger(mtu, 'options.mtu', 256, 65_535);
  checkInteger(handshakeTimeout, 'options.handshakeTimeout', 0, Number.MAX_SAFE_INTEGER);
  const { idleTimeout } = options;
  if (idleTimeout !== undefined) checkInteger(idleTimeout, 'options.idleTimeout', 0, Number.MAX_SAFE_INTEGER);
  checkBoolean(allowHalfOpen, 'options.allowHalfOpen');
  checkInteger(recordsPerKey, 'options.recordsPerKey', 1, Number.MAX_SAFE_INTEGER);
  return Object.freeze({
    mtu,
    handshakeTimeout,
    idleTimeout:
      idleTimeout === undefined ? DEFAULTS.idleTimeout : { client: idleTimeout, server: idleTimeout },
    allowHalfOpen,
    recordsPerKey,
    keepAlive: resolveKeepAlive(options.keepAlive),
    retransmission: resolveTimer(options.retransmission),
    trace,
  });
}

function resolveTimer(options: BehaviourOptions['retransmission']): Behaviour['retransmission'] {
  if (options === undefined) return DEFAULTS.retransmission;
  checkObject(options, 'options.retransmission');
  const own = ownProperties(options);
  const { initial = DEFAULTS.retransmission.initial, max = DEFAULTS.retransmission.max } = own;
  checkInteger(initial, 'options.retransmission.initial', 10, 600_000);
  checkInteger(max, 'options.retransmission.max', 10, 600_000);
  if (max < initial) throw outOfRange('options.retransmission.max', `>= initial (${initial})`, max);
  return Object.freeze({ initial, max });
}

/**
 * What options mean together, on one endpoint or between one of its names and the endpoint: `ERR_INVALID_ARG_VALUE` for
 * what could have no effect, or would take the effect of something else away.
 */
function checkPolicy(security: Security): void {
  checkPins(security);
  checkPeerTypes(security);
  checkOcsp(security);
  checkEarlyData(security);
  checkPsk(security);
}

/** RFC 8446 appendix E.6: a client whose identity is unknown would be shown the certificate, and one with a wrong key not. */
function checkPsk({ psk, identities, maxVersion }: Security): void {
  if (psk.role === 'server' && psk.hideUnknown && identities.length > 0 && maxVersion === 'DTLSv1.3')
    throw invalidArgValue(
      'options.pskHideUnknown',
      'hides nothing beside a certificate in DTLS 1.3: leave out options.cert, or set options.maxVersion to DTLSv1.2',
    );
}

function checkPins({ role, pins, crls, requestCert }: Security): void {
  if (pins.length === 0) return;
  if (role === 'server' && !requestCert)
    throw invalidArgValue('options.pins', 'needs requestCert: without it no client shows a certificate');
  if (crls !== undefined)
    throw invalidArgValue('options.pins', 'cannot stand beside crl: a pin takes the place of the path');
}

/** Options that judge certificates, of which a peer shows none where it has to show a raw public key. */
const FOR_CERTIFICATES = ['ca', 'checkServerIdentity'] as const;

/** Somebody has to judge what peers may show: a raw public key says nothing about whose it is. */
function checkPeerTypes(security: Security): void {
  const { given, role, pins, peerCertificateTypes: types } = security;
  if (role === 'server' && given.has('peerCertificateTypes') && !security.requestCert) {
    throw invalidArgValue('options.peerCertificateTypes', 'needs requestCert: no client is asked otherwise');
  }
  const judged =
    pins.some((pin) => pin.of === 'spki') ||
    security.verifyPeer !== undefined ||
    !security.rejectUnauthorized;
  if (types.includes('RawPublicKey') && !judged) {
    throw invalidArgValue(
      'options.peerCertificateTypes',
      'holds RawPublicKey, for which no CA vouches: it needs pins of the form spki-sha256:<64 hex digits>, or verifyPeer',
    );
  }
  for (const name of FOR_CERTIFICATES) {
    if (!types.includes('X509') && given.has(name))
      throw invalidArgValue(`options.${name}`, 'is of no use where options.peerCertificateTypes lacks X509');
  }
}

/** Clients cannot be asked in DTLS 1.2. */
function checkOcsp({ role, pins, requestCert, requestStaple, findStaple, maxVersion }: Security): void {
  if (requestStaple && pins.length > 0) {
    throw invalidArgValue(
      'options.pins',
      'cannot stand beside requestOCSP: a pin takes the place of the issuer, by whose key a response is verified',
    );
  }
  const asksClients = role === 'server' ? requestStaple : findStaple !== undefined;
  if (asksClients && maxVersion === 'DTLSv1.2') {
    const name = role === 'server' ? 'options.requestOCSP' : 'options.ocspResponse';
    throw invalidArgValue(name, 'is of no use below DTLSv1.3, which alone lets servers ask clients');
  }
  if (role === 'server' && requestStaple && !requestCert) {
    throw invalidArgValue(
      'options.requestOCSP',
      'needs requestCert: without it no client shows a certificate',
    );
  }
}

function checkEarlyData({ tickets, maxVersion }: Security): void {
  if (tickets?.early !== undefined && maxVersion === 'DTLSv1.2')
    throw invalidArgValue('options.maxEarlyData', 'is of no use below DTLSv1.3');
}

/** Bytes that all names of an offer may have with their lengths: the list's length field is in the extension, too. */
const MAX_ALPN = 0xffff - 2;

/**
 * Protocol names in order of preference, as bytes: from strings, or from the wire's form with a length before each.
 * Errors are those of node:dtls.
 */
function resolveAlpn(alpn: unknown): readonly Uint8Array[] {
  if (alpn === undefined) return [];
  if (alpn instanceof Uint8Array) return splitNames(alpn);
  if (!Array.isArray(alpn)) {
    throw invalidArgType('options.alpn', 'an array of strings or an instance of Buffer or Uint8Array', alpn);
  }
  const names = alpn.map((name: unknown, i) => {
    checkString(name, `options.alpn[${i}]`);
    const bytes = utf8(name);
    if (bytes.length < 1 || bytes.length > 255)
      throw outOfRange(`options.alpn[${i}] byte length`, '>= 1 && <= 255', bytes.length);
    return bytes;
  });
  const total = names.reduce((sum, name) => sum + 1 + name.length, 0);
  if (total > MAX_ALPN) throw outOfRange('options.alpn byte length', `<= ${MAX_ALPN}`, total);
  return names;
}

function splitNames(list: Uint8Array): readonly Uint8Array[] {
  if (list.length > MAX_ALPN) throw outOfRange('options.alpn byte length', `<= ${MAX_ALPN}`, list.length);
  const names: Uint8Array[] = [];
  for (let at = 0; at < list.length; ) {
    const end = at + 1 + (list[at] ?? 0);
    if (end === at + 1)
      throw invalidArgValue('options.alpn', `contains a zero-length protocol name at offset ${at}`);
    if (end > list.length)
      throw invalidArgValue('options.alpn', `protocol name at offset ${at} runs past the end of the buffer`);
    names.push(Uint8Array.prototype.slice.call(list, at + 1, end));
    at = end;
  }
  return names;
}

/** SRTP protection profiles in order of preference, from OpenSSL's names with colons between. */
function resolveSrtp(srtp: unknown): readonly SrtpProfileName[] {
  if (srtp === undefined) return [];
  checkString(srtp, 'options.srtp');
  const names = srtp.split(':').map((name) => {
    if (!Object.hasOwn(SrtpProfile, name))
      throw callerError(
        'ERR_CRYPTO_OPERATION_FAILED',
        `options.srtp: '${name}' is no profile that is known here`,
      );
    return name as SrtpProfileName;
  });
  return [...new Set(names)];
}

/** Values of max_fragment_length (RFC 6066 §4). */
const FRAGMENT_LENGTHS: readonly unknown[] = [512, 1024, 2048, 4096];
/** RFC 8449 §4. */
const LEAST_RECORD_SIZE = 64;

function resolveRecordLimits({
  recordSizeLimit = DEFAULTS.recordSizeLimit,
  maxFragmentLength,
}: Pick<SecurityOptions, 'recordSizeLimit' | 'maxFragmentLength'>): {
  recordSizeLimit: number;
  maxFragmentLength: number | undefined;
} {
  checkInteger(recordSizeLimit, 'options.recordSizeLimit', LEAST_RECORD_SIZE, DEFAULTS.recordSizeLimit);
  if (maxFragmentLength !== undefined && !FRAGMENT_LENGTHS.includes(maxFragmentLength))
    throw invalidArgValue('options.maxFragmentLength', `must be one of ${FRAGMENT_LENGTHS.join(', ')}`);
  return { recordSizeLimit, maxFragmentLength };
}
