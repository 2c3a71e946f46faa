import { type Awaitable, isPromise, whenever } from '../base/awaitable.js';
import type { Security, TicketPolicy } from '../config/config.js';
import type { SavedSession } from '../config/saved-session.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { canResumeUnder } from '../crypto/suites.js';
import { verdictJob } from '../handshake/ask-verdict.js';
import type {
  Failure,
  Job,
  JobAnswer,
  OpenedTicket,
  Resumable,
  ResumptionTerms,
  Verdict,
  VerifyPeerJob,
} from '../handshake/jobs.js';
import { asksPeers, claimOf, LONGEST_LIFE, resumedPeer } from '../handshake/resumption.js';
import {
  datedState,
  type EarlyTerms,
  type FreshState,
  NO_EARLY_DATA,
  readEarlyTerms,
  readSessionState,
  type SessionState,
  writeEarlyTerms,
  writeSessionState,
} from '../keys/resumption-state.js';
import { openTicket, sealTicket, type TicketKey } from '../keys/ticket-keys.js';
import { Reader, Writer } from '../wire/cursor.js';
import { rulesOf } from '../wire/version.js';

type CheckSession = Extract<Job, { kind: 'check-session' }>;
type OpenTicket = Extract<Job, { kind: 'open-ticket' }>;
type SealTicket = Extract<Job, { kind: 'seal-ticket' }>;

/** How a chain is validated at a resumption, as in the full handshake. */
type Judge = (job: VerifyPeerJob, security: Security, time: number) => Awaitable<Verdict>;

/** Clock difference between nodes that share ticket keys, ms. */
const CLOCK_SKEW = 60_000;
/**
 * A larger ticket, because of the client's certificates in it, would make a ClientHello of so many datagrams that one
 * of them is likely lost; bytes. Three certificates with ECDSA keys fit, and two with RSA keys.
 */
const LARGEST_TICKET = 3072;

/** A saved session is valid as long as its ticket, and as the client's policy accepts the server's certificate. */
export function checkSession(
  { session, name }: CheckSession,
  security: Security,
  time: number,
  judge: Judge,
): Awaitable<JobAnswer> {
  const age = Math.max(time - session.receivedAt, 0);
  const answer = (found: Resumable | undefined): JobAnswer => ({
    kind: 'check-session',
    found: found === undefined ? undefined : { ...found, age },
  });
  if (age >= session.lifetime || !isAlive(session, time)) return answer(undefined);
  return whenever(judgedAgain(session.state, security, time, name, judge), answer);
}

function isAlive({ state, receivedAt }: SavedSession, time: number): boolean {
  return time - state.since < LONGEST_LIFE && time - receivedAt >= -CLOCK_SKEW;
}

/** The first ticket that this server issued and that may be used now. */
export function openTickets(
  job: OpenTicket,
  security: Security,
  time: number,
  judge: Judge,
): Awaitable<JobAnswer> {
  const { tickets } = security;
  if (tickets?.keys === undefined) return opened(undefined);
  const keys = ticketKeys(tickets.keys, time);
  // No closure for each ticket: nearly all keys need no call.
  if (!isPromise(keys)) return openUnder(keys, job, security, tickets, time, judge);
  return Promise.resolve(keys).then((found) => openUnder(found, job, security, tickets, time, judge));
}

function openUnder(
  { keys, failure }: Keys,
  job: OpenTicket,
  security: Security,
  tickets: TicketPolicy,
  time: number,
  judge: Judge,
): Awaitable<JobAnswer> {
  if (failure !== undefined) return { kind: 'open-ticket', found: undefined, failure };
  const found = tryTicket(job, { security, tickets, keys, time, judge }, 0);
  return isPromise(found) ? Promise.resolve(found).then(opened) : opened(found);
}

function opened(found: OpenedTicket | undefined): JobAnswer {
  return { kind: 'open-ticket', found };
}

interface Keys {
  readonly keys: readonly TicketKey[];
  readonly failure: Failure | undefined;
}

/** An unavailable key service costs the resumption, not the session. */
function ticketKeys(ask: NonNullable<TicketPolicy['keys']>, time: number): Awaitable<Keys> {
  try {
    const keys = ask(time);
    return isPromise(keys) ? Promise.resolve(keys).then(foundKeys, noKeys) : foundKeys(keys);
  } catch (cause) {
    return noKeys(cause);
  }
}

