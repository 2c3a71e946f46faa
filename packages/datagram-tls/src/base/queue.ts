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
    this.#first = this.#others === undefined ? undefined : this.takeNext(this.#others);
    return item;
  }

  /** Removes the items for which `isMeant` holds and returns them, in their order. Looks at all of them. */
  takeAll(isMeant: (item: T) => boolean): T[] {
    const taken: T[] = [];
    for (let left = this.length; left > 0; left--) {
      const item = this.shift();
      if (item === undefined) break;
      if (isMeant(item)) taken.push(item);
      else this.push(item);
    }
    return taken;
  }

  clear(): void {
    this.#first = undefined;
    this.#others = undefined;
    this.#head = 0;
  }

  private takeNext(others: (T | undefined)[]): T | undefined {
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

/** The item that came last to any {@link PassingQueue}, if it is the only one of its queue, and that queue. */
let passing: unknown;
let passesThrough: { keep(item: never): void } | undefined;

/**
 * One of very many queues. Most items leave before any other of these queues gets one. Such an item is not stored in its
 * queue, which is seldom in the processor's caches: V8 has to record a reference from an old object to a young one for the
 * collector, which then scans that page (ADR 69). While no item stays, the queue is only a name.
 */
export class PassingQueue<T extends object | number | string> {
  /** Never empty. */
  #staying: Queue<T> | undefined;

  get length(): number {
    return passesThrough === this ? 1 : (this.#staying?.length ?? 0);
  }

  peek(): T | undefined {
    return passesThrough === this ? (passing as T) : this.#staying?.peek();
  }

  push(item: T): void {
    if (passesThrough === this) stay();
    if (this.#staying !== undefined) return this.#staying.push(item);
    stay();
    pass(this, item);
  }

  shift(): T | undefined {
    if (passesThrough === this) {
      const item = passing as T;
      forget();
      return item;
    }
    const item = this.#staying?.shift();
    if (this.#staying?.length === 0) this.#staying = undefined;
    return item;
  }

  clear(): void {
    if (passesThrough === this) forget();
    this.#staying = undefined;
  }

  /** For {@link stay}. */
  keep(item: T): void {
    this.#staying ??= new Queue();
    this.#staying.push(item);
  }
}

function pass(queue: NonNullable<typeof passesThrough>, item: unknown): void {
  passing = item;
  passesThrough = queue;
}

/** The passing item does not leave so soon. */
function stay(): void {
  passesThrough?.keep(passing as never);
  forget();
}

function forget(): void {
  passing = undefined;
  passesThrough = undefined;
}
