import { Queue } from '../base/queue.js';
import type { Security } from '../config/config.js';
import type { Job, JobAnswer } from '../handshake/jobs.js';
import { signInThread } from '../policy/perform-job.js';

/** As many as libuv has threads by default: look-ups and files of the application use them, too. */
const MAX_AT_ONCE = 4;

interface Waiting {
  readonly start: () => Promise<JobAnswer>;
  readonly done: (answer: JobAnswer) => void;
}

/**
 * Signatures that are made in threads of the platform while more handshakes come than one turn of the event loop takes:
 * with an RSA key each would hold up open sessions for a millisecond. Otherwise they are made at once, because the way
 * to a thread and back costs more than an ECDSA signature.
 */
export class SigningThreads {
  readonly #waiting = new Queue<Waiting>();
  #running = 0;

  /** Some are being made, or wait for a thread. */
  get busy(): boolean {
    return this.#running > 0;
  }

  /** Whether `job` is made in a thread; `done` is then called in a later turn. */
  take(job: Job, security: Security, done: (answer: JobAnswer) => void): boolean {
    const start = signInThread(job, security);
    if (start === undefined) return false;
    this.#waiting.push({ start, done });
    this.#next();
    return true;
  }

  /** Those that wait are not made any more. */
  clear(): void {
    this.#waiting.clear();
  }

  #next(): void {
    if (this.#running === MAX_AT_ONCE) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running++;
    void next.start().then((answer) => {
      this.#running--;
      this.#next();
      next.done(answer);
    });
  }
}
