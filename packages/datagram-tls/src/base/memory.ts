import { TemplateSlab } from './template-slab.js';

/**
 * The cost of a piece of memory beyond its bytes: the object that holds it, the typed array, its ArrayBuffer, the
 * backing store and a place in a list. Measured on Node 20: 240 to 330 bytes of heap, and what malloc adds.
 */
export const PIECE_COST = 384;

/** Accounts for bytes that are held for later. */
export interface Memory {
  /** Returns whether `bytes` more may be held; if so they are counted. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** For a holder that has only its own limit. */
export const UNCOUNTED: Memory = { take: () => true, give: () => undefined };

/**
 * What all associations of one endpoint hold for later, at its real cost. When the limit is reached, the association
 * that has held something for the longest time drops everything it holds: an honest handshake holds a message for a
 * moment, so that a flood displaces itself.
 */
export class MemoryPool {
  /** How often an association had to drop what it held. */
  evictions = 0;
  /** The states of associations that hibernate. */
  readonly sleeping = new TemplateSlab();
  /** Associations that hibernate now. */
  asleep = 0;
  readonly #limit: number;
  #held = 0;
  /** Accounts that hold something, in the order in which they began. */
  readonly #holders = new Set<MemoryAccount>();

  /** `limit`: bytes; 0: none. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes. */
  get held(): number {
    return this.#held;
  }

  /** For {@link MemoryAccount}. Returns false when there is no room although all older holders dropped theirs. */
  take(bytes: number, account: MemoryAccount): boolean {
    if (this.#exceeds(bytes) && !this.#makeRoom(bytes, account)) return false;
    this.#held += bytes;
    this.#holders.add(account);
    return true;
  }

  /** For {@link MemoryAccount}. */
  give(bytes: number, account: MemoryAccount): void {
    this.#held -= bytes;
    if (account.held === 0) this.#holders.delete(account);
  }

  #exceeds(bytes: number): boolean {
    return this.#limit > 0 && this.#held + bytes > this.#limit;
  }

  #makeRoom(bytes: number, account: MemoryAccount): boolean {
    for (const oldest of this.#holders) {
      if (oldest === account) return false;
      this.evictions++;
      oldest.evict();
      if (!this.#exceeds(bytes)) return true;
    }
    return false;
  }
}

/** Holds the memory that an account counts. An object, because a closure for each association would cost 100 bytes. */
export interface MemoryHolder {
  /** Drops all that is held. */
  onEvict(): void;
}

/** What one association holds for later. */
export class MemoryAccount implements Memory {
  readonly pool: MemoryPool;
  readonly #holder: MemoryHolder;
  #held = 0;

  constructor(pool: MemoryPool, holder: MemoryHolder) {
    this.pool = pool;
    this.#holder = holder;
  }

  /** Bytes. */
  get held(): number {
    return this.#held;
  }

  take(bytes: number): boolean {
    if (!this.pool.take(bytes, this)) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.pool.give(bytes, this);
  }

  /** For {@link MemoryPool}. */
  evict(): void {
    this.#holder.onEvict();
  }
}
