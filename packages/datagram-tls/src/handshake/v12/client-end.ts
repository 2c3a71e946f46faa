import type { GroupName, SchemeName } from '../../wire/codes.js';
import { HandshakeType } from '../../wire/codes.js';
import {
  decodeNewSessionTicket12,
  type NewSessionTicket12,
} from '../../wire/messages/new-session-ticket12.js';
import type { PeerIdentity } from '../authenticate.js';
import type { CertificateTypes } from '../certificate-types.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import type { Offer } from '../offer.js';
import type { OfferedSession12 } from '../resumption/offer.js';
import { tellTicket12 } from './client-tickets.js';
import { connected12 } from './connected.js';
import { readFinished12, sendFinished12 } from './finished.js';
import { installKeys12, type Negotiated12, type Secrets12 } from './secrets.js';

/** What both hellos settled, as a client sees it. */
export interface ClientHello12 extends Negotiated12 {
  readonly offer: Offer;
  readonly types: CertificateTypes;
  /** The server may send a CertificateStatus (RFC 6066 §8). */
  readonly announcesStaple: boolean;
}

/** All that is left is to prove that both saw the same. */
export interface ClientReady12 {
  readonly hello: ClientHello12;
  readonly peer: PeerIdentity;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
  /** The session from before that goes on: then the server's Finished comes first, and ours answers it. */
  readonly resumed: OfferedSession12 | undefined;
}

/** However the keys were agreed on, a client's handshake ends in these states. */
export type ClientEnd12 =
  | { readonly at: 'wait-new-session-ticket'; readonly ready: ClientReady12 }
  | { readonly at: 'wait-finished'; readonly ready: ClientReady12; readonly given: Given12 };

/** The server's NewSessionTicket, if there was one. It counts once the server's Finished is verified (RFC 5077 §3.3). */
export type Given12 = NewSessionTicket12 | undefined;

/** A full handshake: our ChangeCipherSpec and Finished end our flight. */
export function endFlight12(ctx: Context, ready: ClientReady12): ClientEnd12 {
  sendFinished12(ctx, ready.hello, ready.secrets, 'answer');
  return awaitServersEnd12(ctx, ready);
}

/**
 * The server's last messages are to come. Its records under keys wait until the NewSessionTicket is here, which is sent
 * before them in the clear.
 */
export function awaitServersEnd12(ctx: Context, ready: ClientReady12): ClientEnd12 {
  return ready.hello.promisesTicket
    ? { at: 'wait-new-session-ticket', ready }
    : awaitFinished(ctx, ready, undefined);
}

function awaitFinished(ctx: Context, ready: ClientReady12, given: Given12): ClientEnd12 {
  installKeys12(ctx, ready.hello, ready.secrets, 'server');
  return { at: 'wait-finished', ready, given };
}

/** NewSessionTicket, Finished: each in its place. */
export function onServersEnd12(
  ctx: Context,
  state: ClientEnd12,
  message: Message,
): ClientEnd12 | 'connected' {
  const { ready } = state;
  if (state.at === 'wait-finished') return onFinished(ctx, ready, state.given, message);
  const body = expectType(message, HandshakeType.new_session_ticket);
  const given = decoded(decodeNewSessionTicket12(body), 'NewSessionTicket');
  ctx.transcript.add(message.type, message.seq, message.body);
  return awaitFinished(ctx, ready, given);
}

function onFinished(ctx: Context, ready: ClientReady12, given: Given12, message: Message): 'connected' {
  const { hello, secrets, resumed } = ready;
  const finished = readFinished12(ctx, hello, secrets, message);
  if (resumed !== undefined) {
    ctx.transcript.add(message.type, message.seq, message.body);
    sendFinished12(ctx, hello, secrets, 'nothing');
  }
  const session = connected12({ ...ready, negotiated: hello, resumed: resumed !== undefined, finished });
  ctx.emit({ do: 'connected', session });
  tellTicket12(ctx, ready, given);
  ctx.transcript.end();
  return 'connected';
}
