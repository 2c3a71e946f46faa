import type { Duration, Instant } from '../base/instant.js';
import type { EndpointLimits } from '../config/limits.js';
import { type ConnectionEntry, stateOf } from './connection-entry.js';
import { Deadlines, type Sleeper } from './deadlines.js';

/**
 * Why a validated client gets no association: the option whose limit is reached while nothing can be evicted;
 * `backlog`: so many sessions wait for the application.
 *
 * @example
 * ```ts
 * import type { RefusalReason } from 'datagram-tls';
 *
 * const reason: RefusalReason = 'max_sessions_per_host';
 * ```
 */
export type RefusalReason = 'max_sessions' | 'max_sessions_per_host' | 'max_handshakes' | 'backlog';

/**
 * ms after which an unfinished handshake can be evicted on a full endpoint: a client retransmits its flight after
 * that time.
 */
const HANDSHAKE_PATIENCE: Duration = 1000;
/** ms that a session of a host with more than its share may be silent. */
const UNFAIR_SILENCE: Duration = 1000;

/** The result of {@link Places.makeRoom}: the entries to evict for the new client, or the reason to refuse it. */
type Room =
  | { readonly evicted: readonly ConnectionEntry[]; readonly refused: undefined }
  | { readonly refused: RefusalReason };

/**
 * The places of an endpoint: server associations in their handshake, by their start, and open sessions, by the last
 * record of their peers. Handshakes are evicted before sessions.
 */
export class Places {
  readonly #limits: EndpointLimits;
  readonly #handshakes: Population;
  readonly #sessions: Population;

