import { Loops } from './loops.js';

/**
 * Sessions that wait for a `for await` over their endpoint. When it is full, new clients are refused, as by the backlog of a
 * TCP server. As there, only sessions whose handshake is done count, and they come first. The others have cost their peers
 * nothing, and have a limit of their own, `maxHandshakes`.
 */
export class SessionBacklog<S extends object> {
  readonly #limit: number;
  readonly #onFull: (full: boolean) => void;
  readonly #loops = new Loops<S>();
  /** In the order of their beginning, and whether the handshake is done. */
  readonly #waiting = new Map<S, boolean>();
  #open = 0;

  /** `onFull` is called when `limit` sessions with a finished handshake wait, and again when fewer do. */
  constructor(limit: number, onFull: (full: boolean) => void) {
    this.#limit = limit;
    this.#onFull = onFull;
  }

  push(session: S): void {
    if (this.#loops.give(session)) return;
    this.#waiting.set(session, false);
  }

  /** The handshake of `session` is done. */
  onOpen(session: S): void {
    if (this.#waiting.get(session) !== false) return;
    this.#waiting.set(session, true);
    this.#open++;
    this.#review();
  }

  /** The session is over: no loop gets it. */
  forget(session: S): void {
    const isOpen = this.#waiting.get(session);
    this.#waiting.delete(session);
    if (isOpen !== true) return;
    this.#open--;
    this.#review();
  }

  /** The endpoint is over. */
  end(error: Error | undefined): void {
    this.#waiting.clear();
    this.#loops.end(error);
  }

  /** `onStop` is called when the loop is left early, with the sessions that wait. */
  iterate(onStop: (waiting: readonly S[]) => void): AsyncIterableIterator<S, undefined> {
    const take = (): S | undefined => {
      const first = this.#first();
      if (first !== undefined) this.forget(first);
      return first;
    };
    return this.#loops.iterate(take, () => onStop([...this.#waiting.keys()]));
  }

  #first(): S | undefined {
    const [begun] = this.#waiting.keys();
    if (this.#open > 0) for (const [session, isOpen] of this.#waiting) if (isOpen) return session;
    return begun;
  }

  #review(): void {
    this.#onFull(this.#open >= this.#limit);
  }
}
