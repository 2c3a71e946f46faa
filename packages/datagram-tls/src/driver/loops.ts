import { Queue } from '../base/queue.js';

type Result<T> = IteratorResult<T, undefined>;

/** One `for await`, which throws once. */
interface Loop {
  failed: boolean;
}

/** A loop that waits for an item. */
interface Reader<T> {
  readonly loop: Loop;
  readonly resolve: (result: Result<T>) => void;
  readonly reject: (error: Error) => void;
}

/** The `for await` loops over one source, which share its items: each item goes to the loop that waits longest. */
export class Loops<T extends object> {
  readonly #waiting = new Queue<Reader<T>>();
  #ended = false;
  #error: Error | undefined;

  /** Returns false when no loop waits. */
  give(item: T): boolean {
    const reader = this.#waiting.shift();
    reader?.resolve({ done: false, value: item });
    return reader !== undefined;
  }

  /** The source is over: every loop ends, or throws `error`. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (let reader = this.#waiting.shift(); reader !== undefined; reader = this.#waiting.shift())
      this.#finish(reader);
  }

  /** A new loop. `take` returns the next item that has come already; `onStop` runs when the loop is left early. */
  iterate(take: () => T | undefined, onStop: () => void): AsyncIterableIterator<T, undefined> {
    const loop: Loop = { failed: false };
    const iterator: AsyncIterableIterator<T, undefined> = {
      next: () => {
        const item = take();
        return item === undefined ? this.#wait(loop) : Promise.resolve({ done: false, value: item });
      },
      return: () => {
        onStop();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #wait(loop: Loop): Promise<Result<T>> {
    return new Promise((resolve, reject) => {
      const reader = { loop, resolve, reject };
      if (this.#ended) this.#finish(reader);
      else this.#waiting.push(reader);
    });
  }

  #finish({ loop, resolve, reject }: Reader<T>): void {
    if (this.#error === undefined || loop.failed) return resolve({ done: true, value: undefined });
    loop.failed = true;
    reject(this.#error);
  }
}
