import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import { needsEncryptThenMac, needsPsk } from '../../crypto/suites.js';
import { encodeEcPointFormats, UNCOMPRESSED } from '../../extensions/ec-point-formats.js';
import { encodeEncryptThenMac } from '../../extensions/encrypt-then-mac.js';
import { encodeExtendedMasterSecret } from '../../extensions/extended-master-secret.js';
import { NO_RENEGOTIATION } from '../../extensions/renegotiation-info.js';
import { encodeSessionTicketResponse } from '../../extensions/session-ticket.js';
import type { FreshState, SessionState } from '../../keys/resumption-state.js';
import {
  ExtensionType,
  type GroupName,
  HandshakeType,
  type SchemeName,
  WireVersion,
} from '../../wire/codes.js';
import type { Extensions } from '../../wire/extension-block.js';
import { transcriptHeader12 } from '../../wire/messages/handshake-header.js';
import { encodeNewSessionTicket12 } from '../../wire/messages/new-session-ticket12.js';
import { DOWNGRADE_TO_12, encodeServerHello } from '../../wire/messages/server-hello.js';
import { FACTS_12, isLatest } from '../../wire/version.js';
import { addAgreements, chooseAgreements, chooseConnectionIds } from '../agreements.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { ClientOffer } from '../client-wishes.js';
import type { Context } from '../context.js';
import type { OpenedTicket, SealedTicket } from '../jobs.js';
import type { Message } from '../message.js';
import { suitesOf } from '../negotiate.js';
import { resumedPeer, shownBy } from '../resumption.js';
import { connected12, OPEN_12, type Open12 } from './open.js';
import {
  installKeys12,
  type Negotiated12,
  readFinished12,
  resumeSecrets12,
  type Secrets12,
  sendFinished12,
} from './secrets.js';

/** Only the proof that both sides saw the same is left. */
export interface ServerReady12 {
  readonly hello: Negotiated12;
  readonly peer: PeerIdentity;
  /** Of our signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
  /** The resumed session: then our Finished came first. */
  readonly resumed: SessionState | undefined;
  /** The client's identity is unknown, which is hidden from it: no Finished can be right. */
  readonly unknownPsk?: boolean;
}

/** For every key exchange, a server's handshake ends in these states. */
export type ServerEnd12 =
  | { readonly at: 'wait-finished'; readonly ready: ServerReady12 }
  /** The client has finished; a ticket for it is being made. */
  | { readonly at: 'wait-ticket'; readonly ready: ServerReady12; readonly finished: FinishedVerified };

/** From here on the client's records are protected. */
export function waitFinished12(ctx: Context, ready: ServerReady12): ServerEnd12 {
  installKeys12(ctx, ready.hello, ready.secrets, 'client');
  return { at: 'wait-finished', ready };
}

/** The client's Finished, which ours answers unless it came first. */
export function onFinished12(ctx: Context, ready: ServerReady12, message: Message): ServerEnd12 | Open12 {
  const { hello, secrets } = ready;
  const finished = readFinished12(ctx, secrets, message);
  if (ready.resumed !== undefined) return connect(ctx, ready, finished);
  ctx.transcript.add(message.type, message.seq, message.body);
  if (!hello.promisesTicket) return sendLastFlight(ctx, ready, finished);
  askForTicket12(ctx, ready);
  return { at: 'wait-ticket', ready, finished };
}

/** Starts the job that seals a ticket of the session. */
function askForTicket12(ctx: Context, ready: ServerReady12): void {
  ctx.emit({ do: 'ask', job: { kind: 'seal-ticket', state: stateOf(ready), alpn: undefined } });
}

/** The state of a session for its resumption. */
function stateOf({ hello, peer, secrets, resumed }: ServerReady12): FreshState {
  const { suite, extendedMasterSecret, serverName } = hello;
  const { masterSecret: secret } = secrets;
  const { peerType, peerChain } = shownBy(peer);
  return { suite, secret, extendedMasterSecret, serverName, since: resumed?.since, peerType, peerChain };
}

/** RFC 5077 §3.3: a server that promised a ticket and has none after all sends an empty one. */
function sendTicket12(ctx: Context, sealed: SealedTicket | undefined): void {
  const { ticket, lifetime } = sealed ?? { ticket: EMPTY, lifetime: 0 };
  const body = encodeNewSessionTicket12({ ticketLifetimeHint: lifetime, ticket });
  ctx.send(HandshakeType.new_session_ticket, body, 0);
}

export function onTicketSealed12(
  ctx: Context,
  { ready, finished }: Extract<ServerEnd12, { at: 'wait-ticket' }>,
  sealed: SealedTicket | undefined,
): Open12 {
  sendTicket12(ctx, sealed);
  return sendLastFlight(ctx, ready, finished);
}

function sendLastFlight(ctx: Context, ready: ServerReady12, finished: FinishedVerified): Open12 {
  sendFinished12(ctx, ready.hello, ready.secrets, 'nothing');
  return connect(ctx, ready, finished);
}

function connect(ctx: Context, ready: ServerReady12, finished: FinishedVerified): Open12 {
  const { hello, resumed } = ready;
  ctx.emit({ do: 'connected', session: connected12(ready, finished) });
  const { sessionId } = hello;
  if (resumed === undefined && sessionId.length > 0)
    ctx.emit({ do: 'keep-session', sessionId, state: stateOf(ready) });
  ctx.endTranscript();
  return OPEN_12;
}

/*
 * The server's side of an abbreviated DTLS 1.2 handshake (RFC 5246 §7.3, RFC 5077 §3.1):
 *
 *   1. ClientHello            its ticket is opened, or its session found by the ID; then our flight:
 *      ServerHello, NewSessionTicket (if the ticket is to be replaced), ChangeCipherSpec, Finished
 *   2. Finished               see above
 */
