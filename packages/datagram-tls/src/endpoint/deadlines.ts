import type { Instant } from '../base/instant.js';

/** Something that wants to be woken at `deadline`. Both fields belong to {@link Deadlines}. */
export interface Sleeper {
  deadline: Instant | undefined;
  /** Its index in the heap; -1 when it is not there. */
  place: number;
}

/** A sleeper that is in the heap. */
type Set<T> = T & { deadline: Instant };

/**
 * Wake-up times of many sleepers, the earliest first: a binary heap in which every sleeper knows its index, so that
 * moving and stopping cost O(log n) and a stopped sleeper leaves nothing.
 */
export class Deadlines<T extends Sleeper> {
  readonly #heap: Set<T>[] = [];

  /** Moves a sleeper's deadline; `undefined` stops it. */
  set(sleeper: T, at: Instant | undefined): void {
    if (sleeper.deadline === at) return;
    sleeper.deadline = at;
    if (at === undefined) this.#remove(sleeper.place);
    else if (sleeper.place < 0) this.#rise(sleeper as Set<T>, this.#heap.length);
    else this.#settle(sleeper as Set<T>, sleeper.place);
    if (at === undefined) sleeper.place = -1;
  }

  /** The sleeper with the earliest deadline, without removing it. */
  first(): Set<T> | undefined {
    return this.#heap[0];
  }

  /** The earliest deadline. */
  next(): Instant | undefined {
    return this.#heap[0]?.deadline;
  }

  /** Removes a sleeper that is due at `now` and clears its deadline. */
  takeDue(now: Instant): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadline > now) return undefined;
    this.set(first, undefined);
    return first;
  }

  /** Fills the index with the last sleeper, which then moves to its place. */
  #remove(place: number): void {
    if (place < 0) return;
    const last = this.#heap.pop();
    if (last !== undefined && place < this.#heap.length) this.#settle(last, place);
  }

  #settle(sleeper: Set<T>, place: number): void {
    const parent = place > 0 ? this.#heap[(place - 1) >> 1] : undefined;
    if (parent !== undefined && parent.deadline > sleeper.deadline) this.#rise(sleeper, place);
    else this.#sink(sleeper, place);
  }

  #rise(sleeper: Set<T>, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above] as Set<T>;
      if (parent.deadline <= sleeper.deadline) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(sleeper, place);
  }

  #sink(sleeper: Set<T>, from: number): void {
    const heap = this.#heap;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      const right = below + 1;
      if (right < heap.length && (heap[right] as Set<T>).deadline < (heap[below] as Set<T>).deadline)
        below = right;
      const child = heap[below] as Set<T>;
      if (child.deadline >= sleeper.deadline) break;
      this.#put(child, place);
      place = below;
    }
    this.#put(sleeper, place);
  }

  #put(sleeper: Set<T>, place: number): void {
    this.#heap[place] = sleeper;
    sleeper.place = place;
  }
}
