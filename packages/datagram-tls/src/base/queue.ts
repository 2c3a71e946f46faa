/** Used slots to keep before the rest is moved to the front; more than most queues ever hold. */
const COMPACT_AT = 256;

/**
 * First in, first out, in constant time at any length. Removed items are not kept alive. Most queues hold one item at
 * a time: they have no array, and neither has an empty queue, because each association has some.
 */
export class Queue<T extends object | number | string> {
  /** `undefined` only while there are no others. */
  #first: T | undefined;
  #others: (T | undefined)[] | undefined;
  #head = 0;

  get length(): number {
    if (this.#first === undefined) return 0;
    return this.#others === undefined ? 1 : 1 + this.#others.length - this.#head;
  }

  peek(): T | undefined {
    return this.#first;
  }

  push(item: T): void {
    if (this.#first === undefined) this.#first = item;
    else if (this.#others === undefined) this.#others = [item];
    else this.#others.push(item);
  }

  shift(): T | undefined {
    const item = this.#first;
    this.#first = this.#others === undefined ? undefined : this.#takeNext(this.#others);
    return item;
  }

  clear(): void {
    this.#first = undefined;
    this.#others = undefined;
    this.#head = 0;
  }

  #takeNext(others: (T | undefined)[]): T | undefined {
    const next = others[this.#head];
    others[this.#head++] = undefined;
    if (this.#head === others.length) {
      this.#others = undefined;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= others.length) {
      this.#others = others.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }
}
