import type { Security } from '#lib/config/config.js';
import type { Job, JobAnswer } from '#lib/handshake/jobs.js';
import { performJob } from '#lib/handshake/perform-job.js';
import { JUDGEMENT_DAY } from './identities.js';

/** The answer to a job that takes no time. */
export function answerNow(job: Job, security: Security): JobAnswer {
  const answer = performJob(job, security, JUDGEMENT_DAY);
  if (answer instanceof Promise) throw new Error('in this test nothing may take time');
  return answer;
}
