import { EMPTY } from '../base/bytes.js';
import type { Security } from '../config/config.js';
import { groupFits } from '../crypto/groups.js';
import type { KeyExchange } from '../crypto/provider.js';
import { type CipherSuite, needsEncryptThenMac } from '../crypto/suites.js';
import type { EarlyTerms } from '../keys/session-state.js';
import { ExtensionType, Group, type GroupName, Scheme, WireVersion } from '../wire/codes.js';
import { encodeEarlyData } from '../wire/extensions/early-data.js';
import { encodeEcPointFormats, UNCOMPRESSED } from '../wire/extensions/ec-point-formats.js';
import { encodeEncryptThenMac } from '../wire/extensions/encrypt-then-mac.js';
import { encodeExtendedMasterSecret } from '../wire/extensions/extended-master-secret.js';
import { encodeKeyShareRequest } from '../wire/extensions/key-share.js';
import { encodePskKeyExchangeModes, PskKeyExchangeMode } from '../wire/extensions/psk-key-exchange-modes.js';
import { encodeRenegotiationInfo } from '../wire/extensions/renegotiation-info.js';
import { encodeServerNameRequest } from '../wire/extensions/server-name.js';
import { encodeSessionTicketRequest } from '../wire/extensions/session-ticket.js';
import { encodeSignatureAlgorithms } from '../wire/extensions/signature-algorithms.js';
import { encodeSupportedGroups } from '../wire/extensions/supported-groups.js';
import { encodeSupportedVersionsRequest } from '../wire/extensions/supported-versions.js';
import type { ClientHello } from '../wire/messages/client-hello.js';
import { FACTS_12, FACTS_13, type VersionFacts, versionNamed } from '../wire/version.js';
import { offerAgreements } from './agreed.js';
import { offerCertificateTypes } from './certificate-types.js';
import type { Context } from './context.js';
import type { OfferedPsk } from './offered-psk.js';
import type { OldSession } from './resumption.js';
import { offerStatusRequest } from './staple.js';

/** Early data that a ClientHello announces, under the first of its pre-shared keys. */
export interface EarlyOffer extends EarlyTerms {
  readonly suite: CipherSuite;
  readonly key: Uint8Array;
  /** Bytes of content in one record. */
  readonly recordLimit: number;
}

/** What a client put into its ClientHello; answers are checked against it. */
export interface Offer extends Required<OfferParts> {
  readonly hello: ClientHello;
  readonly suites: readonly CipherSuite[];
  readonly groups: readonly GroupName[];
}

/** What the versions that are offered put into it, each its own. */
export interface OfferParts {
  /** The key pairs whose shares the hello carries; none without DTLS 1.3. */
  readonly exchanges?: readonly KeyExchange[];
  /** DTLS 1.3. In the hello of an offer that is not complete the extension is empty. */
  readonly psks?: readonly OfferedPsk[];
  /** DTLS 1.3: what goes along with the hello. */
  readonly early?: EarlyOffer | undefined;
  /** DTLS 1.2: a server that resumes it repeats the session id of the hello. */
  readonly session12?: OldSession | undefined;
}

export const NO_PARTS: Required<OfferParts> = {
  exchanges: [],
  psks: [],
  early: undefined,
  session12: undefined,
};

/**
 * The first ClientHello. It fits one datagram unless `keyShares` asks for a large share: a server that wants a cookie
 * would throw away the rest, and some peers lose ClientHellos of two datagrams.
 */
export function makeOffer(
  ctx: Context,
  versions: readonly VersionFacts[],
  parts: Required<OfferParts>,
): Offer {
  const { security, provider } = ctx;
  const suites = security.suites.filter((suite) => versionNamed(versions, suite.version) !== undefined);
  const groups = security.groups.filter((group) => versions.some(({ name }) => groupFits(group, name)));
  const cipherSuites = suites.map((suite) => suite.code);
  const offer = { ...parts, suites, groups };
  const hello: ClientHello = {
    legacyVersion: WireVersion.dtls12,
    random: provider.randomBytes(32),
    sessionId: offeredSessionId(ctx, parts.session12),
    cookie: EMPTY,
    cipherSuites,
    compressionMethods: Uint8Array.of(0),
    extensions: offeredExtensions(ctx, versions, offer),
  };
  return { ...offer, hello };
}

