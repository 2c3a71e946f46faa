import { Queue } from '../base/queue.js';

/**
 * Messages for `for await`. It begins to keep them when somebody iterates; a reader that is too slow loses the oldest,
 * which is counted.
 */
export class Inbox<T> {
  readonly #limit: number;
  readonly #waiting = new Queue<T>();
  readonly #readers = new Queue<(result: IteratorResult<T, undefined>) => void>();
  #open = false;
  #ended = false;
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: T): void {
    if (!this.#open || this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) return reader({ done: false, value: item });
    if (this.#waiting.length === this.#limit) {
      this.#waiting.shift();
      this.dropped++;
    }
    this.#waiting.push(item);
  }

  /** Readers get what is waiting, then the end. */
  end(): void {
    this.#ended = true;
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      reader({ done: true, value: undefined });
    }
  }

  /** Starts keeping messages. `onStop` runs when the loop is left early. */
  iterate(onStop: () => void): AsyncIterableIterator<T, undefined> {
    this.#open = true;
    const iterator: AsyncIterableIterator<T, undefined> = {
      next: () => this.#next(),
      return: () => {
        onStop();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#waiting.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }
}
