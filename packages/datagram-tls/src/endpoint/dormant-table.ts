/** Of a chain, or of a bucket without entries. */
const NONE = -1;
const FIRST_CAPACITY = 16;
/** Memory that is not used yet is a tenth at most. */
const GROWTH = 1.1;

function grown(array: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity);
  larger.set(array);
  return larger;
}

/**
 * Slots by the hash of a key, in chains: typed arrays only, so that a slot takes 12 to 16 bytes. Keys are compared by the caller,
 * and hashed with a secret.
 */
export class SlotIndex {
  #hashes = new Int32Array(FIRST_CAPACITY);
  #next = new Int32Array(FIRST_CAPACITY);
  #buckets = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #size = 0;

  add(slot: number, hash: number): void {
    if (slot >= this.#hashes.length) {
      const capacity = Math.ceil(Math.max(this.#hashes.length, slot) * GROWTH) + FIRST_CAPACITY;
      this.#hashes = grown(this.#hashes, capacity);
      this.#next = grown(this.#next, capacity);
    }
    if (this.#size >= this.#buckets.length) this.#spread();
    this.#hashes[slot] = hash;
    this.#link(this.#buckets, slot);
    this.#size++;
  }

  delete(slot: number): void {
    const bucket = (this.#hashes[slot] as number) & (this.#buckets.length - 1);
    const after = this.#next[slot] as number;
    let before = this.#buckets[bucket] as number;
    if (before === slot) this.#buckets[bucket] = after;
    else {
      while (this.#next[before] !== slot) before = this.#next[before] as number;
      this.#next[before] = after;
    }
    this.#size--;
  }

  /** The slot with that hash for which `is` returns true; -1 where there is none. */
  find(hash: number, is: (slot: number) => boolean): number {
    let slot = this.#buckets[hash & (this.#buckets.length - 1)] as number;
    while (slot !== NONE && !(this.#hashes[slot] === hash && is(slot))) slot = this.#next[slot] as number;
    return slot;
  }

  #link(buckets: Int32Array, slot: number): void {
    const bucket = (this.#hashes[slot] as number) & (buckets.length - 1);
    this.#next[slot] = buckets[bucket] as number;
    buckets[bucket] = slot;
  }

  #spread(): void {
    const former = this.#buckets;
    const buckets = new Int32Array(2 * former.length).fill(NONE);
    for (const first of former)
      for (let slot = first, after: number; slot !== NONE; slot = after) {
        after = this.#next[slot] as number;
        this.#link(buckets, slot);
      }
    this.#buckets = buckets;
  }
}

/** Slots by an instant each, the earliest first: a heap as that of `Deadlines`, in typed arrays. */
export class SlotOrder {
  #at = new Float64Array(FIRST_CAPACITY);
  #heap = new Int32Array(FIRST_CAPACITY);
  #place = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #size = 0;

  /** The earliest; -1 where there is none. */
  get first(): number {
    return this.#size === 0 ? NONE : (this.#heap[0] as number);
  }

  /** Its instant. */
  get firstAt(): number | undefined {
    return this.#size === 0 ? undefined : this.atOf(this.#heap[0] as number);
  }

  atOf(slot: number): number {
    return this.#at[slot] as number;
  }

  has(slot: number): boolean {
    return slot < this.#place.length && this.#place[slot] !== NONE;
  }

  /** `slot` is not there. */
  add(slot: number, at: number): void {
    if (slot >= this.#at.length) this.#grow(slot);
    if (this.#size >= this.#heap.length)
      this.#heap = grown(this.#heap, Math.ceil(this.#heap.length * GROWTH) + FIRST_CAPACITY);
    this.#at[slot] = at;
    this.#rise(slot, this.#size++);
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.#place[slot] as number;
    const last = this.#heap[--this.#size] as number;
    this.#place[slot] = NONE;
    if (last === slot) return;
    const above = this.#heap[(place - 1) >> 1] as number;
    if (place > 0 && this.atOf(above) > this.atOf(last)) this.#rise(last, place);
    else this.#sink(last, place);
  }

  #rise(slot: number, from: number): void {
    const at = this.atOf(slot);
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above] as number;
      if (this.atOf(parent) <= at) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(slot, place);
  }

  #sink(slot: number, from: number): void {
    const at = this.atOf(slot);
    let place = from;
    for (let below = 2 * place + 1; below < this.#size; below = 2 * place + 1) {
      const right = below + 1;
      if (right < this.#size && this.#atPlace(right) < this.#atPlace(below)) below = right;
      if (this.#atPlace(below) >= at) break;
      this.#put(this.#heap[below] as number, place);
      place = below;
    }
    this.#put(slot, place);
  }

  #atPlace(place: number): number {
    return this.atOf(this.#heap[place] as number);
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#place[slot] = place;
  }

  #grow(slot: number): void {
    const former = this.#at;
    const capacity = Math.ceil(Math.max(former.length, slot) * GROWTH) + FIRST_CAPACITY;
    this.#at = new Float64Array(capacity);
    this.#at.set(former);
    this.#place = grown(this.#place, capacity).fill(NONE, former.length);
  }
}
