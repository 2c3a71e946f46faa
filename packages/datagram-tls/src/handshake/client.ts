import { EMPTY } from '../base/bytes.js';
import { type DTLSError, decoded, violation } from '../base/errors.js';
import type { PskCredential } from '../config/config.js';
import { decodeSupportedVersionsResponse } from '../extensions/supported-versions.js';
import { ExtensionType, HandshakeType } from '../wire/codes.js';
import { encodeClientHello } from '../wire/messages/client-hello.js';
import { decodeHelloVerifyRequest } from '../wire/messages/hello-verify-request.js';
import { decodeServerHello, isHelloRetryRequest, type ServerHello } from '../wire/messages/server-hello.js';
import { FACTS_12, FACTS_13, versionNamed } from '../wire/version.js';
import type { Context } from './context.js';
import { expectType, type Message } from './message.js';
import { makeOffer, NO_PARTS, type Offer, offersExternalPsk, withCookie, withoutEarly } from './offer.js';
import { goOnFrom, type OldSession, offerableSession } from './resumption.js';
import { Stage, type StateTable } from './stage.js';
import type { HandshakeVersion, HandshakeVersions } from './version.js';

/*
 * The client until a version is chosen:
 *
 *   1. ClientHello            sent, once it is known which session and which pre-shared keys it can offer
 *   2. HelloVerifyRequest     (may be absent) answered with the same ClientHello and its cookie (RFC 6347 §4.2.1)
 *   3. ServerHello            selects the version, whose own states follow; a HelloRetryRequest selects DTLS 1.3
 *
 * A server that refuses the cookie of a HelloRetryRequest leads back to 1 (RFC 9147 §5.1).
 */
type ClientState =
  /** Whether a saved session can be offered depends on the time, and on today's trust. */
  | { readonly at: 'wait-session'; readonly versions: HandshakeVersions }
  /** Before a ClientHello with pre-shared keys the application gives those keys. */
  | {
      readonly at: 'wait-psk';
      readonly versions: HandshakeVersions;
      readonly session: OldSession | undefined;
    }
  | WaitServerHello;

interface WaitServerHello {
  readonly at: 'wait-server-hello';
  readonly versions: HandshakeVersions;
  readonly offer: Offer;
  /** Cookie requests answered so far. */
  readonly cookies: number;
}

const CLIENT: StateTable<ClientState> = {
  'wait-session': {
    epoch: 0,
    awaits: 'check-session',
    on: (ctx, { versions }, { found }) => askForPsks(ctx, versions, goOnFrom(ctx, found)),
  },
  'wait-psk': {
    epoch: 0,
    awaits: 'choose-psk',
    on: (ctx, { versions, session }, { credentials }) => sendOffer(ctx, versions, session, credentials),
  },
  'wait-server-hello': {
    epoch: 0,
    awaits: 'message',
    on: onServersFirst,
    restart,
    doubtsPsk: ({ offer }) => offersExternalPsk(offer),
    unansweredHello: ({ offer }) => offer.hello,
  },
};

/** A server has no reason to refuse a cookie that it just made; more than this is a loop. */
const MAX_COOKIES = 3;

export function startClient(ctx: Context, versions: HandshakeVersions): Stage {
  return Stage.of(undefined, CLIENT, checkSession(ctx, versions));
}

function checkSession(ctx: Context, versions: HandshakeVersions): ClientState {
  const session = offerableSession(ctx, versions);
  if (session === undefined) return askForPsks(ctx, versions, undefined);
  const name = ctx.destination.verifyName;
  ctx.emit({ do: 'ask', job: { kind: 'check-session', session, name } });
  return { at: 'wait-session', versions };
}

function askForPsks(ctx: Context, versions: HandshakeVersions, session: OldSession | undefined): ClientState {
  const asks = ctx.security.psk.role === 'client' && versions.some(({ rules }) => rules.pskInHello);
  if (!asks) return sendOffer(ctx, versions, session, []);
  ctx.emit({ do: 'ask', job: { kind: 'choose-psk', hint: EMPTY } });
  return { at: 'wait-psk', versions, session };
}

