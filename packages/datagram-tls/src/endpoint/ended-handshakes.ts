import type { Duration, Instant } from '../base/instant.js';
import { HASH_KEY_LENGTH, KeyedHash } from '../base/keyed-hash.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { peerKey } from './peer.js';

/** Marks in each of two sets: some 50 bytes each. */
const MAX_MARKS = 8192;
/** A mark has 53 bits: 32 of one hash, and the rest of another one. */
const SHIFT = 2 ** 21;
const UNUSED_BITS = 11;

/**
 * Clients whose association is over, and was not refused. They do not send their ClientHello again: a copy that still comes was
 * delayed or replayed, and would begin another association while its cookie is valid.
 */
export class EndedHandshakes {
  readonly #provider: CryptoProvider;
  #hash: KeyedHash | undefined;
  readonly #life: Duration;
  #marks = new Set<number>();
  #former = new Set<number>();
  /** When the first of {@link #marks} was added. */
  #since: Instant = 0;

  /** `life`: how long a cookie is valid at most. */
  constructor(provider: CryptoProvider, life: Duration) {
    this.#provider = provider;
    this.#life = life;
  }

  /** Marks that are kept. */
  get size(): number {
    return this.#marks.size + this.#former.size;
  }

  /** `random`: a hash of that of its ClientHello. */
  add(peer: PeerAddress, random: number, now: Instant): void {
    this.#forget(now);
    if (this.#marks.size === MAX_MARKS) this.#turn();
    if (this.#marks.size === 0) this.#since = now;
    this.#marks.add(this.#markOf(peer, random));
  }

  has(peer: PeerAddress, random: number, now: Instant): boolean {
    this.#forget(now);
    const mark = this.#markOf(peer, random);
    return this.#marks.has(mark) || this.#former.has(mark);
  }

  #forget(now: Instant): void {
    const age = now - this.#since;
    if (age < this.#life) return;
    this.#turn();
    this.#since = now;
    if (age >= 2 * this.#life) this.#former.clear();
  }

  #turn(): void {
    this.#former = this.#marks;
    this.#marks = new Set();
  }

  #markOf({ address, port }: PeerAddress, random: number): number {
    this.#hash ??= new KeyedHash(this.#provider.randomBytes(HASH_KEY_LENGTH));
    const peer = peerKey(address, port);
    const high = this.#hash.of(peer, random) >>> 0;
    return high * SHIFT + (this.#hash.of(peer, ~random) >>> UNUSED_BITS);
  }
}
