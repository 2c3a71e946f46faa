import { utf8 } from '../base/bytes.js';
import { callerError, invalidArgValue, outOfRange } from '../base/errors.js';
import { memberOf } from '../base/own-properties.js';
import { groupFits } from '../crypto/groups.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type CipherSuite, suiteOf } from '../crypto/suites.js';
import { SrtpProfile, type SrtpProfileName } from '../wire/codes.js';
import { isAtLeast, type VersionFacts, versionNamed } from '../wire/version.js';
import { TrustStore } from '../x509/trust-store.js';
import { checkString } from './checks.js';
import type { CheckServerIdentity, Role, Security, VerifyPeer, Versions } from './config.js';
import { withLayer } from './crypto-provider.js';
import { resolveCertificateTypes, resolveIdentities, resolvePfx, withIssuers } from './identity.js';
import {
  resolveCiphers,
  resolveGroups,
  resolveKeyShares,
  resolvePskModes,
  resolveSigalgs,
  unknownName,
} from './names.js';
import { checkNamed, type Filled, type OptionsOf, readNames, withDefaults } from './option-table.js';
import { CONTEXT_OPTIONS, SECURITY_OPTIONS, type SecurityOptions, VERSIONS } from './options.js';
import { checkOffer, resolvePsk } from './psk.js';
import { resolveNamedIdentity, resolveSni } from './sni.js';
import { checkTicketKeys, resolveTickets } from './tickets.js';
import { resolveCrls, resolveOcsp, resolvePins, resolveTrust } from './trust.js';

/**
 * The platform's part of a secure context, for what the options leave open.
 *
 * @example
 * ```ts
 * import { dtls13, nodeProvider, type Platform, type ProtocolVersion } from 'datagram-tls/core';
 *
 * const platform: Platform<ProtocolVersion> = { provider: nodeProvider, versions: [dtls13] };
 * ```
 */
export interface Platform<V extends VersionFacts = VersionFacts> {
  /** All cryptography and randomness. */
  readonly provider: CryptoProvider;
  /** The versions of this program, latest first. A bundle holds no code of any other. */
  readonly versions: Versions<V>;
  /**
   * The certificates that are trusted where no option names any. Called when a chain is first validated.
   * @defaultValue an empty store: such a chain is refused
   */
  readonly defaultTrust?: () => TrustStore;
  /**
   * What `checkServerIdentity` gets for a certificate, DER.
   * @defaultValue the DER itself
   */
  readonly describeCertificate?: (der: Uint8Array) => unknown;
  /**
   * What functions of options get for bytes, over the same memory: `verifyPeer`, `psk`, `ocspResponse`, `replayGuard`
   * and the `sign` of a key.
   * @defaultValue the bytes themselves
   */
  readonly giveBytes?: (bytes: Uint8Array) => Uint8Array;
  /**
   * The default of `sessionIdContext`.
   * @defaultValue an empty text
   */
  readonly sessionIdContext?: () => string;
  /** The content of a secure context that the caller made before; `undefined` for any other object. */
  readonly openContext?: (object: object) => Security<V> | undefined;
}

/**
 * The only reader of {@link SecurityOptions}. Throws the caller's mistake under the option's name.
 *
 * @example
 * ```ts
 * import { dtls12, dtls13, nodeProvider, resolveSecurity } from 'datagram-tls/core';
 *
 * const platform = { provider: nodeProvider, versions: [dtls13, dtls12] as const };
 * const security = resolveSecurity({ cert, key }, 'server', platform);
 * ```
 */
export function resolveSecurity<V extends VersionFacts>(
  options: SecurityOptions,
  role: Role,
  base: Platform<V>,
): Security<V> {
  const given = readNames(options, SECURITY_OPTIONS, { role });
  const platform = completePlatform(base);
  const security = readSecurity(given, role, platform);
  checkPolicy(security);
  checkNamed(given, SECURITY_OPTIONS, ['sni']);
  const sni = resolveSni(given.sni, (identity) => {
    const own = platform.openContext(identity) ?? readIdentity(identity, platform);
    if (own.role !== 'server') throw notOfServer();
    const named = resolveNamedIdentity(security, own);
    checkPolicy(named);
    return Object.freeze(named);
  });
  return Object.freeze({ ...security, sni, sniAsks: typeof given.sni === 'function' });
}

