import type { Instant } from '../base/instant.js';

/** Something that wants to be woken at `deadline`. */
export interface Sleeper {
  deadline: Instant | undefined;
}

interface Entry<T> {
  readonly at: Instant;
  readonly sleeper: T;
}

/**
 * Wake-up times of many sleepers, the earliest first: a binary heap. An entry whose time is no longer its sleeper's
 * deadline is stale and skipped when it comes up, so that moving a deadline costs O(log n) and stopping one nothing.
 */
export class Deadlines<T extends Sleeper> {
  readonly #heap: Entry<T>[] = [];

  /** Moves a sleeper's deadline; `undefined` stops it. */
  set(sleeper: T, at: Instant | undefined): void {
    if (sleeper.deadline === at) return;
    sleeper.deadline = at;
    if (at !== undefined) this.#push({ at, sleeper });
  }

  /** The earliest deadline. */
  next(): Instant | undefined {
    this.#skipStale();
    return this.#heap[0]?.at;
  }

  /** Takes a sleeper that is due at `now` and clears its deadline. */
  takeDue(now: Instant): T | undefined {
    this.#skipStale();
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.#pop();
    first.sleeper.deadline = undefined;
    return first.sleeper;
  }

  #skipStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.sleeper.deadline === first.at) return;
      this.#pop();
    }
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry<T>;
      if (above.at <= entry.at) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && (heap[right] as Entry<T>).at < (heap[child] as Entry<T>).at) child = right;
      const below = heap[child] as Entry<T>;
      if (below.at >= last.at) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
  }
}
