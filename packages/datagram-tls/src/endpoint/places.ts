import type { Duration, Instant } from '../base/instant.js';
import type { EndpointLimits } from '../config/limits.js';
import type { Link } from './link.js';
import { Population } from './population.js';

/** Why a client whose address is proved gets no association: the option whose limit is reached, and nobody gives way. */
export type RefusalReason = 'max_sessions' | 'max_sessions_per_host' | 'max_handshakes';

/** ms that an unfinished handshake may take on a full endpoint: a client sends its flight again after that time. */
const HANDSHAKE_PATIENCE: Duration = 1000;
/** ms that a session of a host with more than its share may be silent. */
const UNFAIR_SILENCE: Duration = 1000;

/** What {@link Places.makeRoom} found: who has to go for the new client, or why it is refused. */
export type Room = { readonly evicted: readonly Link[] } | { readonly refused: RefusalReason };

/**
 * Who holds the places of an endpoint: server associations whose handshake is not done, by when they began, and open sessions,
 * by when their peers were last heard. A handshake gives way before a session does.
 */
export class Places {
  readonly #limits: EndpointLimits;
  readonly #handshakes: Population;
  readonly #sessions: Population;

  constructor(limits: EndpointLimits) {
    this.#limits = limits;
    const any = limits.evictAfter === 0 ? Number.POSITIVE_INFINITY : limits.evictAfter;
    this.#handshakes = new Population(({ began }) => began, { unfair: 0, any: HANDSHAKE_PATIENCE });
    this.#sessions = new Population(({ connection }) => connection.lastHeard, {
      unfair: limits.evictAfter === 0 ? any : Math.min(UNFAIR_SILENCE, any),
      any,
    });
  }

  /** Associations whose handshake is not done. */
  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** A new association, whose peer is proved. */
  add(link: Link): void {
    this.#handshakes.add(link);
  }

  /** Its handshake is done. */
  onConnected(link: Link): void {
    if (this.#handshakes.remove(link)) this.#sessions.add(link);
  }

  forget(link: Link): void {
    if (!this.#handshakes.remove(link)) this.#sessions.remove(link);
  }

  /** Whether there is room for one more beside `others` in all and `othersOfHost`, without anybody giving way. */
  hasRoom(host: string, others: number, othersOfHost: number): boolean {
    const { maxSessions, maxSessionsPerHost } = this.#limits;
    return (
      !isReached(maxSessions, this.#total + others) &&
      !isReached(maxSessionsPerHost, this.#countOf(host) + othersOfHost)
    );
  }

  /**
   * Room for one more client with `host`. The evicted are not forgotten here: the caller ends them. `replaces`: the client takes the place
   * of an association of its own, so that only {@link EndpointLimits.maxHandshakes} counts.
   */
  makeRoom(host: string, replaces: boolean, now: Instant): Room {
    const { maxSessions, maxSessionsPerHost, maxHandshakes } = this.#limits;
    const handshakes = this.#handshakes;
    const evicted: Link[] = [];
    if (!replaces && isReached(maxSessionsPerHost, this.#countOf(host))) {
      const link = handshakes.givesWayIn(host, now) ?? this.#sessions.givesWayIn(host, now);
      if (link === undefined) return { refused: 'max_sessions_per_host' };
      evicted.push(link);
    }
    const freed = evicted.some((link) => handshakes.has(link)) ? 1 : 0;
    if (isReached(maxHandshakes, handshakes.size - freed)) {
      const link = handshakes.givesWayTo(host, now);
      if (link === undefined) return { refused: 'max_handshakes' };
      evicted.push(link);
    }
    if (!replaces && isReached(maxSessions, this.#total - evicted.length)) {
      const link = handshakes.givesWayTo(host, now) ?? this.#sessions.givesWayTo(host, now);
      if (link === undefined) return { refused: 'max_sessions' };
      evicted.push(link);
    }
    return { evicted };
  }

  get #total(): number {
    return this.#handshakes.size + this.#sessions.size;
  }

  #countOf(host: string): number {
    return this.#handshakes.countOf(host) + this.#sessions.countOf(host);
  }
}

function isReached(limit: number, count: number): boolean {
  return limit > 0 && count >= limit;
}