type WholePlatform<V extends VersionFacts = VersionFacts> = Required<Platform<V>>;

/** What a platform leaves out is not read from a polluted `Object.prototype`: it could be trust. */
function completePlatform<V extends VersionFacts>(platform: Platform<V>): WholePlatform<V> {
  const given = <K extends keyof Platform<V>>(name: K) => memberOf(platform, name) as Platform<V>[K];
  return {
    provider: platform.provider,
    versions: platform.versions,
    defaultTrust: given('defaultTrust') ?? (() => new TrustStore([])),
    describeCertificate: given('describeCertificate') ?? ((der) => der),
    giveBytes: given('giveBytes') ?? ((bytes) => bytes),
    sessionIdContext: given('sessionIdContext') ?? (() => ''),
    openContext: given('openContext') ?? (() => undefined),
  };
}

const NAME_OPTIONS = { ...SECURITY_OPTIONS, ...CONTEXT_OPTIONS };

type NameOptions = SecurityOptions & OptionsOf<typeof CONTEXT_OPTIONS>;

/** The settings of a name, from options of `createSecureContext`. */
function readIdentity<V extends VersionFacts>(identity: object, platform: WholePlatform<V>): Security<V> {
  const options: NameOptions = readNames(identity, NAME_OPTIONS, { role: 'server' });
  checkNamed(options, NAME_OPTIONS, ['isServer', 'sni']);
  if (options.isServer === false) throw notOfServer();
  return readSecurity(options, 'server', platform);
}

function notOfServer(): Error {
  return invalidArgValue('options.isServer', 'must be true: only servers have names');
}

type OptionName = keyof typeof SECURITY_OPTIONS;

/** Options that are read together, in the order in which node:dtls reads its own. */
const STEPS = {
  cryptography: ['cryptoProvider'],
  psk: ['psk', 'pskIdentityHint', 'pskHideUnknown'],
  tickets: ['ticketKeys'],
  identities: ['certificateTypes', 'cert', 'passphrase', 'key', 'pfx'],
  trust: ['ca', 'crl', 'pins', 'peerCertificateTypes'],
  suites: ['minVersion', 'maxVersion', 'ciphers', 'ecdhCurve', 'groups', 'keyShares', 'sigalgs', 'pskModes'],
  alpn: ['alpn'],
  srtp: ['srtp'],
} as const satisfies Record<string, readonly OptionName[]>;

const IN_STEPS: ReadonlySet<string> = new Set<string>(Object.values(STEPS).flat());
const OTHERS = Object.keys(SECURITY_OPTIONS).filter((name) => !IN_STEPS.has(name) && name !== 'sni');

