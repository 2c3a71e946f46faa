import { callerError, invalidArgValue, outOfRange } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import { groupFits } from '../crypto/groups.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { Version } from '../wire/codes.js';
import type { TrustStore } from '../x509/trust-store.js';
import { resolveCertificateTypes } from './certificate-types.js';
import { checkBoolean, checkFunction, checkInteger, checkKnown, checkObject, checkOneOf } from './checks.js';
import type { Behaviour, CheckServerIdentity, Role, Security } from './config.js';
import { DEFAULTS } from './defaults.js';
import { resolveIdentities } from './identity.js';
import { resolveKeepAlive } from './keep-alive.js';
import { resolveNamedIdentity } from './named-identity.js';
import { resolveCiphers, resolveGroups, resolveKeyShares, resolvePskModes, resolveSigalgs } from './names.js';
import { resolveOcsp } from './ocsp.js';
import type { BehaviourOptions, SecurityOptions } from './options.js';
import { resolvePfx } from './pfx.js';
import { checkPolicy } from './policy.js';
import { resolveAlpn, resolveRecordLimits, resolveSrtp } from './protocols.js';
import { resolvePsk } from './psk.js';
import { resolveSni } from './sni.js';
import { resolveTickets } from './tickets.js';
import { resolveCrls, resolvePins, resolveTrust } from './trust.js';

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
