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
 * that has held something for the longest time drops everything it holds, and those after it, until a sixteenth is free: an
 * honest handshake holds a message for a moment, so that a flood displaces itself.
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
  /** Accounts that hold something, in the order in which they began, but the newest. */
  readonly #holders = new Set<MemoryAccount>();
  /** The newest of them. Most messages are held for no longer than a call, and a set would grow and shrink for each. */
  #newest: MemoryAccount | undefined;

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
    if (this.#exceeds(bytes, this.#limit) && !this.#makeRoom(bytes, account)) return false;
    this.#held += bytes;
    if (account.held === 0 && account !== this.#newest) {
      if (this.#newest !== undefined) this.#holders.add(this.#newest);
      this.#newest = account;
    }
    return true;
  }

  /** For {@link MemoryAccount}. */
  give(bytes: number, account: MemoryAccount): void {
    this.#held -= bytes;
    if (account.held > 0) return;
    if (account === this.#newest) this.#newest = undefined;
    else this.#holders.delete(account);
  }

  #exceeds(bytes: number, limit: number): boolean {
    return this.#limit > 0 && this.#held + bytes > limit;
  }

  /** A sixteenth of it at once: each look for the oldest walks over the places of those removed before (ADR 102). */
  #makeRoom(bytes: number, account: MemoryAccount): boolean {
    for (const oldest of this.#holders) {
      if (oldest === account) return !this.#exceeds(bytes, this.#limit);
      this.#evict(oldest);
      if (!this.#exceeds(bytes, (this.#limit / 16) * 15)) return true;
    }
    if (!this.#exceeds(bytes, this.#limit)) return true;
    // It came last.
    const newest = this.#newest;
    if (newest === undefined || newest === account) return false;
    this.#evict(newest);
    return !this.#exceeds(bytes, this.#limit);
  }

  #evict(account: MemoryAccount): void {
    this.evictions++;
    account.evict();
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
