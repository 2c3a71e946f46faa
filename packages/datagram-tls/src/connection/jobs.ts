import { callerError, invalidArgType, invalidArgValue } from '../base/errors.js';
import type { Job, JobAnswer } from '../handshake/jobs.js';
import { isBytes } from './arguments.js';

/** The jobs of one association, by ID. Each is answered once, with an answer of its type. */
export class Jobs {
  #next: number;
  /** Those that wait for an answer. */
  #open: { readonly id: number; readonly kind: Job['kind'] }[] | undefined;

  /** `next`: the ID of its first job. */
  constructor(next: number) {
    this.#next = next;
  }

  /** The next ID. */
  get next(): number {
    return this.#next;
  }

  /** Returns the ID of a new job. */
  ask({ kind }: Job): number {
    const id = this.#next++;
    this.#open ??= [];
    this.#open.push({ id, kind });
    return id;
  }

  /** The kind of the oldest one without an answer. */
  get awaited(): Job['kind'] | undefined {
    return this.#open?.[0]?.kind;
  }

  /**
   * Accepts the answer to job `id`. Throws before any change: `ERR_DTLS_JOB` for an answer that nothing waits for,
   * `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for one that is no answer.
   */
  take(id: number, answer: JobAnswer): void {
    if (!isObject(answer)) throw invalidArgType('answer', 'a JobAnswer', answer);
    const open = this.#open ?? [];
    const at = open.findIndex((job) => job.id === id);
    const job = open[at];
    if (job === undefined) {
      const asked = Number.isInteger(id) && id > 0 && id < this.#next;
      throw callerError('ERR_DTLS_JOB', `Job ${id} was ${asked ? 'answered already' : 'never asked for'}`);
    }
    if (answer.kind !== job.kind && answer.kind !== 'failed')
      throw callerError('ERR_DTLS_JOB', `Job ${id} is ${job.kind}; the answer is of kind ${answer.kind}`);
    if (!isWellFormed(answer)) throw invalidArgValue('answer', `is no answer of kind ${answer.kind}`);
    open.splice(at, 1);
    if (open.length === 0) this.#open = undefined;
  }
}

/** What the fields of each kind hold, as far as a mistake would show later and elsewhere. */
const SHAPES: { readonly [K in JobAnswer['kind']]: (answer: Extract<JobAnswer, { kind: K }>) => boolean } = {
  sign: ({ signature }) => isBytes(signature),
  'verify-peer': ({ verdict }) => isObject(verdict) && (verdict.ok || isText(verdict.code)),
  'find-staple': ({ staple }) => staple === undefined || isBytes(staple),
  'choose-identity': ({ security }) => isAbsentOrObject(security),
  'choose-psk': ({ credentials }) => Array.isArray(credentials) && credentials.every(isObject),
  'check-session': ({ found }) => isAbsentOrObject(found),
  'find-psk': ({ found }) => found === undefined || (isObject(found) && isBytes(found.key)),
  'open-ticket': ({ found }) => isAbsentOrObject(found),
  'guard-replay': ({ answer }) => isText(answer),
  'seal-ticket': ({ sealed }) => sealed === undefined || (isObject(sealed) && isBytes(sealed.ticket)),
  'find-session': ({ found }) => isAbsentOrObject(found),
  failed: () => true,
};

function isWellFormed(answer: JobAnswer): boolean {
  return SHAPES[answer.kind](answer as never);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isAbsentOrObject(value: unknown): boolean {
  return value === undefined || isObject(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