/** `credentials`: the application's keys, possibly none. */
function sendOffer(
  ctx: Context,
  versions: HandshakeVersions,
  session: OldSession | undefined,
  credentials: readonly PskCredential[],
): ClientState {
  let parts = NO_PARTS;
  for (const { name, client } of versions) {
    const own = session?.saved.state.suite.version === name ? session : undefined;
    parts = { ...parts, ...client.offer(ctx, own, credentials) };
  }
  let offer = makeOffer(ctx, versions, parts);
  for (const { client } of versions) offer = client.complete(ctx, offer);
  const state = sendClientHello(ctx, { at: 'wait-server-hello', versions, offer, cookies: 0 });
  for (const { client } of versions) client.onOffered(ctx, offer);
  return state;
}

/** Begins again, but keeps the key pairs: no secret was derived from them. */
function restart(ctx: Context, state: WaitServerHello): ClientState {
  ctx.restart();
  const { hello, ...rest } = withoutEarly(state.offer);
  let offer: Offer = { ...rest, hello: { ...hello, random: ctx.provider.randomBytes(32) } };
  for (const { client } of state.versions) offer = client.complete(ctx, offer);
  return sendClientHello(ctx, { ...state, offer });
}

function onServersFirst(ctx: Context, state: WaitServerHello, message: Message): ClientState | Stage {
  if (message.type === HandshakeType.hello_verify_request) return onHelloVerifyRequest(ctx, state, message);
  const body = expectType(message, HandshakeType.server_hello);
  const hello = decoded(decodeServerHello(body), 'ServerHello');
  return chosenVersion(state, hello).client.onServerHello(ctx, state.offer, hello, message);
}

function chosenVersion({ versions, offer, cookies }: WaitServerHello, hello: ServerHello): HandshakeVersion {
  const latest = versionNamed(versions, FACTS_13.name);
  if (latest !== undefined && isSelected(latest, hello)) {
    if (cookies > 0)
      throw violation('illegal_parameter', 'the server asked for a cookie as DTLS 1.2 does, and chose 1.3');
    return latest;
  }
  // RFC 8446 appendix D.3: a server of DTLS 1.3 issued the ticket. A silent fallback would let an attacker choose.
  if (offer.early !== undefined)
    throw violation(
      'protocol_version',
      'the server chose DTLS 1.2, which has no early data: it is not the one that issued options.session. Connect without it',
    );
  const chosen = versions.find(({ code }) => code === hello.legacyVersion);
  if (chosen === undefined || chosen === latest)
    throw noCommonVersion(
      'the server chose a version that was not offered. Compare minVersion and maxVersion of both sides',
    );
  return chosen;
}

/** Whether the server chose DTLS 1.3, which only supported_versions can say (RFC 8446 §4.2.1). */
function isSelected(latest: HandshakeVersion, hello: ServerHello): boolean {
  const chosen = hello.extensions.get(ExtensionType.supported_versions);
  if (chosen === undefined) {
    if (isHelloRetryRequest(hello))
      throw violation('missing_extension', 'the HelloRetryRequest selects no version');
    return false;
  }
  const code = decoded(decodeSupportedVersionsResponse(chosen), 'supported_versions');
  if (code !== latest.code)
    throw violation('illegal_parameter', 'supported_versions holds a version before DTLS 1.3');
  return true;
}

/** RFC 8446 appendix D.1. */
function noCommonVersion(text: string): DTLSError {
  return violation('protocol_version', `unsupported protocol: ${text}`, 'ERR_DTLS_UNSUPPORTED_VERSION');
}

function onHelloVerifyRequest(ctx: Context, state: WaitServerHello, message: Message): ClientState {
  if (versionNamed(state.versions, FACTS_12.name) === undefined)
    throw noCommonVersion(
      'the server asked for a cookie as only DTLS 1.2 does, and options.minVersion is DTLSv1.3. Compare the versions of both sides',
    );
  const { cookie } = decoded(decodeHelloVerifyRequest(message.body), 'HelloVerifyRequest');
  if (state.cookies === MAX_COOKIES)
    throw violation(
      'handshake_failure',
      'the server refuses its own cookies. Its other nodes may have other secrets, or our address changes on the path',
    );
  ctx.endTranscript();
  const offer = withCookie(state.offer, cookie);
  return sendClientHello(ctx, { ...state, offer, cookies: state.cookies + 1 });
}

function sendClientHello(ctx: Context, state: WaitServerHello): WaitServerHello {
  ctx.send(HandshakeType.client_hello, encodeClientHello(state.offer.hello), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  return state;
}
