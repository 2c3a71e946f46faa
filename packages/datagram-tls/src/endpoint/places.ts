import type { Duration, Instant } from '../base/instant.js';
import type { EndpointLimits } from '../config/limits.js';
import { type Aged, type ConnectionEntry, type Member, stateOf } from './connection-entry.js';
import { Deadlines } from './deadlines.js';

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

/** Sessions that have no entry now, each the only one of its host: see `DormantEntries`. */
export interface DormantPlaces {
  readonly size: number;
  hasHost(host: string): boolean;
  /** The session of a host gets an entry again. */
  recallHost(host: string): void;
  /** The same for the one that was silent for the longest time, if its instant is before this one. */
  recallOlder(instant: Instant | undefined): void;
  /** `entry` is the only session of its host now. */
  onAlone(entry: ConnectionEntry): void;
}

const NO_DORMANTS: DormantPlaces = {
  size: 0,
  hasHost: () => false,
  recallHost: () => undefined,
  recallOlder: () => undefined,
  onAlone: () => undefined,
};

/**
 * The places of an endpoint: server associations in their handshake, by their start, and open sessions, by the last
 * record of their peers. Handshakes are evicted before sessions.
 */
export class Places {
  readonly #limits: EndpointLimits;
  readonly #handshakes: Population;
  readonly #sessions: Population;
  /** They count as sessions. */
  dormant = NO_DORMANTS;

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

  /** `entry`, which is no dormant one, counts. */
  has(entry: ConnectionEntry): boolean {
    return this.#handshakes.has(entry) || this.#sessions.has(entry);
  }

  /** A new association, whose peer is validated. */
  add(entry: ConnectionEntry): void {
    this.#handshakes.add(entry);
  }

  /** Its handshake is done. */
  onConnected(entry: ConnectionEntry): void {
    if (this.#handshakes.remove(entry)) this.#addSession(entry);
  }

  #addSession(entry: ConnectionEntry): void {
    // Several of one host are ordered among themselves.
    this.dormant.recallHost(stateOf(entry).host);
    this.#sessions.add(entry);
  }

  /** A session that had no entry. */
  readmit(entry: ConnectionEntry): void {
    this.#sessions.add(entry);
  }

  /** It is the only session of its host. */
  isAlone(entry: ConnectionEntry): boolean {
    return this.#sessions.isAlone(entry);
  }

