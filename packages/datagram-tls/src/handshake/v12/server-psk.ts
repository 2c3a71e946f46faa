import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import type { KeyExchange } from '../../crypto/provider.js';
import { Group, HandshakeType } from '../../wire/codes.js';
import {
  decodeEcdhePskClientKeyExchange,
  encodeEcdhePskServerKeyExchange,
} from '../../wire/messages/ecdhe-psk-key-exchange.js';
import {
  decodePskClientKeyExchange,
  encodePskServerKeyExchange,
} from '../../wire/messages/psk-key-exchange.js';
import { encodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { FoundPsk } from '../jobs.js';
import type { Message } from '../message.js';
import { pskPremaster } from './premaster.js';
import { deriveSecrets12, type Negotiated12 } from './secrets.js';
import { type ServerEnd12, waitFinished12 } from './server-end.js';

/*
 * The server's side of a DTLS 1.2 handshake with a pre-shared key (RFC 4279 §2, RFC 5489 §2); the ServerHello is out:
 *
 *   1. ServerKeyExchange      with the hint, and with ECDHE our share; without both it is left out
 *      ServerHelloDone
 *   2. ClientKeyExchange      the identity: the application finds its key
 *   3. Finished               see server-end.ts
 */
export type ServerPskState12 =
  | { readonly at: 'wait-psk-key-exchange'; readonly hello: ServerPskHello12 }
  | { readonly at: 'wait-psk'; readonly hello: ServerPskHello12; readonly claim: Claim };

/** What our flight says. */
export interface ServerPskHello12 {
  readonly negotiated: Negotiated12;
  /** `undefined` where the pre-shared key stands alone. */
  readonly exchange: KeyExchange | undefined;
}

/** What the client's ClientKeyExchange told. */
interface Claim {
  readonly identity: Uint8Array;
  /** The secret of the key exchange. */
  readonly exchanged: Uint8Array | undefined;
}

/** Step 1. */
export function sendPskFlight12(ctx: Context, hello: ServerPskHello12): ServerPskState12 {
  const { exchange } = hello;
  const pskIdentityHint = hintOf(ctx.security);
  if (exchange !== undefined) {
    const params = { namedCurve: Group[exchange.group], point: exchange.share };
    const body = encodeEcdhePskServerKeyExchange({ pskIdentityHint, ...params });
    ctx.send(HandshakeType.server_key_exchange, body, 0);
  } else if (pskIdentityHint.length > 0) {
    ctx.send(HandshakeType.server_key_exchange, encodePskServerKeyExchange({ pskIdentityHint }), 0);
  }
  ctx.send(HandshakeType.server_hello_done, encodeServerHelloDone(), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  return { at: 'wait-psk-key-exchange', hello };
}

function hintOf({ psk }: Security): Uint8Array {
  return psk.role === 'server' ? psk.hint : EMPTY;
}

/** Step 2. */
export function onPskKeyExchange12(
  ctx: Context,
  hello: ServerPskHello12,
  message: Message,
): ServerPskState12 {
  const claim = readClaim(hello, expectType(message, HandshakeType.client_key_exchange));
  ctx.transcript.add(message.type, message.seq, message.body);
  ctx.emit({ do: 'ask', job: { kind: 'find-psk', wanted: [{ identity: claim.identity, use: 'any' }] } });
  return { at: 'wait-psk', hello, claim };
}

function readClaim({ exchange }: ServerPskHello12, body: Uint8Array): Claim {
  if (exchange === undefined) {
    const { pskIdentity } = decoded(decodePskClientKeyExchange(body), 'ClientKeyExchange');
    return { identity: pskIdentity, exchanged: undefined };
  }
  const { pskIdentity, point } = decoded(decodeEcdhePskClientKeyExchange(body), 'ClientKeyExchange');
  const exchanged = exchange.finish(point);
  if (exchanged === undefined) throw violation('illegal_parameter', "the client's key share is not valid");
  return { identity: pskIdentity, exchanged };
}

/** The application knows the key of the client's identity, or does not. */
export function onPskFound12(
  ctx: Context,
  { hello, claim }: Extract<ServerPskState12, { at: 'wait-psk' }>,
  found: FoundPsk | undefined,
): ServerEnd12 {
  const { psk } = ctx.security;
  const hidden = found === undefined && psk.role === 'server' && psk.hideUnknown;
  if (found === undefined && !hidden) throw unknownIdentity();
  const { negotiated, exchange } = hello;
  const key = found?.key ?? ctx.provider.randomBytes(DECOY_LENGTH);
  const secrets = deriveSecrets12(ctx, negotiated, pskPremaster(key, claim.exchanged));
  const peer = PeerIdentity.keyHolder(claim.identity);
  const group = exchange?.group;
  return waitFinished12(ctx, {
    hello: negotiated,
    peer,
    scheme: undefined,
    group,
    secrets,
    resumed: undefined,
    unknownPsk: hidden,
  });
}

/** Bytes of the random key that takes the place of an unknown one. No client can have it. */
const DECOY_LENGTH = 32;

/** RFC 4279 §2 lets a server say so, or go on with a wrong key, which `pskHideUnknown` asks for. */
function unknownIdentity(): Error {
  return violation(
    'unknown_psk_identity',
    "there is no pre-shared key for the client's identity",
    'ERR_DTLS_UNKNOWN_PSK_IDENTITY',
  );
}
