import { type Awaitable, whenever } from '../../base/awaitable.js';
import type { Security } from '../../config/config.js';
import { NO_EARLY_DATA } from '../../keys/early-terms.js';
import { datedState } from '../../keys/session-state.js';
import type { Job, JobAnswer, Resumable } from '../jobs.js';
import { type Judge, judgedAgain, usableTicket } from './perform.js';
import { encodeTicket } from './ticket.js';

/** The session of DTLS 1.2 that is remembered by its id and may be used now. */
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

/** Remembers a session for as long as it lives. */
export function keepSession(
  { sessionId, state }: Extract<Job, { kind: 'keep-session' }>,
  { tickets }: Security,
  time: number,
): JobAnswer {
  const dated = datedState(state, time);
  const content = encodeTicket({ state: dated, early: NO_EARLY_DATA, issuedAt: time, ageAdd: 0 });
  if (tickets !== undefined) tickets.sessions?.keep(sessionId, content, time + tickets.lifetime);
  return { kind: 'keep-session' };
}

/** RFC 5246 §7.2.2: a session that ended in a fatal alert is not resumed. */
export function forgetSession(
  { sessionId }: Extract<Job, { kind: 'forget-session' }>,
  { tickets }: Security,
): JobAnswer {
  tickets?.sessions?.forget(sessionId);
  return { kind: 'forget-session' };
}