export type ServerResumeState12 =
  | { readonly at: 'wait-old-ticket'; readonly client: ClientOffer }
  | { readonly at: 'wait-old-session'; readonly client: ClientOffer }
  | { readonly at: 'wait-renewal'; readonly ready: ServerReady12 };

/** Looks for the session that the client wants to resume; `undefined` where there is no job. */
export function askForSession12(ctx: Context, client: ClientOffer): ServerResumeState12 | undefined {
  const { security } = ctx;
  const { sessionId, cipherSuites: offered, extensions } = client.hello;
  const ticket = extensions.get(ExtensionType.session_ticket) ?? EMPTY;
  if (security.tickets === undefined || ticket.length + sessionId.length === 0) return undefined;
  const suites = suitesOf(security.suites, FACTS_12).filter(
    (suite) => !needsPsk(suite) && offered.includes(suite.code),
  );
  const { serverName } = client;
  // RFC 5077 §3.4: the session ID beside a ticket only serves our answer.
  if (ticket.length > 0) {
    ctx.emit({ do: 'ask', job: { kind: 'open-ticket', tickets: [ticket], suites, serverName } });
    return { at: 'wait-old-ticket', client };
  }
  ctx.emit({ do: 'ask', job: { kind: 'find-session', sessionId, suites, serverName } });
  return { at: 'wait-old-session', client };
}

/** The handle of a new session. */
type Handle12 = Pick<Negotiated12, 'sessionId' | 'promisesTicket'>;

export const NO_HANDLE: Handle12 = { sessionId: EMPTY, promisesTicket: false };

/**
 * The ticket that the client requests, else an ID. Only with the extended master secret does a session belong to one
 * handshake (RFC 7627 §5.3).
 */
export function handle12({ security, provider }: Context, client: ClientOffer): Handle12 {
  const { tickets } = security;
  if (tickets === undefined || !client.extendedMasterSecret) return NO_HANDLE;
  const wantsTicket = client.hello.extensions.has(ExtensionType.session_ticket);
  if (wantsTicket && tickets.keys !== undefined) return { ...NO_HANDLE, promisesTicket: true };
  return tickets.sessions === undefined ? NO_HANDLE : { ...NO_HANDLE, sessionId: provider.randomBytes(32) };
}

/** The abbreviated handshake; `undefined` where a full one is needed. The transcript holds the ClientHello. */
export function resume12(
  ctx: Context,
  client: ClientOffer,
  opened: Pick<OpenedTicket, 'resumed' | 'stale'> | undefined,
): ServerEnd12 | ServerResumeState12 | undefined {
  const peer = opened === undefined ? undefined : resumedPeer(ctx.security, opened.resumed);
  if (opened === undefined || peer === undefined) return undefined;
  const resumed = opened.resumed.state;
  // RFC 7627 §5.3. Sessions without it get no tickets and no IDs.
  if (!client.extendedMasterSecret)
    throw violation(
      'handshake_failure',
      'inconsistent extms: the client resumes a session without the extended master secret. Let it connect anew',
    );
  const { hello } = client;
  const negotiated = {
    suite: resumed.suite,
    clientRandom: hello.random,
    serverRandom: serverRandom12(ctx),
    extendedMasterSecret: true,
    serverName: client.serverName,
    agreed: chooseAgreements(ctx, FACTS_12.rules, hello.extensions),
    sessionId: hello.sessionId,
    promisesTicket: opened.stale,
  };
  ctx.transcript.begin(transcriptHeader12, resumed.suite.hash, false);
  sendServerHello12(ctx, client, negotiated, undefined);
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

/** RFC 8446 §4.1.3: a server that supports 1.3 marks its random, so that a forged downgrade is noticed. */
export function serverRandom12(ctx: Context): Uint8Array {
  const random = ctx.provider.randomBytes(32);
  if (!isLatest(ctx.security.versions, FACTS_12)) random.set(DOWNGRADE_TO_12, 24);
  return random;
}

const NO_ANSWERS: Extensions = new Map();

/**
 * `group`: of the key exchange, if there is one; `answers`: further extensions, such as for the choice of a
 * certificate.
 */
export function sendServerHello12(
  ctx: Context,
  client: ClientOffer,
  hello: Negotiated12,
  group: GroupName | undefined,
  answers: Extensions = NO_ANSWERS,
): void {
  const extensions = new Map<number, Uint8Array>();
  if (client.secureRenegotiation) extensions.set(ExtensionType.renegotiation_info, NO_RENEGOTIATION);
  if (client.extendedMasterSecret)
    extensions.set(ExtensionType.extended_master_secret, encodeExtendedMasterSecret());
  if (needsEncryptThenMac(hello.suite))
    extensions.set(ExtensionType.encrypt_then_mac, encodeEncryptThenMac());
  if (group !== undefined && client.hello.extensions.has(ExtensionType.ec_point_formats)) {
    extensions.set(ExtensionType.ec_point_formats, encodeEcPointFormats(Uint8Array.of(UNCOMPRESSED)));
  }
  if (hello.promisesTicket) extensions.set(ExtensionType.session_ticket, encodeSessionTicketResponse());
  addAgreements(extensions, hello.agreed, FACTS_12.rules);
  chooseConnectionIds(extensions, ctx, client.hello.extensions);
  if (answers !== NO_ANSWERS) for (const [type, answer] of answers) extensions.set(type, answer);
  const body = encodeServerHello({
    legacyVersion: WireVersion.dtls12,
    random: hello.serverRandom,
    sessionId: hello.sessionId,
    cipherSuite: hello.suite.code,
    compressionMethod: 0,
    extensions,
  });
  ctx.send(HandshakeType.server_hello, body, 0);
}
