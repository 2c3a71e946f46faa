import { Queue } from '../base/queue.js';

/**
 * Messages that nobody has taken yet. Those that come before there is a handler or a reader wait for it, so that none is
 * lost between the end of the handshake and the first line of the application that looks. A handler then takes them
 * all; readers of `for await` have a copy of their own. Who is too slow loses the oldest, which is counted.
 */
export class Inbox<T> {
  readonly #limit: number;
  /** Made when they are needed: with a handler neither is. */
  #waiting: Queue<T> | undefined;
  #readers: Queue<(result: IteratorResult<T, undefined>) => void> | undefined;
  #state: 'waiting' | 'handled' | 'read' = 'waiting';
  #ended = false;
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: T): void {
    if (this.#state === 'handled' || this.#ended) return;
    const reader = this.#readers?.shift();
    if (reader !== undefined) return reader({ done: false, value: item });
    this.#waiting ??= new Queue();
    const waiting = this.#waiting;
    if (waiting.length === this.#limit) {
      waiting.shift();
      this.dropped++;
    }
    waiting.push(item);
  }

  /** A handler takes the messages from now on: those that waited are returned. */
  handOver(): T[] {
    if (this.#state !== 'waiting') return [];
    this.#state = 'handled';
    const waited: T[] = [];
    for (let item = this.#waiting?.shift(); item !== undefined; item = this.#waiting?.shift())
      waited.push(item);
    this.#waiting = undefined;
    return waited;
  }

  /** Readers get what is waiting, then the end. */
  end(): void {
    this.#ended = true;
    for (let reader = this.#readers?.shift(); reader !== undefined; reader = this.#readers?.shift()) {
      reader({ done: true, value: undefined });
    }
  }

  /** From now on readers take the messages. `onStop` runs when the loop is left early. */
  iterate(onStop: () => void): AsyncIterableIterator<T, undefined> {
    this.#state = 'read';
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
    const item = this.#waiting?.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#readers ??= new Queue();
    const readers = this.#readers;
    return new Promise((resolve) => readers.push(resolve));
  }
}
