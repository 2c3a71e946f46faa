import { violation } from '../base/errors.js';
import { HandshakeType } from '../wire/codes.js';
import { encodeClientHello } from '../wire/messages/client-hello.js';
import { decodeHelloVerifyRequest } from '../wire/messages/hello-verify-request.js';
import { decodeServerHello } from '../wire/messages/server-hello.js';
import type { Context } from './context.js';
import { decoded, expectType } from './decoded.js';
import type { Message } from './message.js';
import { versionFromWire } from './negotiate.js';
import { makeOffer, type Offer, withCookie } from './offer.js';
import { type ClientState12, onServerHello12 } from './v12/client.js';

/*
 * The client until a version is chosen:
 *
 *   1. ClientHello            sent
 *   2. HelloVerifyRequest     (may be absent) answered with the same ClientHello and its cookie (RFC 6347 §4.2.1)
 *   3. ServerHello            selects the version, whose own states go on
 */
export interface WaitServerHello {
  readonly at: 'wait-server-hello';
  readonly offer: Offer;
  /** Cookie requests answered so far. */
  readonly cookies: number;
}

/** A server has no reason to refuse a cookie that it just made; more than this is a loop. */
const MAX_COOKIES = 3;

export function startClient(ctx: Context): WaitServerHello {
  return sendClientHello(ctx, { at: 'wait-server-hello', offer: makeOffer(ctx), cookies: 0 });
}

export function onServersFirst(
  ctx: Context,
  state: WaitServerHello,
  message: Message,
): WaitServerHello | ClientState12 {
  if (message.type === HandshakeType.hello_verify_request) return onHelloVerifyRequest(ctx, state, message);
  const body = expectType(message, HandshakeType.server_hello);
  const hello = decoded(decodeServerHello(body), 'ServerHello');
  if (versionFromWire(hello.legacyVersion) !== 'DTLSv1.2') {
    throw violation('protocol_version', 'the server chose a version that was not offered');
  }
  ctx.transcript.add(message.type, message.seq, message.body);
  return onServerHello12(ctx, state.offer, hello);
}

function onHelloVerifyRequest(ctx: Context, state: WaitServerHello, message: Message): WaitServerHello {
  const { cookie } = decoded(decodeHelloVerifyRequest(message.body), 'HelloVerifyRequest');
  if (state.cookies === MAX_COOKIES)
    throw violation('handshake_failure', 'the server refuses its own cookies');
  ctx.transcript.restart();
  const offer = withCookie(state.offer, cookie);
  return sendClientHello(ctx, { at: 'wait-server-hello', offer, cookies: state.cookies + 1 });
}

function sendClientHello(ctx: Context, state: WaitServerHello): WaitServerHello {
  ctx.send(HandshakeType.client_hello, encodeClientHello(state.offer.hello), 0);
  ctx.emit({ do: 'end-flight', answered: true });
  return state;
}
