import { callerError } from '../base/errors.js';
import type { Job, JobAnswer } from '../handshake/jobs.js';

/** The jobs of one association, by ID. Each is answered once, with an answer of its type. */
export class Jobs {
  /** The next ID. */
  #next = 1;
  /** Those that wait for an answer. */
  readonly #open: { readonly id: number; readonly kind: Job['kind'] }[] = [];

  /** Returns the ID of a new job. */
  ask({ kind }: Job): number {
    const id = this.#next++;
    this.#open.push({ id, kind });
    return id;
  }

  /** The kind of the oldest one without an answer. */
  get awaited(): Job['kind'] | undefined {
    return this.#open[0]?.kind;
  }

  /** Accepts the answer to job `id`. Throws `ERR_DTLS_JOB`, before any change, for an answer that nothing waits for. */
  take(id: number, answer: JobAnswer): void {
    const at = this.#open.findIndex((job) => job.id === id);
    const job = this.#open[at];
    if (job === undefined) {
      const asked = Number.isInteger(id) && id > 0 && id < this.#next;
      throw callerError('ERR_DTLS_JOB', `Job ${id} was ${asked ? 'answered already' : 'never asked for'}`);
    }
    if (answer.kind !== job.kind && answer.kind !== 'failed')
      throw callerError('ERR_DTLS_JOB', `Job ${id} is ${job.kind}; the answer is of kind ${answer.kind}`);
    this.#open.splice(at, 1);
  }
}
