import type { EarlyRefusal } from '../handshake/early-refusal.js';
import type { JoinedHello } from './admission.js';
import type { Link } from './link.js';

/** Associations whose clients brought early data, no cookie, and no proof yet that they hear us. */
const MOST_UNPROVED = 64;

/** What became of a newcomer. */
export type News =
  /** Its early data is taken: it is a session from now on. */
  | { readonly kind: 'taken' }
  /** It is answered as any stranger, and nothing is kept of it. */
  | { readonly kind: 'declined'; readonly hello: JoinedHello; readonly reason: EarlyRefusal };

/**
 * Clients with early data, which is of use only without the round trip of a cookie: so few of them are let in at a time
 * that those who forge addresses gain nothing by them.
 */
export class Newcomers {
  /** Of those about which nothing is known yet, the ClientHello, which may have to be answered as a stranger's. */
  readonly #asked = new Map<Link, JoinedHello>();
  readonly #answered = new Set<Link>();

  get size(): number {
    return this.#asked.size + this.#answered.size;
  }

  /** Those with one host, whatever the port. */
  countOf(address: string): number {
    const from = (link: Link): boolean => link.peer.address === address;
    return [...this.#asked.keys(), ...this.#answered].filter(from).length;
  }

  /** Those of whom nobody was told. */
  get unknown(): readonly Link[] {
    return [...this.#asked.keys()];
  }

  get isFull(): boolean {
    return this.size >= MOST_UNPROVED;
  }

  /** `hello` must be the caller's own copy. */
  add(link: Link, hello: JoinedHello): void {
    this.#asked.set(link, hello);
  }

  /** Something happened to `link`: whether that tells more of it. */
  review(link: Link): News | undefined {
    const { probation } = link.connection;
    if (probation === undefined) this.#answered.delete(link);
    const hello = this.#asked.get(link);
    if (hello === undefined || probation?.standing === 'asked') return undefined;
    this.#asked.delete(link);
    if (probation?.standing === 'declined')
      return { kind: 'declined', hello, reason: probation.reason ?? 'failed' };
    if (probation !== undefined) this.#answered.add(link);
    return { kind: 'taken' };
  }

  forget(link: Link): void {
    this.#asked.delete(link);
    this.#answered.delete(link);
  }
}
