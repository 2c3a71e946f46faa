import type { Security } from '../config/config.js';
import type { PskCredential } from '../config/psk-policy.js';
import { verifyName } from '../x509/names.js';
import { verifyPath } from '../x509/path.js';
import { matchesPin } from '../x509/pins.js';
import type { Job, JobAnswer, Verdict } from './jobs.js';

/**
 * Does a job with the means of `security`: on the spot, unless a function of the application takes its time. The promise
 * never rejects. `time`: ms since 1970, for certificates' validity.
 */
export function performJob(job: Job, security: Security, time: number): JobAnswer | Promise<JobAnswer> {
  switch (job.kind) {
    case 'sign':
      return { kind: 'sign', signature: security.provider.sign(job.scheme, job.key, job.data) };
    case 'verify-peer':
      return { kind: 'verify-peer', verdict: judge(job, security, time) };
    case 'choose-psk':
      return answered(() => choosePsk(job.hint, security));
    case 'find-psk':
      return answered(() => findPsk(job.identities, security));
  }
}

/** What `work` answers; what it throws or rejects with becomes an answer, too. */
function answered(work: () => JobAnswer | Promise<JobAnswer>): JobAnswer | Promise<JobAnswer> {
  const failed = (cause: unknown): JobAnswer => ({ kind: 'failed', cause });
  try {
    const answer = work();
    return answer instanceof Promise ? answer.catch(failed) : answer;
  } catch (cause) {
    return failed(cause);
  }
}

function choosePsk(hint: Uint8Array, { psk }: Security): JobAnswer | Promise<JobAnswer> {
  const chosen = psk.role === 'client' ? psk.choose(hint) : [];
  const answer = (credentials: readonly PskCredential[]): JobAnswer => ({ kind: 'choose-psk', credentials });
  return chosen instanceof Promise ? chosen.then(answer) : answer(chosen);
}

/** One after the other, as each may be a question to a database. */
function findPsk(
  identities: readonly Uint8Array[],
  security: Security,
  index = 0,
): JobAnswer | Promise<JobAnswer> {
  const identity = identities[index];
  const { psk } = security;
  if (identity === undefined || psk.role !== 'server') return { kind: 'find-psk', found: undefined };
  const settle = (key: Uint8Array | undefined): JobAnswer | Promise<JobAnswer> =>
    key === undefined
      ? findPsk(identities, security, index + 1)
      : { kind: 'find-psk', found: { index, key } };
  const key = psk.find(identity);
  return key instanceof Promise ? key.then(settle) : settle(key);
}

/** A pin stands for the path and the name; without one both have to hold. */
function judge(job: Extract<Job, { kind: 'verify-peer' }>, security: Security, time: number): Verdict {
  const [leaf] = job.chain;
  if (leaf === undefined) return { ok: false, code: 'UNABLE_TO_GET_ISSUER_CERT' };
  const { provider, pins, trust } = security;
  if (pins.length > 0) {
    return matchesPin(leaf, pins, provider) ? { ok: true } : { ok: false, code: 'PIN_MISMATCH' };
  }
  const path = verifyPath({ chain: job.chain, trust: trust(), time, purpose: job.purpose, provider });
  if (!path.ok) return { ok: false, code: path.code };
  const name = job.name === undefined ? undefined : verifyName(leaf, job.name);
  return name === undefined ? { ok: true } : { ok: false, code: name };
}