/** All but `sni`. The values of `options` are checked here, step by step. */
function readSecurity<V extends VersionFacts>(
  options: SecurityOptions,
  role: Role,
  base: WholePlatform<V>,
): Security<V> {
  const check = (names: readonly string[]): void => checkNamed(options, SECURITY_OPTIONS, names);
  check(STEPS.cryptography);
  const platform = { ...base, provider: withLayer(base.provider, options.cryptoProvider) };
  const { provider } = platform;
  const { capabilities } = provider;
  // Cookies, DTLS 1.2's PRF and pre-shared keys have no other hash.
  if (!capabilities.hash('sha256'))
    throw callerError(
      'ERR_DTLS_UNSUPPORTED_HASH',
      'This runtime lacks SHA-256, without which there is no DTLS. Use another runtime, or a provider that has it',
    );
  check(STEPS.psk);
  const psk = resolvePsk(options, role, platform, () => negotiation.versions[0]);
  check(STEPS.tickets);
  if (role === 'server') checkTicketKeys(options.ticketKeys);
  check(STEPS.identities);
  const pfx = resolvePfx(options, provider);
  const identities = resolveIdentities(options, pfx, platform);
  check(STEPS.trust);
  const trust = readTrust(options, pfx, platform);
  check(STEPS.suites);
  const negotiation = readNegotiation(options, role, platform);
  checkOffer(psk, negotiation.versions[0]);
  check(STEPS.alpn);
  const alpn = resolveAlpn(options.alpn);
  check(STEPS.srtp);
  const srtp = resolveSrtp(options.srtp);
  check(OTHERS);
  const settings = withDefaults(options, SECURITY_OPTIONS);
  return {
    given: givenIn(options),
    role,
    provider,
    identities: options.ca === undefined ? identities : withIssuers(identities, trust.trust()),
    ...trust,
    psk,
    tickets: role === 'server' ? resolveTickets(options, platform) : undefined,
    ...negotiation,
    requestCert: settings.requestCert,
    rejectUnauthorized: settings.rejectUnauthorized,
    alpn,
    srtp,
    recordSizeLimit: settings.recordSizeLimit,
    maxFragmentLength: settings.maxFragmentLength,
    ...resolveOcsp(options, identities, platform),
    verifyPeer: resolveVerifyPeer(options.verifyPeer, platform),
    sni: undefined,
    sniAsks: false,
    checkServerIdentity: resolveIdentityCheck(options.checkServerIdentity, platform),
  };
}

function readTrust(
  options: SecurityOptions,
  pfx: ReturnType<typeof resolvePfx>,
  { defaultTrust }: WholePlatform,
): Pick<Security, 'trust' | 'trustBesides' | 'crls' | 'pins' | 'peerCertificateTypes'> {
  const trustBesides = pfx.flatMap(({ others }) => others);
  return {
    trust: resolveTrust(options.ca, trustBesides, defaultTrust),
    trustBesides,
    crls: resolveCrls(options.crl),
    pins: resolvePins(options.pins),
    peerCertificateTypes: resolveCertificateTypes(options.peerCertificateTypes),
  };
}

function readNegotiation<V extends VersionFacts>(
  options: SecurityOptions,
  role: Role,
  { provider: { capabilities }, versions: spoken }: Platform<V>,
): Pick<Security<V>, 'versions' | 'suites' | 'groups' | 'keyShares' | 'sigalgs' | 'pskModes'> {
  // A name may have pre-shared keys where the endpoint has none.
  const hasPsk = options.psk !== undefined || options.sni !== undefined;
  const suites = resolveCiphers(options.ciphers, role, hasPsk, capabilities);
  const { groups, option: groupsOption } = resolveGroups(options, capabilities);
  const versions = resolveVersions(withDefaults(options, SECURITY_OPTIONS), suites, spoken);
  if (!groups.some((group) => versions.some(({ name }) => groupFits(group, name))))
    throw invalidArgValue(groupsOption, `must hold a group for ${versions[0].name}`);
  const pskModes = resolvePskModes(options.pskModes, hasPsk);
  return {
    versions,
    suites,
    groups,
    keyShares: resolveKeyShares(options.keyShares, groups, pskModes, capabilities),
    sigalgs: resolveSigalgs(options.sigalgs, capabilities),
    pskModes,
  };
}

function givenIn(options: SecurityOptions): ReadonlySet<string> {
  return new Set(Object.keys(options).filter((name) => Object.hasOwn(SECURITY_OPTIONS, name)));
}

function resolveVerifyPeer(
  verifyPeer: VerifyPeer | undefined,
  { giveBytes }: WholePlatform,
): VerifyPeer | undefined {
  if (verifyPeer === undefined) return undefined;
  return (chain, info) => {
    const { rawPublicKey } = info;
    // The object is made for this call. A copy of it would read its getters.
    if (rawPublicKey !== undefined) Object.assign(info, { rawPublicKey: giveBytes(rawPublicKey) });
    return verifyPeer(chain.map(giveBytes), info);
  };
}

