import { Loops } from './loops.js';

/**
 * Sessions that wait for a `for await` over their endpoint. When as many wait as may, new clients are refused, as a TCP
 * server's backlog does.
 */
export class Arrivals<S extends object> {
  readonly #limit: number;
  readonly #onFull: (full: boolean) => void;
  readonly #loops = new Loops<S>();
  readonly #waiting = new Set<S>();

  /** `onFull` is called when that changes. */
  constructor(limit: number, onFull: (full: boolean) => void) {
    this.#limit = limit;
    this.#onFull = onFull;
  }

  push(session: S): void {
    if (this.#loops.give(session)) return;
    this.#waiting.add(session);
    this.#review();
  }

  /** The session is over: no loop gets it. */
  forget(session: S): void {
    if (this.#waiting.delete(session)) this.#review();
  }

  /** The endpoint is over. */
  end(error: Error | undefined): void {
    this.#waiting.clear();
    this.#loops.end(error);
  }

  /** `onStop` is called when the loop is left early, with the sessions that wait. */
  iterate(onStop: (waiting: readonly S[]) => void): AsyncIterableIterator<S, undefined> {
    const take = (): S | undefined => {
      const [first] = this.#waiting;
      if (first !== undefined) this.forget(first);
      return first;
    };
    return this.#loops.iterate(take, () => onStop([...this.#waiting]));
  }

  #review(): void {
    this.#onFull(this.#waiting.size >= this.#limit);
  }
}
