import { isPromise } from '../base/awaitable.js';
import type { StoreState } from './sealed-state.js';

/** What a session does for its checkpoints. */
export interface CheckpointHost {
  /** A state in which the session goes on if this process fails. */
  take(): Buffer;
  /** The last one is kept. */
  onKept(): void;
  /** The store of the application failed. */
  onFailure(thrown: unknown): void;
}

/** Keeps checkpoints of one session in a store of the application, one after the other. */
export class Checkpoints {
  readonly #host: CheckpointHost;
  readonly #store: StoreState;
  #isStoring = false;
  #isDue = false;
  #isOver = false;

  constructor(host: CheckpointHost, store: StoreState) {
    this.#host = host;
    this.#store = store;
  }

  /** The session is over, or others take the place of these. */
  end(): void {
    this.#isOver = true;
  }

  /** Keeps one, unless the last one is on its way: then one more when it is kept. Throws what the store threw at once. */
  keep(): Promise<void> | undefined {
    this.#isDue = true;
    if (this.#isStoring) return undefined;
    while (this.#isDue && !this.#isOver) {
      this.#isDue = false;
      const answer = this.#store(this.#host.take());
      if (isPromise(answer)) return this.#keepLater(answer);
      this.#host.onKept();
    }
    return undefined;
  }

  /** The same without a caller that hears of a failure. */
  renew(): void {
    try {
      this.keep()?.catch((error: unknown) => this.#host.onFailure(error));
    } catch (error) {
      this.#host.onFailure(error);
    }
  }

  async #keepLater(answer: PromiseLike<unknown>): Promise<void> {
    this.#isStoring = true;
    try {
      await answer;
    } finally {
      this.#isStoring = false;
    }
    if (this.#isOver) return;
    this.#host.onKept();
    if (this.#isDue) this.renew();
  }
}
