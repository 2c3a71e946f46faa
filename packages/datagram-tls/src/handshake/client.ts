import { EMPTY } from '../base/bytes.js';
import { violation } from '../base/errors.js';
import type { PskCredential } from '../config/config.js';
import { ExtensionType, HandshakeType } from '../wire/codes.js';
import { decodeSupportedVersionsResponse } from '../wire/extensions/supported-versions.js';
import { encodeClientHello } from '../wire/messages/client-hello.js';
import { decodeHelloVerifyRequest } from '../wire/messages/hello-verify-request.js';
import { decodeServerHello, isHelloRetryRequest, type ServerHello } from '../wire/messages/server-hello.js';
import type { Context } from './context.js';
import type { JobAnswer } from './jobs.js';
import { decoded, expectType, type Message } from './message.js';
import { supportedVersions, versionFromWire } from './negotiate.js';
import { bindOffer, makeOffer, type Offer, withCookie } from './offer.js';
import { offerPsk } from './offered-psk.js';
import { NOT_AGAIN, type OfferedAgain, offerAgain, offerableSession } from './resumption.js';
import { type ClientState12, onServerHello12 } from './v12/client.js';
import {
  type ClientState13,
  earlyOffer,
  onHelloRetryRequest13,
  onServerHello13,
  sendEarly,
} from './v13/client.js';

/*
 * The client until a version is chosen:
 *
 *   1. ClientHello            sent, once it is known which session and which pre-shared keys it can offer
 *   2. HelloVerifyRequest     (may be absent) answered with the same ClientHello and its cookie (RFC 6347 §4.2.1)
 *   3. ServerHello            selects the version, whose own states go on; a HelloRetryRequest selects DTLS 1.3
 */
export interface WaitServerHello {
  readonly at: 'wait-server-hello';
  readonly offer: Offer;
  /** Cookie requests answered so far. */
  readonly cookies: number;
}

/** Whether the session from before can be offered depends on the time, and on what is trusted today. */
interface WaitSession {
  readonly at: 'wait-session';
}

/** Before a ClientHello that may be answered by DTLS 1.3 the application says which pre-shared keys it has. */
interface WaitPsk {
  readonly at: 'wait-psk';
  readonly again: OfferedAgain;
}

export type ClientState = WaitSession | WaitPsk | WaitServerHello;

/** Where a client stands, tagged with whose rules apply. */
export type ClientStep =
  | { readonly by: 'client'; readonly state: ClientState }
  | { readonly by: 'client12'; readonly state: ClientState12 }
  | { readonly by: 'client13'; readonly state: ClientState13 };

/** A server has no reason to refuse a cookie that it just made; more than this is a loop. */
const MAX_COOKIES = 3;

export function startClient(ctx: Context): ClientStep {
  const session = offerableSession(ctx);
  if (session === undefined) return askForPsks(ctx, NOT_AGAIN);
  const name = ctx.destination.verifyName;
  ctx.emit({ do: 'ask', job: { kind: 'check-session', session, name } });
  return { by: 'client', state: { at: 'wait-session' } };
}

export function onClientAnswer(ctx: Context, state: ClientState, answer: JobAnswer): ClientStep {
  if (state.at === 'wait-session' && answer.kind === 'check-session')
    return askForPsks(ctx, offerAgain(ctx, answer.found));
  if (state.at === 'wait-psk' && answer.kind === 'choose-psk')
    return onPsksChosen(ctx, state.again, answer.credentials);
  return { by: 'client', state };
}

function askForPsks(ctx: Context, again: OfferedAgain): ClientStep {
  const asks = ctx.security.psk.role === 'client' && supportedVersions(ctx.security).includes('DTLSv1.3');
  if (!asks) return onPsksChosen(ctx, again, []);
  ctx.emit({ do: 'ask', job: { kind: 'choose-psk', hint: EMPTY } });
  return { by: 'client', state: { at: 'wait-psk', again } };
}

