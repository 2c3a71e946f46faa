import { EMPTY } from '../base/bytes.js';
import { groupFits } from '../crypto/groups.js';
import type { KeyExchange } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import { offeredExtensions } from '../extensions/table.js';
import type { EarlyTerms } from '../keys/resumption-state.js';
import { ExtensionType, type GroupName, WireVersion } from '../wire/codes.js';
import type { ClientHello } from '../wire/messages/client-hello.js';
import { type VersionFacts, versionNamed } from '../wire/version.js';
import type { Context } from './context.js';
import type { OfferedPsk } from './offered-psk.js';
import type { OldSession } from './resumption.js';

/** Early data that a ClientHello announces, under the first of its pre-shared keys. */
export interface EarlyOffer extends EarlyTerms {
  readonly suite: CipherSuite;
  readonly key: Uint8Array;
  /** Bytes of content in one record. */
  readonly recordLimit: number;
}

/** The content of a ClientHello; answers are checked against it. */
export interface Offer extends Required<OfferParts> {
  readonly hello: ClientHello;
  readonly suites: readonly CipherSuite[];
  readonly groups: readonly GroupName[];
}

/** The parts of the offered versions, each its own. */
export interface OfferParts {
  /** The key pairs whose shares the hello carries; none without DTLS 1.3. */
  readonly exchanges?: readonly KeyExchange[];
  /** DTLS 1.3. In the hello of an incomplete offer the extension is empty. */
  readonly psks?: readonly OfferedPsk[];
  /** DTLS 1.3: the early data that goes along with the hello. */
  readonly early?: EarlyOffer | undefined;
  /** DTLS 1.2: a server that resumes it repeats the session ID of the hello. */
  readonly session12?: OldSession | undefined;
}

export const NO_PARTS: Required<OfferParts> = {
  exchanges: [],
  psks: [],
  early: undefined,
  session12: undefined,
};

/**
 * The first ClientHello. It fits one datagram unless `keyShares` requests a large share: a server that wants a cookie
 * would drop the rest, and some peers lose ClientHellos of two datagrams.
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
    extensions: offeredExtensions({
      security,
      destination: ctx.destination,
      versions,
      suites,
      groups,
      exchanges: parts.exchanges,
      ticket12: parts.session12?.saved.ticket ?? EMPTY,
      hasPsks: parts.psks.length > 0,
      connectionId: ctx.connectionId,
      checksPaths: ctx.behaviour.returnRoutability !== 'never',
      hasEarlyData: parts.early !== undefined,
    }),
  };
  return { ...offer, hello };
}

/**
 * That of a session of DTLS 1.2, or a random one whose echo says that the server accepted the ticket (RFC 5077 §3.4).
 * Otherwise none: DTLS 1.3 has no compatibility mode, in which this would be random (RFC 9147 §5).
 */
function offeredSessionId({ provider }: Context, session12: OldSession | undefined): Uint8Array {
  if (session12 === undefined) return EMPTY;
  const { ticket, sessionId } = session12.saved;
  return ticket.length > 0 ? provider.randomBytes(32) : sessionId;
}

/** Whether an application's key is offered, which may be the wrong one. */
export function offersExternalPsk({ psks }: Offer): boolean {
  return psks.some(({ origin }) => origin !== 'res');
}

/**
 * The ClientHello that answers a HelloVerifyRequest differs only in the cookie (RFC 6347 §4.2.1). Binders stay those
 * of the first one: a server that sends this request is a DTLS 1.2 server and checks none, but it may compare all
 * other bytes.
 */
export function withCookie(offer: Offer, cookie: Uint8Array): Offer {
  return { ...offer, hello: { ...offer.hello, cookie } };
}

/** A second ClientHello, or a new first one, offers no early data (RFC 8446 §4.1.2). */
export function withoutEarly(offer: Offer): Offer {
  const extensions = new Map(offer.hello.extensions);
  extensions.delete(ExtensionType.early_data);
  return { ...offer, early: undefined, hello: { ...offer.hello, extensions } };
}
