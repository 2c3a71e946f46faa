import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import { needsPsk } from '../../crypto/suites.js';
import { ExtensionType } from '../../wire/codes.js';
import { chooseAgreements } from '../agreed.js';
import type { ClientWishes } from '../client-wishes.js';
import type { Context } from '../context.js';
import type { OpenedTicket, SealedTicket } from '../jobs.js';
import { resumedPeer } from '../resumption/peer.js';
import { sendFinished12 } from './finished.js';
import { type Negotiated12, resumeSecrets12 } from './secrets.js';
import {
  askForTicket12,
  type ServerEnd12,
  type ServerReady12,
  sendTicket12,
  waitFinished12,
} from './server-end.js';
import { sendServerHello12, serverRandom12 } from './server-hello.js';

/*
 * The server's side of an abbreviated DTLS 1.2 handshake (RFC 5246 §7.3, RFC 5077 §3.1):
 *
 *   1. ClientHello            its ticket is opened, or its session found by the id; then our flight:
 *      ServerHello, NewSessionTicket (if the ticket is to be replaced), ChangeCipherSpec, Finished
 *   2. Finished               see server-end.ts
 */
export type ServerResumeState12 =
  | { readonly at: 'wait-session'; readonly client: ClientWishes }
  | { readonly at: 'wait-renewal'; readonly ready: ServerReady12 };

/** Asks for the session that the client wants to go on with; returns whether there is anything to ask. */
export function askForSession12(ctx: Context, client: ClientWishes): boolean {
  const { security } = ctx;
  const { sessionId, cipherSuites: offered, extensions } = client.hello;
  const ticket = extensions.get(ExtensionType.session_ticket) ?? EMPTY;
  if (security.tickets === undefined || ticket.length + sessionId.length === 0) return false;
  const suites = security.suites.filter(
    (suite) => suite.version === 'DTLSv1.2' && !needsPsk(suite) && offered.includes(suite.code),
  );
  const { serverName } = client;
  // RFC 5077 §3.4: the session id beside a ticket is for our answer only.
  if (ticket.length > 0)
    ctx.emit({ do: 'ask', job: { kind: 'open-ticket', tickets: [ticket], suites, serverName } });
  else ctx.emit({ do: 'ask', job: { kind: 'find-session', sessionId, suites, serverName } });
  return true;
}

/** What a new session will be known by. */
type Handle12 = Pick<Negotiated12, 'sessionId' | 'promisesTicket'>;

export const NO_HANDLE: Handle12 = { sessionId: EMPTY, promisesTicket: false };

/**
 * By the ticket that the client asks for, else by an id. Only with the extended master secret does a session stand for
 * one handshake (RFC 7627 §5.3).
 */
export function handle12({ security, provider }: Context, client: ClientWishes): Handle12 {
  const { tickets } = security;
  if (tickets === undefined || !client.extendedMasterSecret) return NO_HANDLE;
  const wantsTicket = client.hello.extensions.has(ExtensionType.session_ticket);
  if (wantsTicket && tickets.keys !== undefined) return { ...NO_HANDLE, promisesTicket: true };
  return tickets.sessions === undefined ? NO_HANDLE : { ...NO_HANDLE, sessionId: provider.randomBytes(32) };
}

/** The abbreviated handshake; `undefined` where only a full one will do. The transcript holds the ClientHello. */
export function resume12(
  ctx: Context,
  client: ClientWishes,
  opened: Pick<OpenedTicket, 'resumed' | 'stale'> | undefined,
): ServerEnd12 | ServerResumeState12 | undefined {
  const peer = opened === undefined ? undefined : resumedPeer(ctx.security, opened.resumed);
  if (opened === undefined || peer === undefined) return undefined;
  const resumed = opened.resumed.state;
  // RFC 7627 §5.3. Sessions without it get no tickets and no ids.
  if (!client.extendedMasterSecret)
    throw violation('handshake_failure', 'the client resumes a session without the extended master secret');
  const { hello } = client;
  const negotiated = {
    suite: resumed.suite,
    clientRandom: hello.random,
    serverRandom: serverRandom12(ctx),
    extendedMasterSecret: true,
    serverName: client.serverName,
    agreed: chooseAgreements(ctx, 'DTLSv1.2', hello.extensions),
    sessionId: hello.sessionId,
    promisesTicket: opened.stale,
  };
  ctx.transcript.begin('DTLSv1.2', resumed.suite.hash, false);
  sendServerHello12(ctx, client, negotiated, undefined, new Map());
  const secrets = resumeSecrets12(ctx, negotiated, resumed.secret);
  const ready = { hello: negotiated, peer, scheme: undefined, group: undefined, secrets, resumed };
  if (!negotiated.promisesTicket) return sendEnd(ctx, ready);
  askForTicket12(ctx, ready);
  return { at: 'wait-renewal', ready };
}

export function onTicketRenewed12(
  ctx: Context,
  ready: ServerReady12,
  sealed: SealedTicket | undefined,
): ServerEnd12 {
  sendTicket12(ctx, sealed);
  return sendEnd(ctx, ready);
}

function sendEnd(ctx: Context, ready: ServerReady12): ServerEnd12 {
  sendFinished12(ctx, ready.hello, ready.secrets, 'answer');
  return waitFinished12(ctx, ready);
}
