import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { KeyExchange } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { ExtensionType, HandshakeType } from '../../wire/codes.js';
import { decodeCookie, encodeCookie } from '../../wire/extensions/cookie.js';
import { decodeKeyShareRetry } from '../../wire/extensions/key-share.js';
import { encodeClientHello } from '../../wire/messages/client-hello.js';
import type { ServerHello } from '../../wire/messages/server-hello.js';
import { bindOffer } from '../binders.js';
import type { Context } from '../context.js';
import { decoded } from '../decoded.js';
import type { Message } from '../message.js';
import { offeredGroup } from '../negotiate.js';
import { encodeShares, type Offer } from '../offer.js';
import type { ClientState13 } from './client.js';
import { withoutEarly } from './client-early.js';
import { checkAnswers } from './extensions.js';
import { checkServerHello } from './server-hello.js';

/** The HelloRetryRequest that answered our first ClientHello: a second one goes out (RFC 8446 §4.1.4). */
export function onHelloRetryRequest13(
  ctx: Context,
  offer: Offer,
  hello: ServerHello,
  message: Message,
): ClientState13 {
  const suite = checkServerHello(offer, hello);
  // RFC 8446 §4.2: the cookie is the one extension that a server may send unasked.
  checkAnswers(hello.extensions, 'HRR', offer.hello.extensions, ExtensionType.cookie);
  const retried = withoutUnfit(secondOffer(ctx, withoutEarly(ctx, offer), hello), suite);
  const firstHello = ctx.transcript.digestWith(suite.hash, EMPTY);
  ctx.transcript.restart();
  ctx.transcript.add(message.type, message.seq, message.body);
  ctx.transcript.beginRetried(suite.hash, firstHello);
  const second = bindOffer(ctx, retried);
  ctx.send(HandshakeType.client_hello, encodeClientHello(second.hello), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  return { at: 'wait-second-server-hello', offer: second, suite };
}

/** Changes nothing but what the server asked for (RFC 8446 §4.1.2). */
function secondOffer(ctx: Context, offer: Offer, hello: ServerHello): Offer {
  const cookie = hello.extensions.get(ExtensionType.cookie);
  const exchange = askedExchange(ctx, offer, hello);
  if (cookie === undefined && exchange === undefined)
    throw violation('illegal_parameter', 'the HelloRetryRequest asks for no change');
  const exchanges = exchange === undefined ? offer.exchanges : [exchange];
  const extensions = new Map<number, Uint8Array>();
  // First, so that a server finds it in the first fragment before it keeps a byte.
  if (cookie !== undefined)
    extensions.set(ExtensionType.cookie, encodeCookie(decoded(decodeCookie(cookie), 'cookie')));
  for (const [type, body] of offer.hello.extensions) extensions.set(type, body);
  extensions.set(ExtensionType.key_share, encodeShares(exchanges));
  return { ...offer, exchanges, hello: { ...offer.hello, extensions } };
}

/** Pre-shared keys whose hash is not that of the suite are of no use any more (RFC 8446 §4.1.4). */
function withoutUnfit(offer: Offer, { hash }: CipherSuite): Offer {
  const psks = offer.psks.filter((psk) => psk.hash === hash);
  if (psks.length > 0 || offer.psks.length === 0) return { ...offer, psks };
  const extensions = new Map(offer.hello.extensions);
  extensions.delete(ExtensionType.pre_shared_key);
  return { ...offer, psks, hello: { ...offer.hello, extensions } };
}

/** A key pair of the group that the server wants, which must be one that we offered without a share (§4.2.8). */
function askedExchange(ctx: Context, offer: Offer, hello: ServerHello): KeyExchange | undefined {
  const body = hello.extensions.get(ExtensionType.key_share);
  if (body === undefined) return undefined;
  const group = offeredGroup(decoded(decodeKeyShareRetry(body), 'key_share'), offer.groups);
  if (group === undefined || offer.exchanges.some((exchange) => exchange.group === group))
    throw violation('illegal_parameter', 'the HelloRetryRequest asks for a share that it has no right to');
  return ctx.provider.startKeyExchange(group);
}
