type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

/**
 * A promise that is settled once; its rejection needs no listener. Most are never read, so it is made when it is
 * read.
 */
export class Deferred<T> {
  #promise: Promise<T> | undefined;
  #settle: ((outcome: Outcome<T>) => void) | undefined;
  #outcome: Outcome<T> | undefined;

  get isSettled(): boolean {
    return this.#outcome !== undefined;
  }

  /** The promise was read. */
  get isRead(): boolean {
    return this.#promise !== undefined;
  }

  get promise(): Promise<T> {
    this.#promise ??= this.#make();
    return this.#promise;
  }

  resolve(value: T): void {
    this.#end({ ok: true, value });
  }

  reject(error: Error): void {
    this.#end({ ok: false, error });
  }

  #make(): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      this.#settle = (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error));
    });
    promise.catch(() => undefined);
    if (this.#outcome !== undefined) this.#settle?.(this.#outcome);
    return promise;
  }

  #end(outcome: Outcome<T>): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#settle?.(outcome);
  }
}
