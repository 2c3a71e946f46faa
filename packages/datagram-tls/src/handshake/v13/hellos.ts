import { EMPTY, sameBytes, utf8 } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import { groupFits } from '../../crypto/groups.js';
import type { HashName } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { encodeCookie } from '../../extensions/cookie.js';
import {
  decodeKeyShareRequest,
  encodeKeyShareRetry,
  type KeyShareEntry,
} from '../../extensions/key-share.js';
import { decodePreSharedKeyRequest, type OfferedPsks } from '../../extensions/pre-shared-key.js';
import { decodePskKeyExchangeModes } from '../../extensions/psk-key-exchange-modes.js';
import { encodeSupportedVersionsResponse } from '../../extensions/supported-versions.js';
import { checkPlaces, requireExtension } from '../../extensions/table.js';
import {
  ExtensionType,
  Group,
  type GroupName,
  PskKeyExchangeMode,
  type PskModeName,
  type Version,
  WireVersion,
} from '../../wire/codes.js';
import type { Extensions } from '../../wire/extension-block.js';
import { decodeImportedIdentity, KDF_HASHES, Kdf, type KdfHash } from '../../wire/imported-identity.js';
import {
  encodeServerHello,
  HELLO_RETRY_REQUEST_RANDOM,
  type ServerHello,
} from '../../wire/messages/server-hello.js';
import { FACTS_13 } from '../../wire/version.js';
import type { ClientOffer } from '../client-wishes.js';
import type { WantedPsk } from '../jobs.js';
import { chooseGroup, suitesOf } from '../negotiate.js';
import type { Offer } from '../offer.js';
import { noSharedCipher, noSharedGroup } from '../refusals.js';
import { readAuthorities } from './certificates.js';

/** A ClientHello of DTLS 1.3, after the checks of 1.3 alone. */
export interface ClientWishes13 extends ClientOffer {
  readonly groups: readonly number[];
  readonly shares: readonly KeyShareEntry[];
  readonly psks: OfferedPsks | undefined;
  /** DER names of CAs whose certificates the client accepts; empty for any. */
  readonly authorities: readonly Uint8Array[];
  /** How the client can use pre-shared keys, {@link PskKeyExchangeMode}s; none without the extension. */
  readonly pskModes: Uint8Array;
  /** The client can resume a session, with a key exchange. */
  readonly takesTickets: boolean;
}

/** The null method alone, as RFC 8446 §4.1.2 requires. */
const NULL_COMPRESSION = Uint8Array.of(0);

/** RFC 8446 §4.1.2, §4.2.8, §9.2; RFC 9147 §5.3. */
export function readClientWishes13(wishes: ClientOffer): ClientWishes13 {
  const { hello, groups = [] } = wishes;
  if (hello.cookie.length > 0)
    throw violation('illegal_parameter', 'legacy_cookie of a DTLS 1.3 client is not empty');
  if (!sameBytes(hello.compressionMethods, NULL_COMPRESSION))
    throw violation('illegal_parameter', 'a DTLS 1.3 client offers no compression but the null method');
  checkPlaces(hello.extensions, 'CH');
  requirePskLast([...hello.extensions.keys()]);
  const shares = readShares(hello.extensions);
  checkShares(shares, groups);
  const psks = readPsks(hello.extensions);
  const pskModes = readModes(hello.extensions);
  const takesTickets = pskModes.includes(PskKeyExchangeMode.psk_dhe_ke);
  return {
    hello,
    versions: wishes.versions,
    serverName: wishes.serverName,
    asksForNonsense: wishes.asksForNonsense,
    groups,
    schemes: wishes.schemes,
    clientTypes: wishes.clientTypes,
    serverTypes: wishes.serverTypes,
    extendedMasterSecret: wishes.extendedMasterSecret,
    encryptThenMac: wishes.encryptThenMac,
    secureRenegotiation: wishes.secureRenegotiation,
    fallback: wishes.fallback,
    shares,
    psks,
    authorities: readAuthorities(hello.extensions),
    pskModes,
    takesTickets,
  };
}

/** RFC 8446 §9.2: a client without a pre-shared key needs all of these; with one it may do without a key exchange. */
function readShares(extensions: Extensions): readonly KeyShareEntry[] {
  const { pre_shared_key, signature_algorithms, supported_groups, key_share } = ExtensionType;
  if (extensions.has(pre_shared_key)) {
    if (!extensions.has(supported_groups) && !extensions.has(key_share)) return [];
  } else requireExtension(extensions, signature_algorithms, 'CH');
  requireExtension(extensions, supported_groups, 'CH');
  return decoded(decodeKeyShareRequest(requireExtension(extensions, key_share, 'CH')), 'key_share');
}

