import { EMPTY } from '../../base/bytes.js';
import type { FreshState, SessionState } from '../../keys/session-state.js';
import type { GroupName, SchemeName } from '../../wire/codes.js';
import { HandshakeType } from '../../wire/codes.js';
import { encodeNewSessionTicket12 } from '../../wire/messages/new-session-ticket12.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import type { SealedTicket } from '../jobs.js';
import type { Message } from '../message.js';
import { shownBy } from '../resumption/peer.js';
import { connected12 } from './connected.js';
import { readFinished12, sendFinished12 } from './finished.js';
import { installKeys12, type Negotiated12, type Secrets12 } from './secrets.js';

/** All that is left is to prove that both saw the same. */
export interface ServerReady12 {
  readonly hello: Negotiated12;
  readonly peer: PeerIdentity;
  /** Of our signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
  /** The session from before that goes on: then our Finished came first. */
  readonly resumed: SessionState | undefined;
  /** The client's identity is unknown, which is hidden from it: no Finished can be right. */
  readonly unknownPsk?: boolean;
}

/** However the keys were agreed on, a server's handshake ends in these states. */
export type ServerEnd12 =
  | { readonly at: 'wait-finished'; readonly ready: ServerReady12 }
  /** The client is done; a ticket for it is being made. */
  | { readonly at: 'wait-ticket'; readonly ready: ServerReady12; readonly finished: FinishedVerified };

/** From here on the client's records are protected. */
export function waitFinished12(ctx: Context, ready: ServerReady12): ServerEnd12 {
  installKeys12(ctx, ready.hello, ready.secrets, 'client');
  return { at: 'wait-finished', ready };
}

/** The client's Finished, which ours answers unless it came first. */
export function onFinished12(
  ctx: Context,
  ready: ServerReady12,
  message: Message,
): ServerEnd12 | 'connected' {
  const { hello, secrets } = ready;
  const finished = readFinished12(ctx, secrets, message);
  if (ready.resumed !== undefined) return connect(ctx, ready, finished);
  ctx.transcript.add(message.type, message.seq, message.body);
  if (!hello.promisesTicket) return sendLastFlight(ctx, ready, finished);
  askForTicket12(ctx, ready);
  return { at: 'wait-ticket', ready, finished };
}

/** Somebody who has the keys for it makes a ticket of the session. */
export function askForTicket12(ctx: Context, ready: ServerReady12): void {
  ctx.emit({ do: 'ask', job: { kind: 'seal-ticket', state: stateOf(ready), alpn: undefined } });
}

/** What has to be remembered of a session to resume it. */
function stateOf({ hello, peer, secrets, resumed }: ServerReady12): FreshState {
  const { suite, extendedMasterSecret, serverName } = hello;
  return {
    suite,
    secret: secrets.masterSecret,
    extendedMasterSecret,
    serverName,
    since: resumed?.since,
    ...shownBy(peer),
  };
}

/** RFC 5077 §3.3: who promised a ticket and has none after all sends an empty one. */
export function sendTicket12(ctx: Context, sealed: SealedTicket | undefined): void {
  const { ticket, lifetime } = sealed ?? { ticket: EMPTY, lifetime: 0 };
  const body = encodeNewSessionTicket12({ ticketLifetimeHint: lifetime, ticket });
  ctx.send(HandshakeType.new_session_ticket, body, 0);
}

export function onTicketSealed12(
  ctx: Context,
  { ready, finished }: Extract<ServerEnd12, { at: 'wait-ticket' }>,
  sealed: SealedTicket | undefined,
): 'connected' {
  sendTicket12(ctx, sealed);
  return sendLastFlight(ctx, ready, finished);
}

function sendLastFlight(ctx: Context, ready: ServerReady12, finished: FinishedVerified): 'connected' {
  sendFinished12(ctx, ready.hello, ready.secrets, 'nothing');
  return connect(ctx, ready, finished);
}

function connect(ctx: Context, ready: ServerReady12, finished: FinishedVerified): 'connected' {
  const { hello, resumed } = ready;
  ctx.emit({ do: 'connected', session: connected12(ready, finished) });
  const { sessionId } = hello;
  if (resumed === undefined && sessionId.length > 0)
    ctx.emit({ do: 'ask', job: { kind: 'keep-session', sessionId, state: stateOf(ready) } });
  ctx.transcript.end();
  return 'connected';
}
