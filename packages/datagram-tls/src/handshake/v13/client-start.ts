import { violation } from '../../base/errors.js';
import type { CipherSuite } from '../../crypto/suites.js';
import type { GroupName } from '../../wire/codes.js';
import { ExtensionType, Group, HandshakeType } from '../../wire/codes.js';
import { decodeKeyShareResponse } from '../../wire/extensions/key-share.js';
import { decodePreSharedKeyResponse } from '../../wire/extensions/pre-shared-key.js';
import { decodeSupportedVersionsResponse } from '../../wire/extensions/supported-versions.js';
import {
  decodeServerHello,
  isHelloRetryRequest,
  type ServerHello,
} from '../../wire/messages/server-hello.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import { versionFromWire } from '../negotiate.js';
import type { Offer } from '../offer.js';
import type { OfferedPsk } from '../offered-psk.js';
import { checkAnswers, requireExtension } from './extensions.js';
import { type Negotiated13, startHandshakeKeys13 } from './secrets.js';
import { checkServerHello } from './server-hello.js';

/** What a ServerHello settled, as the client sees it. */
export interface ServerHello13 extends Negotiated13 {
  readonly offer: Offer;
  /** The pre-shared key that the server chose, which takes the place of a certificate. */
  readonly psk: OfferedPsk | undefined;
}

/** Where no HelloRetryRequest came. */
export function onFirstServerHello13(
  ctx: Context,
  offer: Offer,
  hello: ServerHello,
  message: Message,
): ServerHello13 {
  const suite = checkServerHello(offer, hello);
  ctx.transcript.begin('DTLSv1.3', suite.hash, false);
  return agreeOnKeys(ctx, offer, suite, hello, message);
}

/** After a HelloRetryRequest, from which the ServerHello must not differ (RFC 8446 §4.1.4). */
export function onSecondServerHello13(
  ctx: Context,
  offer: Offer,
  suite: CipherSuite,
  message: Message,
): ServerHello13 {
  const body = expectType(message, HandshakeType.server_hello);
  const hello = decoded(decodeServerHello(body), 'ServerHello');
  if (isHelloRetryRequest(hello))
    throw violation('unexpected_message', 'the server sent a second HelloRetryRequest');
  const version = requireExtension(hello.extensions, ExtensionType.supported_versions, 'SH');
  const code = decoded(decodeSupportedVersionsResponse(version), 'supported_versions');
  if (versionFromWire(code) !== 'DTLSv1.3' || checkServerHello(offer, hello) !== suite)
    throw violation('illegal_parameter', 'the ServerHello contradicts the HelloRetryRequest');
  return agreeOnKeys(ctx, offer, suite, hello, message);
}

function agreeOnKeys(
  ctx: Context,
  offer: Offer,
  suite: CipherSuite,
  hello: ServerHello,
  message: Message,
): ServerHello13 {
  checkAnswers(hello.extensions, 'SH', offer.hello.extensions);
  const psk = chosenPsk(offer, suite, hello);
  const exchange = standsAlone(ctx, psk, hello) ? undefined : finishExchange(offer, hello);
  ctx.transcript.add(message.type, message.seq, message.body);
  const hellos = {
    suite,
    group: exchange?.group,
    clientRandom: offer.hello.random,
    serverName: ctx.destination.serverName,
  };
  return { ...startHandshakeKeys13(ctx, hellos, exchange?.secret, psk), offer, psk };
}

/** Whether the server lets the key stand alone, in one of the modes that we offered (RFC 8446 §4.2.9). */
function standsAlone({ security }: Context, psk: OfferedPsk | undefined, hello: ServerHello): boolean {
  if (psk === undefined) return false;
  const mode = hello.extensions.has(ExtensionType.key_share) ? 'psk_dhe_ke' : 'psk_ke';
  if (mode === 'psk_dhe_ke' && !security.pskModes.includes(mode))
    throw violation('illegal_parameter', 'the server uses a pre-shared key in a mode that was not offered');
  return security.pskModes.includes(mode) && mode === 'psk_ke';
}

function finishExchange(
  { exchanges }: Offer,
  { extensions }: ServerHello,
): { readonly group: GroupName; readonly secret: Uint8Array } {
  const body = requireExtension(extensions, ExtensionType.key_share, 'SH');
  const share = decoded(decodeKeyShareResponse(body), 'key_share');
  const exchange = exchanges.find(({ group }) => Group[group] === share.group);
  if (exchange === undefined)
    throw violation('illegal_parameter', "the server's key share answers none of ours");
  const secret = exchange.finish(share.keyExchange);
  if (secret === undefined) throw violation('illegal_parameter', "the server's key share is not valid");
  return { group: exchange.group, secret };
}

/** RFC 8446 §4.2.11: one of ours, whose hash is that of the suite. */
function chosenPsk(offer: Offer, suite: CipherSuite, hello: ServerHello): OfferedPsk | undefined {
  const body = hello.extensions.get(ExtensionType.pre_shared_key);
  if (body === undefined) return undefined;
  const psk = offer.psks[decoded(decodePreSharedKeyResponse(body), 'pre_shared_key')];
  if (psk === undefined || psk.hash !== suite.hash)
    throw violation('illegal_parameter', 'the server chose a pre-shared key that cannot be meant');
  return psk;
}