/** RFC 8446 §4.2.9, §4.2.11. */
function readPsks(extensions: Extensions): OfferedPsks | undefined {
  const body = extensions.get(ExtensionType.pre_shared_key);
  if (body === undefined) return undefined;
  const psks = decoded(decodePreSharedKeyRequest(body), 'pre_shared_key');
  if (psks.identities.length !== psks.binders.length)
    throw violation('illegal_parameter', 'pre_shared_key has not one binder for each identity');
  requireExtension(extensions, ExtensionType.psk_key_exchange_modes, 'CH');
  return psks;
}

/** RFC 8446 §4.2.9: a client without the extension cannot use tickets. */
function readModes(extensions: Extensions): Uint8Array {
  const body = extensions.get(ExtensionType.psk_key_exchange_modes);
  return body === undefined ? EMPTY : decoded(decodePskKeyExchangeModes(body), 'psk_key_exchange_modes');
}

/** RFC 8446 §4.2.11: also for a server that uses no PSK. */
function requirePskLast(types: readonly number[]): void {
  const at = types.indexOf(ExtensionType.pre_shared_key);
  if (at >= 0 && at < types.length - 1)
    throw violation('illegal_parameter', 'pre_shared_key is not the last extension');
}

function checkShares(shares: readonly KeyShareEntry[], groups: readonly number[]): void {
  const seen = new Set<number>();
  for (const { group } of shares) {
    if (seen.has(group) || !groups.includes(group))
      throw violation('illegal_parameter', 'key_share holds a group twice, or one that is not supported');
    seen.add(group);
  }
}

/** The server's choice before any proof. */
export interface Choice13 {
  readonly suite: CipherSuite;
  /** `undefined` where a pre-shared key is used alone, or there will be no session. */
  readonly group: GroupName | undefined;
}

/** Our first suite and our first group that the client supports, with a share of it or not. */
export function choose13(security: Security, client: ClientWishes13): Choice13 {
  const { suites, groups } = security;
  const common = suitesOf(suites, FACTS_13).filter(({ code }) => client.hello.cipherSuites.includes(code));
  const hashes = neededHashes(security, client);
  const suite = common.find(({ hash }) => hashes.includes(hash)) ?? common[0];
  if (suite === undefined) throw noSharedCipher();
  const alone = choosePskMode(security, client, undefined) === 'psk_ke';
  if (alone && hasKeysOnly(security) && !mayExchange(security, client)) return { suite, group: undefined };
  const group = chooseGroup(groups, client.groups, FACTS_13.name);
  if (group === undefined && !alone) throw noSharedGroup();
  return { suite, group };
}

/** Without certificates only the suites that fit the client's keys are possible. */
function neededHashes(security: Security, client: ClientWishes13): readonly HashName[] {
  return hasKeysOnly(security) && client.psks !== undefined ? offeredHashes(client.psks) : [];
}

function hasKeysOnly({ psk, identities, sni }: Security): boolean {
  return (psk.role === 'server' || sni !== undefined) && identities.length === 0;
}

function mayExchange({ pskModes }: Security, client: ClientWishes13): boolean {
  return pskModes.includes('psk_dhe_ke') && client.pskModes.includes(PskKeyExchangeMode.psk_dhe_ke);
}

/**
 * How an external key is used: with a key exchange where both sides support that and there is a `share` of the
 * client's. `undefined`: not at all.
 */
export function choosePskMode(
  security: Security,
  client: ClientWishes13,
  share: Uint8Array | undefined,
): PskModeName | undefined {
  if (client.psks === undefined || security.psk.role !== 'server') return undefined;
  if (share !== undefined && mayExchange(security, client)) return 'psk_dhe_ke';
  const alone = security.pskModes.includes('psk_ke') && client.pskModes.includes(PskKeyExchangeMode.psk_ke);
  return alone ? 'psk_ke' : undefined;
}

/** The client's share for `group`. */
export function shareFor(client: ClientWishes13, group: GroupName | undefined): Uint8Array | undefined {
  if (group === undefined) return undefined;
  return client.shares.find((share) => share.group === Group[group])?.keyExchange;
}

/**
 * Our first group with a share of the client. Waiting for a better one would cost early data its use; and the secret
 * of the earlier session is part of these keys, too.
 */
export function sharedGroup({ groups }: Security, client: ClientWishes13): GroupName | undefined {
  return groups.find((name) => groupFits(name, FACTS_13.name) && shareFor(client, name) !== undefined);
}

/** Identities that are looked up: as many as our client may have, and a ticket before them. */
const MAX_PSKS = 17;