/**
 * That of a session of DTLS 1.2, or a random one by which a server says that it took the ticket (RFC 5077 §3.4). Else
 * none: DTLS 1.3 has no compatibility mode, in which this would be random (RFC 9147 §5).
 */
function offeredSessionId({ provider }: Context, session12: OldSession | undefined): Uint8Array {
  if (session12 === undefined) return EMPTY;
  const { ticket, sessionId } = session12.saved;
  return ticket.length > 0 ? provider.randomBytes(32) : sessionId;
}

/** Whether a key is offered that the application gave, and that may be the wrong one. */
export function offersExternalPsk({ psks }: Offer): boolean {
  return psks.some(({ origin }) => origin !== 'res');
}

/**
 * The ClientHello that answers a HelloVerifyRequest differs in the cookie alone (RFC 6347 §4.2.1). Binders stay those of
 * the first one: a server that asks in this way speaks DTLS 1.2 and checks none, but it may compare all other bytes.
 */
export function withCookie(offer: Offer, cookie: Uint8Array): Offer {
  return { ...offer, hello: { ...offer.hello, cookie } };
}

/** Body of key_share with the share of each exchange (RFC 8446 §4.2.8). */
export function encodeShares(exchanges: readonly KeyExchange[]): Uint8Array {
  return encodeKeyShareRequest(
    exchanges.map(({ group, share }) => ({ group: Group[group], keyExchange: share })),
  );
}

/** What a server needs soonest stands first, and key shares, which may fill a second datagram, last. */
function offeredExtensions(
  ctx: Context,
  versions: readonly VersionFacts[],
  offer: Omit<Offer, 'hello'>,
): Map<number, Uint8Array> {
  const { security, destination } = ctx;
  const { groups, exchanges, psks, session12 } = offer;
  const has12 = versionNamed(versions, FACTS_12.name) !== undefined;
  const has13 = versionNamed(versions, FACTS_13.name) !== undefined;
  const extensions = new Map<number, Uint8Array>();
  if (has13) {
    const codes = versions.map(({ code }) => code);
    extensions.set(ExtensionType.supported_versions, encodeSupportedVersionsRequest(codes));
  }
  if (destination.serverName !== undefined) {
    extensions.set(ExtensionType.server_name, encodeServerNameRequest({ hostName: destination.serverName }));
  }
  extensions.set(ExtensionType.supported_groups, encodeSupportedGroups(groups.map((name) => Group[name])));
  extensions.set(ExtensionType.signature_algorithms, offeredSchemes(security));
  if (has12) {
    extensions.set(ExtensionType.ec_point_formats, encodeEcPointFormats(Uint8Array.of(UNCOMPRESSED)));
    extensions.set(ExtensionType.extended_master_secret, encodeExtendedMasterSecret());
    if (offer.suites.some(needsEncryptThenMac))
      extensions.set(ExtensionType.encrypt_then_mac, encodeEncryptThenMac());
    // Not the signalling suite as well, which RFC 5746 §3.4 advises against: a wolfSSL server refuses both.
    extensions.set(ExtensionType.renegotiation_info, encodeRenegotiationInfo(EMPTY));
  }
  const statusRequest = offerStatusRequest(security);
  if (statusRequest !== undefined) extensions.set(ExtensionType.status_request, statusRequest);
  for (const [type, body] of offerAgreements(security)) extensions.set(type, body);
  for (const [type, body] of offerCertificateTypes(security)) extensions.set(type, body);
  if (has12) {
    const ticket = session12?.saved.ticket ?? EMPTY;
    extensions.set(ExtensionType.session_ticket, encodeSessionTicketRequest(ticket));
  }
  if (has13) {
    // Also for tickets, for which we ask thereby.
    const modes = Uint8Array.from(security.pskModes, (name) => PskKeyExchangeMode[name]);
    extensions.set(ExtensionType.psk_key_exchange_modes, encodePskKeyExchangeModes(modes));
    extensions.set(ExtensionType.key_share, encodeShares(exchanges));
  }
  if (offer.early !== undefined) extensions.set(ExtensionType.early_data, encodeEarlyData());
  // RFC 8446 §4.2.11: last of all.
  if (psks.length > 0) extensions.set(ExtensionType.pre_shared_key, EMPTY);
  return extensions;
}

function offeredSchemes(security: Security): Uint8Array {
  return encodeSignatureAlgorithms(security.sigalgs.map((name) => Scheme[name]));
}