  /** It counts for another host from now on. */
  move(entry: ConnectionEntry, host: string): void {
    const population = [this.#handshakes, this.#sessions].find((each) => each.remove(entry));
    const left = population && this.#sessions.onlyOneOf(stateOf(entry).host);
    if (left !== undefined) this.dormant.onAlone(left);
    stateOf(entry).host = host;
    if (population === this.#sessions) this.#addSession(entry);
    else population?.add(entry);
  }

  forget(entry: ConnectionEntry): void {
    if (this.#handshakes.remove(entry) || !this.#sessions.remove(entry)) return;
    const left = this.#sessions.onlyOneOf(stateOf(entry).host);
    if (left !== undefined) this.dormant.onAlone(left);
  }

  /** Whether there is room for one more beside `others` in total and `othersOfHost`, without an eviction. */
  hasRoom(host: string, others: number, othersOfHost: number): boolean {
    const { maxSessions, maxSessionsPerHost } = this.#limits;
    return (
      !isReached(maxSessions, this.#total() + others) &&
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
      this.dormant.recallHost(host);
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
    if (!replaces && isReached(maxSessions, this.#total() - evicted.length)) {
      const entry = handshakes.givesWayTo(host, now) ?? this.#sessionFor(host, now);
      if (entry === undefined) return { refused: 'max_sessions' };
      evicted.push(entry);
    }
    return { evicted, refused: undefined };
  }

  /** The session that gives way to a client with `host`. */
  #sessionFor(host: string, now: Instant): ConnectionEntry | undefined {
    this.dormant.recallHost(host);
    this.dormant.recallOlder(this.#sessions.oldestSince);
    return this.#sessions.givesWayTo(host, now, this.#countOf(host));
  }

  #total(): number {
    return this.#handshakes.size + this.#sessions.size + this.dormant.size;
  }

  #countOf(host: string): number {
    const dormant = this.dormant.size > 0 && this.dormant.hasHost(host) ? 1 : 0;
    return this.#handshakes.countOf(host) + this.#sessions.countOf(host) + dormant;
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

/** Several members with one host. */
class Crowd {
  readonly ages: ByAge;
  size = 0;

  constructor(since: Since) {
    this.ages = new ByAge(since);
  }
}

/** The instant that the age of an entry counts from; it may move forward at any time. */
type Since = (entry: ConnectionEntry) => Instant;

/**
 * Associations that are counted together, in total and by host, in the order of eviction. A host with more members
 * than the others loses one first, so that many associations of one host keep no other host out; within it, and
 * between hosts with the same number, the oldest member is evicted.
 */
class Population {
  readonly #since: Since;
  readonly #patience: Patience;
  /** By host: its only member, as most hosts have one, or all of them. */
  readonly #hosts = new Map<string, ConnectionEntry | Crowd>();
  /** Crowds by their number of members, which changes by one at a time. */
  readonly #bySize = new Map<number, Set<Crowd>>();
  #largest = 0;
  readonly #ages: ByAge;
  #size = 0;

  constructor(since: Since, patience: Patience) {
    this.#since = since;
    this.#patience = patience;
    this.#ages = new ByAge(since);
  }

  get size(): number {
    return this.#size;
  }

  countOf(host: string): number {
    const found = this.#hosts.get(host);
    if (found === undefined) return 0;
    return found instanceof Crowd ? found.size : 1;
  }

  has(entry: ConnectionEntry): boolean {
    return stateOf(entry).member?.population === this;
  }

  /** It is the only member with its host. */
  isAlone(entry: ConnectionEntry): boolean {
    const { host } = stateOf(entry);
    return this.has(entry) && this.countOf(host) === 1;
  }

  /** The one that is left of several with a host. */
  onlyOneOf(host: string): ConnectionEntry | undefined {
    const found = this.#hosts.get(host);
    return found instanceof Crowd && found.size === 1 ? found.ages.oldest() : undefined;
  }

  /** The instant of the oldest member. */
  get oldestSince(): Instant | undefined {
    const oldest = this.#ages.oldest();
    return oldest && this.#since(oldest);
  }

  add(entry: ConnectionEntry): void {
    const state = stateOf(entry);
    const member: Member = { entry, population: this, inHost: undefined, deadline: undefined, place: -1 };
    this.#ages.add(member);
    state.member = member;
    this.#size++;
    const found = this.#hosts.get(state.host);
    if (found === undefined) this.#hosts.set(state.host, entry);
    else if (found instanceof Crowd) this.#join(found, entry);
    else {
      const crowd = new Crowd(this.#since);
      this.#hosts.set(state.host, crowd);
      this.#join(crowd, found);
      this.#join(crowd, entry);
    }
  }

  /** Returns whether it was there. */
  remove(entry: ConnectionEntry): boolean {
    const state = stateOf(entry);
    const { member, host } = state;
    if (member?.population !== this) return false;
    state.member = undefined;
    this.#ages.remove(member);
    this.#size--;
    const found = this.#hosts.get(host);
    if (found instanceof Crowd) this.#leave(found, member);
    if (!(found instanceof Crowd) || found.size === 0) this.#hosts.delete(host);
    return true;
  }

  #join(crowd: Crowd, entry: ConnectionEntry): void {
    const { member } = stateOf(entry);
    if (member === undefined) return;
    member.inHost = { entry, deadline: undefined, place: -1 };
    crowd.ages.add(member.inHost);
    this.#resize(crowd, 1);
  }

  #leave(crowd: Crowd, { inHost }: Member): void {
    if (inHost !== undefined) crowd.ages.remove(inHost);
    this.#resize(crowd, -1);
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
    const found = this.#hosts.get(host);
    if (found === undefined) return undefined;
    const { any } = this.#patience;
    return found instanceof Crowd ? this.#oldest(found.ages, any, now) : this.#ifPatient(found, any, now);
  }

  #oldest(ages: ByAge, patience: Duration, now: Instant): ConnectionEntry | undefined {
    const entry = ages.oldest();
    return entry === undefined ? undefined : this.#ifPatient(entry, patience, now);
  }

  #ifPatient(entry: ConnectionEntry, patience: Duration, now: Instant): ConnectionEntry | undefined {
    return now - this.#since(entry) >= patience ? entry : undefined;
  }

  #resize(crowd: Crowd, change: 1 | -1): void {
    const former = this.#bySize.get(crowd.size);
    former?.delete(crowd);
    if (former?.size === 0) this.#bySize.delete(crowd.size);
    crowd.size += change;
    if (crowd.size > 0) {
      const others = this.#bySize.get(crowd.size);
      if (others === undefined) this.#bySize.set(crowd.size, new Set([crowd]));
      else others.add(crowd);
    }
    if (crowd.size > this.#largest) this.#largest = crowd.size;
    else if (!this.#bySize.has(this.#largest)) this.#largest = crowd.size;
  }
}

/**
 * Entries by age. Nothing is done when an entry's instant moves, which happens with every record: the heap holds the
 * instant that was current at its last look, and looks again only at the top.
 */
class ByAge {
  readonly #since: Since;
  readonly #heap = new Deadlines<Aged>();

  constructor(since: Since) {
    this.#since = since;
  }

  add(aged: Aged): void {
    this.#heap.set(aged, this.#wholeSince(aged));
  }

  remove(aged: Aged): void {
    this.#heap.set(aged, undefined);
  }

  /** Each iteration is paid for by at least one record since the last one for that entry. */
  oldest(): ConnectionEntry | undefined {
    for (let first = this.#heap.first(); first !== undefined; first = this.#heap.first()) {
      const since = this.#wholeSince(first);
      if (since === first.deadline) return first.entry;
      this.#heap.set(first, since);
    }
    return undefined;
  }

  /** Whole ms, which take no memory of their own. */
  #wholeSince({ entry }: Aged): Instant {
    return Math.floor(this.#since(entry));
  }
}
