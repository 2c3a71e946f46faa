/** No slot. */
const NONE = -1;
const FIRST_CAPACITY = 16;
/** Memory that is not used yet is a tenth at most. */
const GROWTH = 1.1;

function grown(array: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity);
  larger.set(array);
  return larger;
}

/** Cells that are used, of those that are there, at most. */
const MAX_LOAD = 0.8;
/** Numbers of a cell: a hash, and a slot plus one. */
const CELL = 2;
const HASHES = 2 ** 32;

/**
 * Slots by hashes of keys, of which a slot may have several: a typed array only. Keys are compared by the caller, and hashed with a
 * secret.
 *
 * Pairs of a hash and a slot are in the order of the hashes, with gaps: the place of a pair is where its hash would be if hashes
 * were spread evenly, or behind that up to the next gap. So a pair takes 10 to 11 bytes, a search ends at the first greater hash,
 * and a larger table is filled from the beginning to the end.
 */
export class SlotIndex {
  #capacity = FIRST_CAPACITY;
  /** Places behind the last one of a hash. The last of them is empty. */
  #overflow = FIRST_CAPACITY;
  #cells = new Int32Array(CELL * 2 * FIRST_CAPACITY);
  #size = 0;

  /** Of its memory. */
  get bytes(): number {
    return this.#cells.byteLength;
  }

  add(slot: number, hash: number): void {
    if (this.#size >= this.#capacity * MAX_LOAD) {
      this.#capacity = Math.ceil(this.#capacity * GROWTH) + FIRST_CAPACITY;
      this.#spread();
    }
    this.#size++;
    let place = this.#homeOf(hash);
    while (this.#slotAt(place) !== NONE && this.#hashAt(place) >>> 0 <= hash >>> 0) place++;
    let end = place;
    while (this.#slotAt(end) !== NONE) end++;
    this.#cells.copyWithin(CELL * (place + 1), CELL * place, CELL * end);
    this.#put(place, hash, slot);
    if (end + 1 < this.#capacity + this.#overflow) return;
    this.#overflow *= 2;
    this.#spread();
  }

  /** `slot` is there with that hash. */
  delete(slot: number, hash: number): void {
    let place = this.#homeOf(hash);
    while (!(this.#slotAt(place) === slot && this.#hashAt(place) === hash)) place++;
    let end = place + 1;
    while (this.#slotAt(end) !== NONE && this.#homeOf(this.#hashAt(end)) < end) end++;
    this.#cells.copyWithin(CELL * place, CELL * (place + 1), CELL * end);
    this.#put(end - 1, 0, NONE);
    this.#size--;
  }

  /** The slot with that hash for which `is` returns true; -1 where there is none. */
  find(hash: number, is: (slot: number) => boolean): number {
    for (let place = this.#homeOf(hash); ; place++) {
      const slot = this.#slotAt(place);
      const found = this.#hashAt(place);
      if (slot === NONE || found >>> 0 > hash >>> 0) return NONE;
      if (found === hash && is(slot)) return slot;
    }
  }

  #homeOf(hash: number): number {
    return Math.floor(((hash >>> 0) * this.#capacity) / HASHES);
  }

  #hashAt(place: number): number {
    return this.#cells[CELL * place] as number;
  }

  #slotAt(place: number): number {
    return (this.#cells[CELL * place + 1] as number) - 1;
  }

  #put(place: number, hash: number, slot: number): void {
    this.#cells[CELL * place] = hash;
    this.#cells[CELL * place + 1] = slot + 1;
  }

  /** Over cells for the capacity as it is now. Of hashes that are spread evenly only a few go beyond it. */
  #spread(): void {
    const former = this.#cells;
    while (!this.#fill(former)) this.#overflow *= 2;
  }

  /** Returns whether there is room for all of `former`, and one cell. */
  #fill(former: Int32Array): boolean {
    this.#cells = new Int32Array(CELL * (this.#capacity + this.#overflow));
    let free = 0;
    for (let i = 0; i < former.length; i += CELL) {
      const [hash, slot] = [former[i] as number, (former[i + 1] as number) - 1];
      if (slot === NONE) continue;
      const place = Math.max(free, this.#homeOf(hash));
      this.#put(place, hash, slot);
      free = place + 1;
    }
    return free < this.#capacity + this.#overflow;
  }
}

const HIGH = 2 ** 32;
/** Four thousand years: what is later, or never was, is at the end. */
const LATEST = 2 ** 47 - 1;

/** Slots by an instant each, in whole ms of up to 48 bits, the earliest first: a heap as that of `Deadlines`, in typed arrays. */
export class SlotOrder {
  /** The 32 low bits of the instants, and the others. */
  #low = new Uint32Array(FIRST_CAPACITY);
  #high = new Int16Array(FIRST_CAPACITY);
  #heap = new Int32Array(FIRST_CAPACITY);
  #place = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #size = 0;

  /** Of its memory. */
  get bytes(): number {
    const arrays = [this.#low, this.#high, this.#heap, this.#place];
    return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The earliest; -1 where there is none. */
  get first(): number {
    return this.#size === 0 ? NONE : (this.#heap[0] as number);
  }

  /** Its instant. */
  get firstAt(): number | undefined {
    return this.#size === 0 ? undefined : this.atOf(this.#heap[0] as number);
  }

  atOf(slot: number): number {
    return (this.#high[slot] as number) * HIGH + (this.#low[slot] as number);
  }

  has(slot: number): boolean {
    return slot < this.#place.length && this.#place[slot] !== NONE;
  }

  /** `slot` is not there. */
  add(slot: number, at: number): void {
    if (slot >= this.#low.length) this.#grow(slot);
    if (this.#size >= this.#heap.length)
      this.#heap = grown(this.#heap, Math.ceil(this.#heap.length * GROWTH) + FIRST_CAPACITY);
    const instant = Math.max(Math.min(at, LATEST), -LATEST);
    this.#low[slot] = instant % HIGH;
    this.#high[slot] = Math.floor(instant / HIGH);
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
    const { 0: low, 1: high } = [this.#low, this.#high] as const;
    const capacity = Math.ceil(Math.max(low.length, slot) * GROWTH) + FIRST_CAPACITY;
    this.#low = new Uint32Array(capacity);
    this.#high = new Int16Array(capacity);
    this.#low.set(low);
    this.#high.set(high);
    this.#place = grown(this.#place, capacity).fill(NONE, low.length);
  }
}
