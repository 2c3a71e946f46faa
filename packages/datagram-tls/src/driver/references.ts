/** Whether an endpoint keeps the process running: see `ref` and `unref` of endpoints and sessions. */
export class References<S> {
  readonly #sessions: { readonly size: number };
  readonly #onChange: () => void;
  readonly #unreferenced = new Set<S>();
  #own = true;

  /** `onChange` is called when {@link held} may have changed. */
  constructor(sessions: { readonly size: number }, onChange: () => void) {
    this.#sessions = sessions;
    this.#onChange = onChange;
  }

  /** Of the endpoint itself. */
  setOwn(referenced: boolean): void {
    this.#own = referenced;
    this.#onChange();
  }

  set(session: S, referenced: boolean): void {
    if (referenced) this.#unreferenced.delete(session);
    else this.#unreferenced.add(session);
    this.#onChange();
  }

  /** `session` is over. */
  forget(session: S): void {
    if (this.#unreferenced.delete(session)) this.#onChange();
  }

  /** `serves`: it is needed for sessions to come, as is one that has no session yet. */
  held(serves: boolean): boolean {
    const { size } = this.#unreferenced;
    return this.#own && (serves || size === 0 || size < this.#sessions.size);
  }
}