/** The application's keys, of which there may be none. */
function onPsksChosen(
  ctx: Context,
  { psk, session12 }: OfferedAgain,
  credentials: readonly PskCredential[],
): ClientStep {
  const external = credentials.flatMap((credential) => offerPsk(ctx.security, credential));
  const psks = psk === undefined ? external : [psk, ...external];
  const offer = bindOffer(ctx, makeOffer(ctx, psks, session12, earlyOffer(ctx, psk)));
  return sendClientHello(ctx, { at: 'wait-server-hello', offer, cookies: 0 });
}

export function onServersFirst(ctx: Context, state: WaitServerHello, message: Message): ClientStep {
  if (message.type === HandshakeType.hello_verify_request) return onHelloVerifyRequest(ctx, state, message);
  const body = expectType(message, HandshakeType.server_hello);
  const hello = decoded(decodeServerHello(body), 'ServerHello');
  if (isLatest(state.offer, hello)) {
    if (state.cookies > 0)
      throw violation('illegal_parameter', 'the server asked for a cookie as DTLS 1.2 does, and chose 1.3');
    const onHello = isHelloRetryRequest(hello) ? onHelloRetryRequest13 : onServerHello13;
    return { by: 'client13', state: onHello(ctx, state.offer, hello, message) };
  }
  // RFC 8446 appendix D.3: a server of DTLS 1.3 gave the ticket. To fall back in silence would be for an attacker to choose.
  if (state.offer.early !== undefined)
    throw violation('protocol_version', 'the server chose DTLS 1.2, which has no early data');
  requireOffered12(state.offer, hello);
  ctx.transcript.add(message.type, message.seq, message.body);
  return { by: 'client12', state: onServerHello12(ctx, state.offer, hello) };
}

/** Whether the server chose DTLS 1.3, which it can say in supported_versions alone (RFC 8446 §4.2.1). */
function isLatest(offer: Offer, hello: ServerHello): boolean {
  if (!offer.versions.includes('DTLSv1.3')) return false;
  const chosen = hello.extensions.get(ExtensionType.supported_versions);
  if (chosen === undefined) {
    if (isHelloRetryRequest(hello))
      throw violation('missing_extension', 'the HelloRetryRequest selects no version');
    return false;
  }
  const code = decoded(decodeSupportedVersionsResponse(chosen), 'supported_versions');
  if (versionFromWire(code) !== 'DTLSv1.3')
    throw violation('illegal_parameter', 'supported_versions holds a version before DTLS 1.3');
  return true;
}

function requireOffered12(offer: Offer, hello: ServerHello): void {
  const version = versionFromWire(hello.legacyVersion);
  if (version !== 'DTLSv1.2' || !offer.versions.includes(version))
    throw violation('protocol_version', 'the server chose a version that was not offered');
}

function onHelloVerifyRequest(ctx: Context, state: WaitServerHello, message: Message): ClientStep {
  if (!state.offer.versions.includes('DTLSv1.2'))
    throw violation('unexpected_message', 'the server asked for a cookie as only DTLS 1.2 does');
  const { cookie } = decoded(decodeHelloVerifyRequest(message.body), 'HelloVerifyRequest');
  if (state.cookies === MAX_COOKIES)
    throw violation('handshake_failure', 'the server refuses its own cookies');
  ctx.transcript.restart();
  const offer = withCookie(state.offer, cookie);
  return sendClientHello(ctx, { at: 'wait-server-hello', offer, cookies: state.cookies + 1 });
}

function sendClientHello(ctx: Context, state: WaitServerHello): ClientStep {
  ctx.send(HandshakeType.client_hello, encodeClientHello(state.offer.hello), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  const { early, hello } = state.offer;
  if (early !== undefined && state.cookies === 0) sendEarly(ctx, early, hello.random);
  return { by: 'client', state };
}
