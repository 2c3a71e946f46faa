import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { PskCredential } from '../../config/psk-policy.js';
import { HandshakeType } from '../../wire/codes.js';
import {
  decodeEcdhePskServerKeyExchange,
  encodeEcdhePskClientKeyExchange,
} from '../../wire/messages/ecdhe-psk-key-exchange.js';
import {
  decodePskServerKeyExchange,
  encodePskClientKeyExchange,
} from '../../wire/messages/psk-key-exchange.js';
import { decodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import { type ClientEnd12, endFlight12 } from './client-end.js';
import type { ClientHello12 } from './client-ready.js';
import { answerShare12, type ClientShare12 } from './client-share.js';
import { pskPremaster } from './premaster.js';
import { deriveSecrets12 } from './secrets.js';

/*
 * The client's side of a DTLS 1.2 handshake with a pre-shared key, after the ServerHello (RFC 4279 §2, RFC 5489 §2):
 *
 *   1. ServerKeyExchange      the hint, and with ECDHE the server's share; without ECDHE it may be absent
 *   2. ServerHelloDone        the application chooses identity and key; then our flight:
 *      ClientKeyExchange, ChangeCipherSpec, Finished
 */
export type ClientPskState12 =
  | { readonly at: 'wait-psk-key-exchange'; readonly hello: ClientHello12 }
  | { readonly at: 'wait-psk-hello-done'; readonly hello: ClientHello12; readonly terms: Terms }
  | { readonly at: 'wait-psk'; readonly hello: ClientHello12; readonly terms: Terms };

/** What the server's flight told. */
interface Terms {
  /** Empty where there was none. */
  readonly hint: Uint8Array;
  /** `undefined` where the pre-shared key stands alone. */
  readonly share: ClientShare12 | undefined;
}

export function onServersPskFlight12(
  ctx: Context,
  state: Exclude<ClientPskState12, { at: 'wait-psk' }>,
  message: Message,
): ClientPskState12 {
  if (state.at === 'wait-psk-hello-done') return onHelloDone(ctx, state.hello, state.terms, message);
  const { hello } = state;
  if (hello.suite.keyExchange === 'psk' && message.type === HandshakeType.server_hello_done)
    return onHelloDone(ctx, hello, { hint: EMPTY, share: undefined }, message);
  const terms = readTerms(ctx, hello, expectType(message, HandshakeType.server_key_exchange));
  ctx.transcript.add(message.type, message.seq, message.body);
  return { at: 'wait-psk-hello-done', hello, terms };
}

function readTerms(ctx: Context, { suite }: ClientHello12, body: Uint8Array): Terms {
  if (suite.keyExchange === 'psk') {
    const { pskIdentityHint } = decoded(decodePskServerKeyExchange(body), 'ServerKeyExchange');
    return { hint: pskIdentityHint, share: undefined };
  }
  const exchange = decoded(decodeEcdhePskServerKeyExchange(body), 'ServerKeyExchange');
  return { hint: exchange.pskIdentityHint, share: answerShare12(ctx, exchange) };
}

function onHelloDone(ctx: Context, hello: ClientHello12, terms: Terms, message: Message): ClientPskState12 {
  decoded(decodeServerHelloDone(expectType(message, HandshakeType.server_hello_done)), 'ServerHelloDone');
  ctx.transcript.add(message.type, message.seq, message.body);
  ctx.emit({ do: 'ask', job: { kind: 'choose-psk', hint: terms.hint } });
  return { at: 'wait-psk', hello, terms };
}

/** The application's choice; our flight follows. */
export function onPskChosen12(
  ctx: Context,
  { hello, terms }: Extract<ClientPskState12, { at: 'wait-psk' }>,
  [credential]: readonly PskCredential[],
): ClientEnd12 {
  if (credential === undefined)
    throw violation('handshake_failure', 'there is no pre-shared key for this server', 'ERR_DTLS_NO_PSK');
  const { identity, key } = credential;
  const { share } = terms;
  const body =
    share === undefined
      ? encodePskClientKeyExchange({ pskIdentity: identity })
      : encodeEcdhePskClientKeyExchange({ pskIdentity: identity, point: share.share });
  ctx.send(HandshakeType.client_key_exchange, body, 0);
  const secrets = deriveSecrets12(ctx, hello, pskPremaster(key, share?.secret));
  const peer = PeerIdentity.keyHolder(identity);
  return endFlight12(ctx, {
    hello,
    peer,
    scheme: undefined,
    group: share?.group,
    secrets,
    resumed: undefined,
  });
}
