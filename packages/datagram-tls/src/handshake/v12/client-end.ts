import { HandshakeType } from '../../wire/codes.js';
import { decodeNewSessionTicket12 } from '../../wire/messages/new-session-ticket12.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import type { ClientReady12, Given12 } from './client-ready.js';
import { tellTicket12 } from './client-tickets.js';
import { connected12 } from './connected.js';
import { readFinished12, sendFinished12 } from './finished.js';
import { installKeys12 } from './secrets.js';

/** However the keys were agreed on, a client's handshake ends in these states. */
export type ClientEnd12 =
  | { readonly at: 'wait-new-session-ticket'; readonly ready: ClientReady12 }
  | { readonly at: 'wait-finished'; readonly ready: ClientReady12; readonly given: Given12 };

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
  const finished = readFinished12(ctx, secrets, message);
  if (resumed !== undefined) {
    ctx.transcript.add(message.type, message.seq, message.body);
    sendFinished12(ctx, hello, secrets, 'nothing');
  }
  ctx.emit({ do: 'connected', session: connected12(ready, finished) });
  tellTicket12(ctx, ready, given);
  ctx.transcript.end();
  return 'connected';
}
