import type { Security } from '../config/config.js';
import { verifyName } from '../x509/names.js';
import { verifyPath } from '../x509/path.js';
import { matchesPin } from '../x509/pins.js';
import type { Job, JobAnswer, Verdict } from './jobs.js';

/** Does a job on the spot with the means of `security`. `time`: ms since 1970, for certificates' validity. */
export function performJob(job: Job, security: Security, time: number): JobAnswer {
  switch (job.kind) {
    case 'sign':
      return { kind: 'sign', signature: security.provider.sign(job.scheme, job.key, job.data) };
    case 'verify-peer':
      return { kind: 'verify-peer', verdict: judge(job, security, time) };
  }
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
