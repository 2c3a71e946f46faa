import type { Packed } from '../base/packed.js';
import type { PskCredential, Role, Security, Versions } from '../config/config.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { Exporter } from '../keys/exporter.js';
import type { Reader } from '../wire/cursor.js';
import type { ClientHelloPrefix } from '../wire/messages/client-hello.js';
import type { ServerHello } from '../wire/messages/server-hello.js';
import type { VersionFacts } from '../wire/version.js';
import type { DirectionKeys } from './actions.js';
import type { ClientOffer } from './client-wishes.js';
import type { Context } from './context.js';
import type { Message } from './message.js';
import type { Offer, OfferParts } from './offer.js';
import type { OldSession } from './resumption.js';
import type { Session } from './session.js';
import type { Stage } from './stage.js';
import type { Retry13 } from './v13/hellos.js';

/** A version of DTLS with its handshake. */
export interface HandshakeVersion extends VersionFacts {
  readonly client: ClientSide;
  readonly server: ServerSide;
  readonly reopening: Reopening;
}

export type HandshakeVersions = Versions<HandshakeVersion>;

/** A version for a client. */
export interface ClientSide {
  /**
   * Its parts of the first ClientHello: for the session to resume, if that has this version, and for the
   * application's pre-shared keys.
   */
  offer(ctx: Context, session: OldSession | undefined, credentials: readonly PskCredential[]): OfferParts;
  /** The offer with the parts that cover all the rest of it. */
  complete(ctx: Context, offer: Offer): Offer;
  /** The first ClientHello is sent. */
  onOffered(ctx: Context, offer: Offer): void;
  /** The server chose this version by a ServerHello, or by a HelloRetryRequest. */
  onServerHello(ctx: Context, offer: Offer, hello: ServerHello, message: Message): Stage;
}

/** A version for a server. */
export interface ServerSide {
  /** This version is chosen. `retry`: the endpoint's stateless request, which this ClientHello answers. */
  onClientHello(ctx: Context, client: ClientOffer, retry: Retry13 | undefined, message: Message): Stage;
  readonly cookies: CookieExchange;
}

/** How an open session goes on elsewhere, from what was written of it. */
export interface Reopening {
  /** What {@link Session.secrets} wrote. */
  readSecrets(r: Reader): Exporter;
  /** Keys of `sender`'s records; `secret`: the traffic secret of their epoch, where the version has those. */
  deriveKeys(provider: CryptoProvider, session: Session, sender: Role, secret: Uint8Array): DirectionKeys;
  /** What the state's `save` wrote. `generations`: the newest epoch of each direction. */
  readStage(r: Reader, session: Session, generations: Generations): Stage;
}

/** The newest epoch of each direction. */
export interface Generations {
  readonly read: Generation;
  readonly write: Generation;
}

export interface Generation {
  readonly epoch: number;
  /** The traffic secret; empty where keys come from the master secret. */
  readonly secret: Packed;
}

/** How a server asks a client for proof of its address without keeping state (RFC 6347 §4.2.1, RFC 9147 §5.1). */
export interface CookieExchange {
  /** The cookie of this kind in a ClientHello; `undefined` where its field is absent. */
  shown(hello: ClientHelloPrefix): Uint8Array | undefined;
  /**
   * The data in a valid cookie, with which the handshake goes on; `undefined` where it is invalid or of another kind.
   */
  opened(carried: Uint8Array, cookie: Uint8Array): { readonly retry: Retry13 | undefined } | undefined;
  /** Requests a cookie. `body`: of the ClientHello. Throws a peer's violation. */
  ask(security: Security, client: ClientOffer, body: Uint8Array): CookieRequest;
  /** The same where the first fragment of a ClientHello is enough. */
  readonly askAtOnce?: CookieRequest;
  /** The ticket of a ClientHello with early data, and without a cookie of this kind. */
  earlyTicket?(hello: ClientHelloPrefix): Uint8Array | undefined;
}

/** The message that requests a cookie, once that is made; and the data for the cookie. */
export interface CookieRequest {
  readonly carried: Uint8Array;
  /** HandshakeType code. */
  readonly type: number;
  /** It asks for something else as well, so that the round trip is needed in any case. */
  readonly asksForMore: boolean;
  readonly encode: (cookie: Uint8Array) => Uint8Array;
}
