import { type Awaitable, whenever } from '../../base/awaitable.js';
import type { Security } from '../../config/config.js';
import { datedState } from '../../keys/session-state.js';
import type { Job, JobAnswer, Resumable } from '../jobs.js';
import { type Judge, judgedAgain, usableState } from './perform.js';
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
  const state = usableState(job, tickets, time, content);
  return state === undefined
    ? answer(undefined)
    : whenever(judgedAgain(state, security, time, undefined, judge), answer);
}

/** Remembers a session for as long as it lives. */
export function keepSession(
  { sessionId, state }: Extract<Job, { kind: 'keep-session' }>,
  { tickets }: Security,
  time: number,
): JobAnswer {
  const content = encodeTicket(datedState(state, time));
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