function foundKeys(keys: readonly TicketKey[]): Keys {
  return { keys, failure: undefined };
}

function noKeys(cause: unknown): Keys {
  return { keys: [], failure: { cause } };
}

interface Means {
  readonly security: Security;
  readonly tickets: TicketPolicy;
  readonly keys: readonly TicketKey[];
  readonly time: number;
  readonly judge: Judge;
}

/** One after the other, because the application may be asked about the certificates in each. */
function tryTicket(job: OpenTicket, means: Means, index: number): Awaitable<OpenedTicket | undefined> {
  const ticket = job.tickets[index];
  if (ticket === undefined) return undefined;
  const unsealed = openTicket(means.security.provider, means.keys, means.tickets.context, ticket);
  const usable =
    unsealed === undefined ? undefined : usableTicket(job, means.tickets, means.time, unsealed.content);
  if (unsealed === undefined || usable === undefined) return tryTicket(job, means, index + 1);
  const stale = unsealed.keyIndex > 0;
  const { security, time, judge } = means;
  const { state, early, issuedAt, ageAdd } = usable;
  const age = { issuedAt, now: time, ageAdd };
  const judged = judgedAgain(state, security, time, undefined, judge);
  if (!isPromise(judged))
    return judged === undefined
      ? tryTicket(job, means, index + 1)
      : { index, stale, resumed: judged, early, age };
  return Promise.resolve(judged).then((resumed) =>
    resumed === undefined ? tryTicket(job, means, index + 1) : { index, stale, resumed, early, age },
  );
}

/** The session that a server once wrote into `content`, if it can be resumed now. */
function usableTicket(
  { suites, serverName }: ResumptionTerms,
  tickets: TicketPolicy,
  time: number,
  content: Uint8Array,
): TicketContent | undefined {
  const ticket = decodeTicket(content);
  if (ticket === undefined) return undefined;
  const { state } = ticket;
  if (!state.extendedMasterSecret || state.serverName !== serverName) return undefined;
  const age = time - state.since;
  const fits = suites.some((suite) => canResumeUnder(suite, state.suite));
  return fits && age >= -CLOCK_SKEW && age < tickets.lifetime ? ticket : undefined;
}

/** The state with today's verdict on the peer's certificate; `undefined` where today's verdict refuses it. */
function judgedAgain(
  state: SessionState,
  security: Security,
  time: number,
  name: string | undefined,
  judge: Judge,
): Awaitable<Resumable | undefined> {
  if (!asksPeers(security)) return accepted(state, security, { ok: true });
  const claim = claimOf(security, state);
  if (claim === undefined) return undefined;
  const job = verdictJob(security, name, claim, security.requestStaple);
  return whenever(judge(job, security, time), (verdict) => accepted(state, security, verdict));
}

function accepted(state: SessionState, security: Security, verdict: Verdict): Resumable | undefined {
  if (lacksStaple(verdict)) return undefined;
  const resumable = { state, verdict };
  return resumedPeer(security, resumable) === undefined ? undefined : resumable;
}

/** No staple is kept: where one is required the peer has to send the certificate again, with a new staple. */
function lacksStaple(verdict: Verdict): boolean {
  return !verdict.ok && verdict.code === 'OCSP_VERIFY_NEEDED';
}

/** Makes a ticket for the rest of the session's lifetime. */
export function sealState(
  { state, alpn }: SealTicket,
  security: Security,
  time: number,
): Awaitable<JobAnswer> {
  const { tickets, provider } = security;
  const none: JobAnswer = { kind: 'seal-ticket', sealed: undefined };
  if (tickets?.keys === undefined) return none;
  const dated = datedState(state, time);
  const lifetime = Math.floor((dated.since + tickets.lifetime - time) / 1000);
  if (lifetime <= 0) return none;
  return whenever(ticketKeys(tickets.keys, time), ({ keys: [key], failure }) => {
    if (failure !== undefined) return { kind: 'seal-ticket', sealed: undefined, failure };
    if (key === undefined) return none;
    const ageAdd = randomNumber(provider);
    const maxEarlyData = rulesOf(state.suite.version).earlyData ? (tickets.early?.most ?? 0) : 0;
    const early = { most: maxEarlyData, alpn };
    const content = encodeTicket({ state: dated, early, issuedAt: time, ageAdd });
    const ticket = sealTicket(provider, key, tickets.context, content);
    if (ticket.length > LARGEST_TICKET) return none;
    return { kind: 'seal-ticket', sealed: { ticket, lifetime, ageAdd, maxEarlyData } };
  });
}