  constructor(limits: EndpointLimits) {
    this.#limits = limits;
    const any = limits.evictAfter === 0 ? Number.POSITIVE_INFINITY : limits.evictAfter;
    this.#handshakes = new Population((entry) => stateOf(entry).began, {
      unfair: 0,
      any: HANDSHAKE_PATIENCE,
    });
    this.#sessions = new Population(({ connection }) => connection.lastHeard, {
      unfair: limits.evictAfter === 0 ? any : Math.min(UNFAIR_SILENCE, any),
      any,
    });
  }

  /** Associations whose handshake is not done. */
  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** A new association, whose peer is validated. */
  add(entry: ConnectionEntry): void {
    this.#handshakes.add(entry);
  }

  /** Its handshake is done. */
  onConnected(entry: ConnectionEntry): void {
    if (this.#handshakes.remove(entry)) this.#sessions.add(entry);
  }

  /** It counts for another host from now on. */
  move(entry: ConnectionEntry, host: string): void {
    const population = [this.#handshakes, this.#sessions].find((each) => each.remove(entry));
    stateOf(entry).host = host;
    population?.add(entry);
  }

  forget(entry: ConnectionEntry): void {
    if (!this.#handshakes.remove(entry)) this.#sessions.remove(entry);
  }

  /** Whether there is room for one more beside `others` in total and `othersOfHost`, without an eviction. */
  hasRoom(host: string, others: number, othersOfHost: number): boolean {
    const { maxSessions, maxSessionsPerHost } = this.#limits;
    return (
      !isReached(maxSessions, this.#total + others) &&
      !isReached(maxSessionsPerHost, this.#countOf(host) + othersOfHost)
    );
  }

  /**
   * Room for one more client with `host`. The caller ends the evicted entries, which are not removed here.
   * `replaces`: the client replaces its own association, so that only {@link EndpointLimits.maxHandshakes} counts.
   */
  makeRoom(host: string, replaces: boolean, now: Instant): Room {
    const { maxSessions, maxSessionsPerHost, maxHandshakes } = this.#limits;
    const handshakes = this.#handshakes;
    const evicted: ConnectionEntry[] = [];
    if (!replaces && isReached(maxSessionsPerHost, this.#countOf(host))) {
      const entry = handshakes.givesWayIn(host, now) ?? this.#sessions.givesWayIn(host, now);
      if (entry === undefined) return { refused: 'max_sessions_per_host' };
      evicted.push(entry);
    }
    const freed = evicted.some((entry) => handshakes.has(entry)) ? 1 : 0;
    if (isReached(maxHandshakes, handshakes.size - freed)) {
      const entry = handshakes.givesWayTo(host, now);
      if (entry === undefined) return { refused: 'max_handshakes' };
      evicted.push(entry);
    }
    if (!replaces && isReached(maxSessions, this.#total - evicted.length)) {
      const entry =
        handshakes.givesWayTo(host, now) ?? this.#sessions.givesWayTo(host, now, this.#countOf(host));
      if (entry === undefined) return { refused: 'max_sessions' };
      evicted.push(entry);
    }
    return { evicted, refused: undefined };
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

/** How long members stay before they can be evicted, ms. */
interface Patience {
  /** A member of a host that has more than its share. */
  readonly unfair: Duration;
  /** Any member. */
  readonly any: Duration;
}

/** An entry's place in a {@link ByAge}. */
interface Aged extends Sleeper {
  readonly entry: ConnectionEntry;
}

/** The members with one host. */
interface Host {
  readonly key: string;
  readonly ages: ByAge;
  size: number;
}

interface Member {
  readonly host: Host;
  readonly inHost: Aged;
  readonly inAll: Aged;
}

/**
 * Associations that are counted together, in total and by host, in the order of eviction. A host with more members
 * than the others loses one first, so that many associations of one host keep no other host out; within it, and
 * between hosts with the same number, the oldest member is evicted.
 */
class Population {
  readonly #since: (entry: ConnectionEntry) => Instant;
  readonly #patience: Patience;
  readonly #members = new Map<ConnectionEntry, Member>();
  readonly #hosts = new Map<string, Host>();
  /** Hosts by their number of members, which changes by one at a time. */
  readonly #bySize = new Map<number, Set<Host>>();
  #largest = 0;
  readonly #ages: ByAge;

  /** `since`: the instant that the age of an entry counts from; it may move forward at any time. */
  constructor(since: (entry: ConnectionEntry) => Instant, patience: Patience) {
    this.#since = since;
    this.#patience = patience;
    this.#ages = new ByAge(since);
  }

  get size(): number {
    return this.#members.size;
  }

  countOf(host: string): number {
    return this.#hosts.get(host)?.size ?? 0;
  }

  has(entry: ConnectionEntry): boolean {
    return this.#members.has(entry);
  }

  add(entry: ConnectionEntry): void {
    const { host: key } = stateOf(entry);
    const host = this.#hosts.get(key) ?? { key, ages: new ByAge(this.#since), size: 0 };
    this.#hosts.set(host.key, host);
    this.#members.set(entry, { host, inHost: host.ages.add(entry), inAll: this.#ages.add(entry) });
    this.#resize(host, 1);
  }

  /** Returns whether it was there. */
  remove(entry: ConnectionEntry): boolean {
    const member = this.#members.get(entry);
    if (member === undefined) return false;
    const { host, inHost, inAll } = member;
    this.#members.delete(entry);
    host.ages.remove(inHost);
    this.#ages.remove(inAll);
    this.#resize(host, -1);
    if (host.size === 0) this.#hosts.delete(host.key);
    return true;
  }

  /**
   * The member to evict for a new one with `host`, if one has been there for long enough. A host never takes a place
   * from one that has fewer members: it loses one of its own. `own`: the host's number, if some are counted
   * elsewhere.
   */
  givesWayTo(host: string, now: Instant, own = this.countOf(host)): ConnectionEntry | undefined {
    const [largest] = this.#bySize.get(this.#largest) ?? [];
    const unfair = largest !== undefined && largest.size > own + 1;
    const first = unfair ? this.#oldest(largest.ages, this.#patience.unfair, now) : undefined;
    if (first !== undefined) return first;
    const oldest = this.#oldest(this.#ages, this.#patience.any, now);
    return oldest === undefined || this.countOf(stateOf(oldest).host) > own
      ? oldest
      : this.givesWayIn(host, now);
  }

  /** The same among the members with `host` only. */
  givesWayIn(host: string, now: Instant): ConnectionEntry | undefined {
    const ages = this.#hosts.get(host)?.ages;
    return ages === undefined ? undefined : this.#oldest(ages, this.#patience.any, now);
  }

  #oldest(ages: ByAge, patience: Duration, now: Instant): ConnectionEntry | undefined {
    const entry = ages.oldest();
    return entry !== undefined && now - this.#since(entry) >= patience ? entry : undefined;
  }

  #resize(host: Host, change: 1 | -1): void {
    const former = this.#bySize.get(host.size);
    former?.delete(host);
    if (former?.size === 0) this.#bySize.delete(host.size);
    host.size += change;
    if (host.size > 0) {
      const others = this.#bySize.get(host.size);
      if (others === undefined) this.#bySize.set(host.size, new Set([host]));
      else others.add(host);
    }
    if (host.size > this.#largest) this.#largest = host.size;
    else if (!this.#bySize.has(this.#largest)) this.#largest = host.size;
  }
}

/**
 * Entries by age. Nothing is done when an entry's instant moves, which happens with every record: the heap holds the
 * instant that was current at its last look, and looks again only at the top.
 */
class ByAge {
  readonly #since: (entry: ConnectionEntry) => Instant;
  readonly #heap = new Deadlines<Aged>();

  constructor(since: (entry: ConnectionEntry) => Instant) {
    this.#since = since;
  }

  add(entry: ConnectionEntry): Aged {
    const aged = { entry, deadline: undefined, place: -1 };
    this.#heap.set(aged, this.#since(entry));
    return aged;
  }

  remove(aged: Aged): void {
    this.#heap.set(aged, undefined);
  }

  /** Each iteration is paid for by at least one record since the last one for that entry. */
  oldest(): ConnectionEntry | undefined {
    for (let first = this.#heap.first(); first !== undefined; first = this.#heap.first()) {
      const since = this.#since(first.entry);
      if (since === first.deadline) return first.entry;
      this.#heap.set(first, since);
    }
    return undefined;
  }
}
