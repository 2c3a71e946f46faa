/** Bytes of a slot are a multiple of this. */
const STEP = 8;
/** Larger blocks would leave too much of a page empty: they get memory of their own. */
const LARGEST = 4096;
/** Of a page, at most; the first pages are smaller, for owners of few blocks. */
const PAGE = 64 * 1024;
const FIRST_SLOTS = 2;
/** Bytes before a block in its slot: its length. */
const HEADER = 2;
/** The end of a list of free slots. */
const NONE = 0xffff;

/** Slots of one size, side by side in one piece of memory. */
class Page {
  used = 0;
  readonly #bytes: Uint8Array;
  readonly #slotSize: number;
  /** Slots from here on were never used. */
  #fresh = 0;
  /** Free slots; each names the next one in its first two bytes. */
  #free = NONE;

  constructor(slotSize: number, slots: number) {
    this.#slotSize = slotSize;
    this.#bytes = new Uint8Array(slots * slotSize);
  }

  /** Bytes. */
  get size(): number {
    return this.#bytes.length;
  }

  get isFull(): boolean {
    return this.used * this.#slotSize === this.size;
  }

  put(block: Uint8Array): number {
    const slot = this.#free === NONE ? this.#fresh++ : this.#free;
    const at = slot * this.#slotSize;
    if (slot === this.#free) this.#free = this.#u16(at);
    this.#setU16(at, block.length);
    this.#bytes.set(block, at + HEADER);
    this.used++;
    return slot;
  }

  read(slot: number): Uint8Array {
    const at = slot * this.#slotSize;
    return this.#bytes.slice(at + HEADER, at + HEADER + this.#u16(at));
  }

  free(slot: number): void {
    const at = slot * this.#slotSize;
    this.#bytes.fill(0, at, at + this.#slotSize);
    this.#setU16(at, this.#free);
    this.#free = slot;
    this.used--;
  }

  #u16(at: number): number {
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }

  #setU16(at: number, value: number): void {
    this.#bytes[at] = value >> 8;
    this.#bytes[at + 1] = value & 0xff;
  }
}

/** The pages with slots of one size. */
class Shelf {
  readonly slotSize: number;
  /** Of a full page. */
  readonly slots: number;
  readonly pages: (Page | undefined)[] = [];
  /** Numbers of pages with free slots, and of those that were given back. */
  readonly withRoom = new Set<number>();

  constructor(slotSize: number) {
    this.slotSize = slotSize;
    this.slots = Math.floor(PAGE / slotSize);
  }
}

/**
 * A block of bytes that a {@link Slab} keeps.
 *
 * A number for a block in a page, which for millions of them fits 31 bits, so that it costs no object; the bytes themselves if
 * they are many.
 */
export type Block = number | Uint8Array;

/**
 * Keeps very many small blocks of bytes in few pieces of memory: a typed array of its own would cost each block some
 * 300 bytes more. A block that is freed is overwritten. Pages without blocks are given back.
 */
export class Slab {
  readonly #shelves: (Shelf | undefined)[] = [];
  /** Bytes of all pages. */
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Keeps a copy. */
  keep(bytes: Uint8Array): Block {
    const index = Math.ceil((bytes.length + HEADER) / STEP);
    if (index * STEP > LARGEST) return bytes.slice();
    const shelf = this.#shelves[index] ?? new Shelf(index * STEP);
    this.#shelves[index] = shelf;
    const number = this.#pageWithRoom(shelf);
    const page = shelf.pages[number] as Page;
    const slot = page.put(bytes);
    if (page.isFull) shelf.withRoom.delete(number);
    return (number * shelf.slots + slot) * (LARGEST / STEP + 1) + index;
  }

  /** A copy. */
  read(block: Block): Uint8Array {
    if (typeof block !== 'number') return block.slice();
    const { page, slot } = this.#find(block);
    return page.read(slot);
  }

  free(block: Block): void {
    if (typeof block !== 'number') return void block.fill(0);
    const { shelf, number, page, slot } = this.#find(block);
    page.free(slot);
    shelf.withRoom.add(number);
    if (page.used > 0) return;
    shelf.pages[number] = undefined;
    this.#size -= page.size;
  }

  #pageWithRoom(shelf: Shelf): number {
    const [found] = shelf.withRoom;
    const number = found ?? shelf.pages.length;
    if (shelf.pages[number] !== undefined) return number;
    const slots = Math.min(FIRST_SLOTS * 2 ** number, shelf.slots);
    const page = new Page(shelf.slotSize, slots);
    shelf.pages[number] = page;
    shelf.withRoom.add(number);
    this.#size += page.size;
    return number;
  }

  #find(block: number): { shelf: Shelf; number: number; page: Page; slot: number } {
    const index = block % (LARGEST / STEP + 1);
    const place = Math.floor(block / (LARGEST / STEP + 1));
    const shelf = this.#shelves[index] as Shelf;
    const number = Math.floor(place / shelf.slots);
    return { shelf, number, page: shelf.pages[number] as Page, slot: place % shelf.slots };
  }
}