function resolveIdentityCheck(
  check: SecurityOptions['checkServerIdentity'],
  platform: WholePlatform,
): CheckServerIdentity | undefined {
  if (check === undefined) return undefined;
  return (name, leaf) => check(name, platform.describeCertificate(leaf) as never);
}

/** A version for which `ciphers` leaves no suite is not offered, as in node:tls. */
function resolveVersions<V extends VersionFacts>(
  { minVersion, maxVersion }: Filled<typeof SECURITY_OPTIONS>,
  suites: readonly CipherSuite[],
  spoken: Versions<V>,
): Versions<V> {
  if (!isAtLeast(maxVersion, minVersion))
    throw invalidArgValue('options.minVersion', `must not be later than options.maxVersion, ${maxVersion}`);
  const asked = spoken.filter(({ name }) => isAtLeast(name, minVersion) && isAtLeast(maxVersion, name));
  if (asked.length === 0) {
    const names = spoken.map(({ name }) => name).join(' and ');
    throw invalidArgValue('options.maxVersion', `leaves no version: this program speaks ${names}`);
  }
  const [latest, ...others] = asked.filter(({ name }) => suites.some(suiteOf(name)));
  if (latest === undefined) {
    const names = VERSIONS.filter((name) => versionNamed(asked, name) !== undefined);
    throw invalidArgValue('options.ciphers', `must hold a suite of ${names.join(' or ')}`);
  }
  return [latest, ...others];
}

/**
 * Rules between options, on one endpoint or between one of its names and the endpoint: `ERR_INVALID_ARG_VALUE` for an
 * option that could have no effect, or would cancel the effect of another.
 */
function checkPolicy(security: Security): void {
  checkPins(security);
  checkPeerTypes(security);
  checkOcsp(security);
  checkEarlyData(security);
  checkPsk(security);
}

/**
 * RFC 8446 appendix E.6: a client with an unknown identity would get the certificate, and one with a wrong key would
 * not.
 */
function checkPsk({ psk, identities, versions: [latest] }: Security): void {
  if (psk.role === 'server' && psk.hideUnknown && identities.length > 0 && latest.rules.pskInHello)
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

/** Options about certificates, which a peer does not show where it has to show a raw public key. */
const FOR_CERTIFICATES = ['ca', 'checkServerIdentity'] as const;

/** A raw public key needs `pins` or `verifyPeer`: it does not say whose it is. */
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

/** DTLS 1.2 cannot ask clients. */
function checkOcsp(security: Security): void {
  const { role, pins, requestCert, requestStaple, findStaple } = security;
  const [latest] = security.versions;
  if (requestStaple && pins.length > 0) {
    throw invalidArgValue(
      'options.pins',
      'cannot stand beside requestOCSP: a pin takes the place of the issuer, by whose key a response is verified',
    );
  }
  const asksClients = role === 'server' ? requestStaple : findStaple !== undefined;
  if (asksClients && !latest.rules.clientStatus) {
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

function checkEarlyData({ tickets, versions: [latest] }: Security): void {
  if (tickets?.early !== undefined && !latest.rules.earlyData)
    throw invalidArgValue('options.maxEarlyData', 'is of no use below DTLSv1.3');
}

/** Bytes of all names of an offer with their lengths: the list's length field is in the extension, too. */
const MAX_ALPN = 0xffff - 2;

/**
 * Protocol names in order of preference, as bytes: from strings, or from the wire format with a length before each.
 * Errors are those of node:dtls.
 */
function resolveAlpn(alpn: SecurityOptions['alpn']): readonly Uint8Array[] {
  if (alpn === undefined) return [];
  if (alpn instanceof Uint8Array) return splitNames(alpn);
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
function resolveSrtp(srtp: string | undefined): readonly SrtpProfileName[] {
  if (srtp === undefined) return [];
  const names = srtp.split(':').map((name) => {
    if (!Object.hasOwn(SrtpProfile, name))
      throw unknownName('options.srtp', name, Object.keys(SrtpProfile), 'SSL_CTX_set_tlsext_use_srtp failed');
    return name as SrtpProfileName;
  });
  return [...new Set(names)];
}