/** An identity of the client, with the use of its key. */
interface PskCandidate {
  readonly index: number;
  /** As it was sent. */
  readonly sent: Uint8Array;
  readonly wanted: WantedPsk;
  /** Only suites with this hash can use it. */
  readonly hash: KdfHash;
}

/** Hashes of the keys that a client may mean by its identities; a ticket's is unknown. */
function offeredHashes(psks: OfferedPsks): readonly HashName[] {
  return psks.identities.map(({ identity }, index) => candidate(identity, index).hash);
}

/** An identity in the form of one imported for DTLS 1.3 counts as such; all others use SHA-256 (RFC 8446 §4.2.11). */
function candidate(sent: Uint8Array, index: number): PskCandidate {
  const imported = decodeImportedIdentity(sent);
  const hash = KDF_HASHES.find((name) => Kdf[name] === imported?.targetKdf);
  if (imported === undefined || hash === undefined || imported.targetProtocol !== WireVersion.dtls13)
    return { index, sent, wanted: { identity: sent, use: 'as-is' }, hash: 'sha256' };
  const { externalIdentity: identity, context } = imported;
  return { index, sent, wanted: { identity, use: { context } }, hash };
}

/** Those that a suite with `hash` can use. */
export function pskCandidates({ identities }: OfferedPsks, hash: HashName): readonly PskCandidate[] {
  return identities
    .map(({ identity }, index) => candidate(identity, index))
    .filter((one) => one.hash === hash)
    .slice(0, MAX_PSKS);
}

/**
 * The common checks of a ServerHello and a HelloRetryRequest against the offer (RFC 8446 §4.1.3, §4.1.4); returns the
 * suite.
 */
export function checkServerHello(offer: Offer, hello: ServerHello): CipherSuite {
  if (hello.legacyVersion !== WireVersion.dtls12)
    throw violation('illegal_parameter', 'legacy_version of a DTLS 1.3 server is not 1.2');
  // RFC 9147 §5: nothing is echoed, not even a session ID that we did send.
  if (hello.sessionId.length > 0) throw violation('illegal_parameter', 'the server echoed a session id');
  if (hello.compressionMethod !== 0)
    throw violation('illegal_parameter', 'the server chose a compression method');
  const suite = suitesOf(offer.suites, FACTS_13).find(({ code }) => code === hello.cipherSuite);
  if (suite === undefined)
    throw violation('illegal_parameter', 'the server chose a cipher suite that was not offered');
  return suite;
}

/** A HelloRetryRequest that a server sent, possibly without keeping state. */
export interface Retry13 extends Choice13 {
  /** The version that it chose. */
  readonly version: Version;
  /** The group to send a share of; `undefined` when the client already sent one. */
  readonly askedFor: GroupName | undefined;
  /** `undefined` from a server that keeps state. */
  readonly cookie: Uint8Array | undefined;
  /** Hash of the ClientHello that it answers, under the suite's hash. */
  readonly firstHello: Uint8Array;
  /** Of the requested name: see {@link hashName}. */
  readonly nameHash: number;
}

/** FNV-1a of 32 bits, by the numbers of its authors. */
const FNV = { offset: 0x811c_9dc5, prime: 0x0100_0193 } as const;

/**
 * Shows whether a client asks for the same name again. It need not be hard to forge: a client that does only harms its own
 * handshake. A digest of the platform would cost as much as a key of the schedule.
 */
export function hashName(serverName: string | undefined): number {
  let hash: number = FNV.offset;
  for (const byte of utf8(serverName ?? '')) hash = Math.imul(hash ^ byte, FNV.prime);
  return hash >>> 0;
}

/** RFC 8446 §4.1.4. The same request always has the same bytes, so that it can be rebuilt for the transcript. */
export function encodeHelloRetryRequest13({
  suite,
  askedFor,
  cookie,
}: Pick<Retry13, 'suite' | 'askedFor' | 'cookie'>): Uint8Array {
  const extensions = new Map<number, Uint8Array>([
    [ExtensionType.supported_versions, encodeSupportedVersionsResponse(WireVersion.dtls13)],
  ]);
  if (askedFor !== undefined) extensions.set(ExtensionType.key_share, encodeKeyShareRetry(Group[askedFor]));
  if (cookie !== undefined) extensions.set(ExtensionType.cookie, encodeCookie(cookie));
  return encodeServerHello({
    legacyVersion: WireVersion.dtls12,
    random: HELLO_RETRY_REQUEST_RANDOM,
    sessionId: EMPTY,
    cipherSuite: suite.code,
    compressionMethod: 0,
    extensions,
  });
}
