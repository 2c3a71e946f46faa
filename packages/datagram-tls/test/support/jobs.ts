import assert from 'node:assert/strict';
import type { Security } from '#lib/config/config.js';
import type { Job, JobAnswer } from '#lib/handshake/jobs.js';
import { performJob } from '#lib/policy/perform-job.js';
import { JUDGEMENT_DAY } from './identities.js';

/** Does a job on the spot: tests that have a time of their own cannot wait for promises. */
export function performNow(job: Job, security: Security, time = JUDGEMENT_DAY): JobAnswer {
  const answer = performJob(job, security, time);
  assert.ok(!(answer instanceof Promise), `the answer to ${job.kind} is a promise`);
  return answer;
}