/** 32 random bits. */
function randomNumber(provider: CryptoProvider): number {
  const [a = 0, b = 0, c = 0, d = 0] = provider.randomBytes(4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Whether a ClientHello is new, according to the server's replay guard. */
export function guardReplay(
  { digest, until }: Extract<Job, { kind: 'guard-replay' }>,
  { tickets }: Security,
  time: number,
): Awaitable<JobAnswer> {
  // The calls before may have taken so long that the stated age is no longer right.
  const said = until <= time ? 'stale' : (tickets?.early?.guard(digest, until, time) ?? 'full');
  return whenever(said, (answer) => ({ kind: 'guard-replay', answer }));
}

/** The session of DTLS 1.2 with this ID that may be used now. */
export function findSession(
  job: Extract<Job, { kind: 'find-session' }>,
  security: Security,
  time: number,
  judge: Judge,
): Awaitable<JobAnswer> {
  const { tickets } = security;
  const answer = (found: Resumable | undefined): JobAnswer => ({ kind: 'find-session', found });
  const content = tickets?.sessions?.find(job.sessionId, time);
  if (tickets === undefined || content === undefined) return answer(undefined);
  const usable = usableTicket(job, tickets, time, content);
  return usable === undefined
    ? answer(undefined)
    : whenever(judgedAgain(usable.state, security, time, undefined, judge), answer);
}

/**
 * Remembers a session of DTLS 1.2 under `sessionId` for its lifetime; `time`: ms since 1970.
 *
 * @example
 * ```ts
 * import { type ConnectionEvent, keepSession, type Security } from 'datagram-tls/core';
 *
 * function onEvent(event: ConnectionEvent, security: Security): void {
 *   if (event.type === 'keep-session') keepSession(event, security, Date.now());
 * }
 * ```
 */
export function keepSession(
  { sessionId, state }: { readonly sessionId: Uint8Array; readonly state: FreshState },
  { tickets }: Security,
  time: number,
): void {
  const dated = datedState(state, time);
  const content = encodeTicket({ state: dated, early: NO_EARLY_DATA, issuedAt: time, ageAdd: 0 });
  if (tickets !== undefined) tickets.sessions?.keep(sessionId, content, time + tickets.lifetime);
}

/**
 * RFC 5246 §7.2.2: a session that ended with a fatal alert is not resumed.
 *
 * @example
 * ```ts
 * import { type ConnectionEvent, forgetSession, type Security } from 'datagram-tls/core';
 *
 * function onEvent(event: ConnectionEvent, security: Security): void {
 *   if (event.type === 'forget-session') forgetSession(event, security);
 * }
 * ```
 */
export function forgetSession(
  { sessionId }: { readonly sessionId: Uint8Array },
  { tickets }: Security,
): void {
  tickets?.sessions?.forget(sessionId);
}

/** The format of the rest; other releases may have others. */
const FORMAT = 2;

/** The content of our ticket before it is sealed. */
interface TicketContent {
  readonly state: SessionState;
  readonly early: EarlyTerms;
  /** When the ticket was made, ms since 1970. */
  readonly issuedAt: number;
  /** DTLS 1.3: added to its age by the client (RFC 8446 §4.6.1). */
  readonly ageAdd: number;
}

function encodeTicket({ state, early, issuedAt, ageAdd }: TicketContent): Uint8Array {
  const w = new Writer().u8(FORMAT).u48(issuedAt).u32(ageAdd);
  writeEarlyTerms(w, early);
  writeSessionState(w, state);
  return w.finish();
}

/** `undefined` for anything that no release with this format has written. */
function decodeTicket(content: Uint8Array): TicketContent | undefined {
  const r = new Reader(content);
  if (r.u8() !== FORMAT) return undefined;
  const issuedAt = r.u48();
  const ageAdd = r.u32();
  const early = readEarlyTerms(r);
  const state = readSessionState(r);
  return r.finished() && state !== undefined ? { state, early, issuedAt, ageAdd } : undefined;
}
