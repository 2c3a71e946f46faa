import type { EarlyRefusal } from '../handshake/early-refusal.js';
import type { JoinedHello } from './admission.js';
import type { Link } from './link.js';

/** Associations whose clients brought early data, no cookie, and no proof yet that they hear us. */
const MOST_UNPROVED = 64;
/** Those of one host, so that it leaves places to others. */
const MOST_PER_HOST = 16;
/** Those under one ticket. A client uses each once, but may start again; an attacker that forges addresses needs many tickets. */
const MOST_PER_TICKET = 4;

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
  /** The ticket of each. */
  readonly #tickets = new Map<Link, string>();

  get size(): number {
    return this.#tickets.size;
  }

  /** Those with one host. */
  countOf(host: string): number {
    let count = 0;
    for (const link of this.#tickets.keys()) if (link.host === host) count++;
    return count;
  }

  /** Those of whom nobody was told. */
  get unknown(): readonly Link[] {
    return [...this.#asked.keys()];
  }

  /** Why one more with `host`, under `ticket`, is not let in. */
  refuses(host: string, ticket: string): EarlyRefusal | undefined {
    if (this.size >= MOST_UNPROVED) return 'busy';
    return this.countOf(host) >= MOST_PER_HOST || this.#countUnder(ticket) >= MOST_PER_TICKET
      ? 'over_share'
      : undefined;
  }

  has(link: Link): boolean {
    return this.#tickets.has(link);
  }

  /** `hello` must be the caller's own copy. */
  add(link: Link, hello: JoinedHello, ticket: string): void {
    this.#asked.set(link, hello);
    this.#tickets.set(link, ticket);
  }

  /** Something happened to `link`: whether that tells more of it. */
  review(link: Link): News | undefined {
    const { probation } = link.connection;
    if (probation === undefined && this.#answered.delete(link)) this.#tickets.delete(link);
    const hello = this.#asked.get(link);
    if (hello === undefined || probation?.standing === 'asked') return undefined;
    this.#asked.delete(link);
    if (probation?.standing === 'answered') this.#answered.add(link);
    else this.#tickets.delete(link);
    if (probation?.standing === 'declined')
      return { kind: 'declined', hello, reason: probation.reason ?? 'failed' };
    return { kind: 'taken' };
  }

  forget(link: Link): void {
    this.#asked.delete(link);
    this.#answered.delete(link);
    this.#tickets.delete(link);
  }

  #countUnder(ticket: string): number {
    let count = 0;
    for (const other of this.#tickets.values()) if (other === ticket) count++;
    return count;
  }
}
