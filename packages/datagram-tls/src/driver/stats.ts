import { inspect } from 'node:util';
import { illegalConstructor } from '../base/errors.js';
import type { Counters } from '../connection/association.js';
import type { DropCounts } from '../connection/events.js';
import { type EndpointCounters, startCounting } from '../endpoint/counters.js';
import type { RefusalReason } from '../endpoint/places.js';
import type { Port } from './port.js';
import type { SendKind } from './send-queue.js';

/** What was discarded, by reason; reasons without a discard are absent. */
type DropsByReason<Reason extends string> = Readonly<Partial<Record<Reason, bigint>>>;

/** The common part of both kinds of statistics. */
interface Stats<Reason extends string> {
  /** False when the session or the endpoint is over: the numbers then stay as they are. */
  readonly isConnected: boolean;
  /** Discards by reason. The object is a copy; reasons without a discard are absent. */
  readonly drops: DropsByReason<Reason>;
  /** Decimal strings, as JSON has no bigint. */
  toJSON(): Record<string, unknown>;
  /** {@link toJSON} as text. */
  toString(): string;
}

/**
 * The live counters of a session, each a bigint; times in nanoseconds of the process's monotonic clock, 0 where the event
 * has not happened. After the end of the session the numbers stay.
 *
 * @example
 * ```ts
 * import type { DTLSSessionStats } from 'datagram-tls';
 *
 * const stats: DTLSSessionStats = session.stats; // live: the same object has the later values
 * console.log(stats.messagesSent, stats.messagesReceived);
 * ```
 */
export interface DTLSSessionStats extends Stats<SessionDropReason> {
  readonly createdAt: bigint;
  readonly destroyedAt: bigint;
  /** When `close()` was called here. */
  readonly closingAt: bigint;
  readonly handshakeCompletedAt: bigint;
  /** Application bytes. */
  readonly bytesReceived: bigint;
  readonly bytesSent: bigint;
  readonly messagesReceived: bigint;
  readonly messagesSent: bigint;
  /** Retransmitted flights. */
  readonly retransmitCount: bigint;
  /** Changes of the peer's address, there and back. */
  readonly migrations: bigint;
  /** Those of them that were undone, because the new address did not answer: see `returnRoutability`. */
  readonly migrationsFailed: bigint;
  /** Server, DTLS 1.3: tickets that the client never acknowledged. */
  readonly ticketsGivenUpCount: bigint;
  /** Server: failures of `ticketKeys`, which cost a ticket or a resumption. */
  readonly ticketKeyFailureCount: bigint;
  /** Discarded records and messages: the sum of `drops`, but for `send_failed`. */
  readonly droppedCount: bigint;
}

/**
 * The live counters of an endpoint, each a bigint; times in nanoseconds of the process's monotonic clock. After its end the
 * numbers stay.
 *
 * @example
 * ```ts
 * import type { DTLSEndpointStats } from 'datagram-tls';
 *
 * const stats: DTLSEndpointStats = endpoint.stats; // live: the same object has the later values
 * console.log(stats.serverSessions, stats.bytesReceived);
 * ```
 */
export interface DTLSEndpointStats extends Stats<EndpointDropReason> {
  readonly createdAt: bigint;
  readonly destroyedAt: bigint;
  /** UDP payload. */
  readonly bytesReceived: bigint;
  readonly bytesSent: bigint;
  readonly packetsReceived: bigint;
  readonly packetsSent: bigint;
  readonly serverSessions: bigint;
  readonly clientSessions: bigint;
  /** Those of them whose handshake was done, that are over, and that are over because they failed. */
  readonly handshakesCompleted: bigint;
  readonly sessionsEnded: bigint;
  readonly sessionsFailed: bigint;
  /**
   * Datagrams without a session that were dropped while `busy` was set, and those of handshakes while too many waited
   * for their turn. Of the latter the system drops most on Linux, with the native part: they are not in `packetsReceived`, and
   * with them is counted what found no room in the socket meanwhile.
   */
  readonly serverBusyCount: bigint;
  /** Datagrams without a session that were not ClientHellos. */
  readonly serverRejectedCount: bigint;
  /** Datagrams with a connection ID that no session has. */
  readonly unknownConnectionIds: bigint;
  /** Changes of peers' addresses, there and back, and those of them that were undone because the new address did not answer. */
  readonly migrations: bigint;
  readonly migrationsFailed: bigint;
  /** ClientHellos refused because a limit is reached: `drops` has the reasons. */
  readonly serverRefusedCount: bigint;
  /** Silent sessions, and unfinished handshakes, that were evicted for a new client on a full endpoint. */
  readonly sessionsEvicted: bigint;
  readonly handshakesEvicted: bigint;
  /** Alerts repeated to clients that repeat a refused handshake. */
  readonly alertsRepeated: bigint;
  /** ClientHellos answered with a request for a cookie. */
  readonly cookiesSent: bigint;
  /** Those of them that answer a ClientHello that came again, because its answer had found no room in the send queue. */
  readonly cookiesAwaited: bigint;
  /** With `cookies: 'under-load'`: those of `cookiesSent` that less load would have made needless, and handshakes that began without one. */
  readonly cookiesUnderLoad: bigint;
  readonly handshakesWithoutCookie: bigint;
  /** Datagrams and messages dropped because too much waited for the socket: `endpoint.sendQueueDrops` has the kinds. */
  readonly sendQueueDropped: bigint;
  /**
   * Clients whose early data was accepted, and ClientHellos whose early data was not: `endpoint.earlyDataRefusals`
   * has the reasons.
   */
  readonly earlyDataAccepted: bigint;
  readonly earlyDataRefused: bigint;
  /** What waits to be sent now, bytes, bounded by `maxSendQueue`. */
  readonly bytesQueued: bigint;
  /** What all sessions hold for later now, bytes at their real cost, bounded by `maxHeldBytes`. */
  readonly bytesHeld: bigint;
  /** How often a session dropped what it held because of `maxHeldBytes`. */
  readonly heldEvictions: bigint;
  /** Open sessions that hibernate now: see `hibernateAfter`. */
  readonly sessionsHibernating: bigint;
}

/** The numbers of one kind of statistics. */
type NumberNames<S> = Exclude<keyof S, keyof Stats<never>> & string;
type Readers<S, Source> = Readonly<Record<NumberNames<S>, (source: Source) => bigint | number>>;
type Counts = Readonly<Partial<Record<string, number>>>;

interface Snapshot {
  readonly numbers: Readonly<Record<string, bigint>>;
  readonly drops: Readonly<Record<string, bigint>>;
}

/** A view for users, which calls `source` for each number; `freeze` takes a last look and lets go of it. */
export interface LiveStats<S> {
  readonly stats: S;
  freeze(): void;
}

/** What the class of one kind of statistics reads. */
interface Kind<Source> {
  readonly name: string;
  readonly readers: Readonly<Record<string, (source: Source) => bigint | number>>;
  readonly drops: (source: Source) => Counts;
}

/** Either live or final. */
interface State<Source> {
  readonly kind: Kind<Source>;
  source: (() => Source) | undefined;
  final: Snapshot | undefined;
}

const MAKE = Symbol('make');

/** The class assigns it. */
let readNumber: <Source>(view: View<Source>, field: string) => bigint;

class View<Source> {
  static {
    readNumber = (view, field) => {
      const { kind, source, final } = view.#state;
      return source === undefined
        ? (final?.numbers[field] ?? 0n)
        : BigInt(kind.readers[field]?.(source()) ?? 0);
    };
  }

  readonly #state: State<Source>;

  constructor(token: typeof MAKE, state: State<Source>) {
    if (token !== MAKE) throw illegalConstructor();
    this.#state = state;
  }

  get isConnected(): boolean {
    return this.#state.source !== undefined;
  }

  get drops(): Snapshot['drops'] {
    const { kind, source, final } = this.#state;
    return source === undefined ? { ...final?.drops } : toBigInts(kind.drops(source()));
  }

  toJSON(): Record<string, unknown> {
    const { numbers, drops } = this.#look();
    return Object.assign(Object.create(null) as Record<string, unknown>, {
      connected: this.isConnected,
      ...toStrings(numbers),
      drops: toStrings(drops),
    });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  [inspect.custom](depth: number, options: object): string {
    const { name } = this.#state.kind;
    if (depth < 0) return `[${name}]`;
    const { numbers, drops } = this.#look();
    return `${name} ${inspect({ connected: this.isConnected, ...numbers, drops }, options)}`;
  }

  #look(): Snapshot {
    const { kind, source, final } = this.#state;
    return source === undefined ? (final ?? NOTHING_SEEN) : lookAt(kind, source());
  }
}

const NOTHING_SEEN: Snapshot = { numbers: {}, drops: {} };

function lookAt<Source>({ readers, drops }: Kind<Source>, source: Source): Snapshot {
  const numbers = Object.entries(readers).map(([field, read]) => [field, BigInt(read(source))] as const);
  return { numbers: Object.fromEntries(numbers), drops: toBigInts(drops(source)) };
}

/** Makes the class of one kind: an accessor on its prototype for each number. */
function statsClass<S extends Stats<string>, Source>(
  name: string,
  readers: Readers<S, Source>,
  drops: (source: Source) => Counts,
): (source: () => Source) => LiveStats<S> {
  class Stats extends View<Source> {}
  Object.defineProperty(Stats, 'name', { value: name });
  for (const field of Object.keys(readers)) {
    const get = function (this: View<Source>): bigint {
      return readNumber(this, field);
    };
    Object.defineProperty(Stats.prototype, field, { configurable: true, get });
  }
  const kind: Kind<Source> = { name, readers, drops };
  return (source) => {
    const state: State<Source> = { kind, source, final: undefined };
    const freeze = (): void => {
      if (state.source === undefined) return;
      state.final = lookAt(kind, source());
      state.source = undefined;
    };
    return { stats: new Stats(MAKE, state) as unknown as S, freeze };
  };
}

function toBigInts(counts: Counts): Readonly<Record<string, bigint>> {
  const given = Object.entries(counts).filter(([, n]) => n !== undefined && n > 0);
  return Object.fromEntries(given.map(([reason, n]) => [reason, BigInt(n ?? 0)]));
}

function toStrings(numbers: Readonly<Record<string, bigint>>): Record<string, string> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, value.toString()]));
}

function sumOf(counts: Counts | undefined): number {
  return Object.values(counts ?? {}).reduce<number>((sum, n) => sum + (n ?? 0), 0);
}

interface OwnDrops {
  /** Datagrams that the system refused. */
  readonly send_failed: number;
  /** Messages that the application did not read in time. */
  readonly slow_reader: number;
  /** Messages to a peer that had just closed. */
  readonly peer_closed: number;
  /** Messages while the send queue was full. */
  readonly send_queue_full: number;
}

/**
 * Discards by reason; reasons without a discard are left out.
 *
 * @example
 * ```ts
 * import type { SessionDrops } from 'datagram-tls';
 *
 * const drops: SessionDrops = session.drops;
 * console.log('unread messages that were lost:', drops.slow_reader ?? 0);
 * ```
 */
export type SessionDrops = Readonly<DropCounts & Partial<OwnDrops>>;
/**
 * Why a session discarded a record or a message.
 *
 * @example
 * ```ts
 * import type { SessionDropReason } from 'datagram-tls';
 *
 * const ours: readonly SessionDropReason[] = ['slow_reader', 'send_failed'];
 * ```
 */
export type SessionDropReason = keyof DropCounts | keyof OwnDrops;

/** Of a session that has neither sent nor kept anything for its application. */
export const NOTHING_DROPPED: OwnDrops = {
  send_failed: 0,
  peer_closed: 0,
  send_queue_full: 0,
  slow_reader: 0,
};

/** Drops of the connection, and of the session. */
export function sessionDrops({ counters, ownDrops }: SessionSource): SessionDrops {
  if (ownDrops === NOTHING_DROPPED) return counters?.dropped ?? {};
  const own = Object.entries(ownDrops).filter(([, n]) => n > 0);
  return { ...counters?.dropped, ...Object.fromEntries(own) };
}

/** When each event of a session happened, ns of the monotonic clock; 0: not yet. */
export interface SessionTimes {
  readonly createdAt: number;
  readonly destroyedAt: number;
  readonly closingAt: number;
  readonly handshakeCompletedAt: number;
}

/** What a session's statistics are read from. */
export interface SessionSource {
  readonly times: SessionTimes;
  /** Those of the connection; `undefined` before it begins. */
  readonly counters: Readonly<Counters> | undefined;
  readonly ownDrops: OwnDrops;
}

export const sessionStats = statsClass<DTLSSessionStats, SessionSource>(
  'DTLSSessionStats',
  {
    createdAt: ({ times }) => times.createdAt,
    destroyedAt: ({ times }) => times.destroyedAt,
    closingAt: ({ times }) => times.closingAt,
    handshakeCompletedAt: ({ times }) => times.handshakeCompletedAt,
    bytesReceived: ({ counters }) => counters?.payloadReceived ?? 0,
    bytesSent: ({ counters }) => counters?.payloadSent ?? 0,
    messagesReceived: ({ counters }) => counters?.messagesReceived ?? 0,
    messagesSent: ({ counters }) => counters?.messagesSent ?? 0,
    retransmitCount: ({ counters }) => counters?.retransmissions ?? 0,
    migrations: ({ counters }) => counters?.migrations ?? 0,
    migrationsFailed: ({ counters }) => counters?.migrationsFailed ?? 0,
    ticketsGivenUpCount: ({ counters }) => counters?.ticketsGivenUp ?? 0,
    ticketKeyFailureCount: ({ counters }) => counters?.ticketKeyFailures ?? 0,
    droppedCount: (source) => sumOf(sessionDrops(source)) - source.ownDrops.send_failed,
  },
  sessionDrops,
);

/**
 * `busy`, `not_client_hello`, `unknown_connection_id`: without a session. `max_…`: a limit. `answer_rate`:
 * an answer beyond `maxAnswerRate`. `send_queue_…`: too much waited for the socket.
 *
 * @example
 * ```ts
 * import type { EndpointDropReason } from 'datagram-tls';
 *
 * const overload: readonly EndpointDropReason[] = ['busy', 'not_client_hello'];
 * ```
 */
export type EndpointDropReason =
  | SessionDropReason
  | RefusalReason
  | 'busy'
  | 'not_client_hello'
  | 'unknown_connection_id'
  | 'answer_rate'
  | `send_queue_${SendKind}`;

/** What an endpoint's statistics are read from. */
export interface EndpointSource {
  readonly createdAt: bigint;
  readonly destroyedAt: bigint;
  /** `undefined` before there is a socket. */
  readonly port:
    | Pick<Port, 'core' | 'bytesSent' | 'packetsSent' | 'queuedBytes' | 'sendQueueDrops'>
    | undefined;
  readonly sessions: () => Iterable<SessionSource>;
  readonly former: FormerSessions;
}

/** How a session ended. */
export interface SessionEnd {
  /** It had an association. */
  readonly began: boolean;
  readonly failed: boolean;
}

/** The sums over sessions that are over. */
export class FormerSessions {
  ended = 0;
  failed = 0;
  readonly migrations = { all: 0, failed: 0 };
  readonly drops: Record<string, number> = {};

  add(session: SessionSource, { began, failed }: SessionEnd): void {
    addDrops(this.drops, sessionDrops(session));
    addMigrations(this.migrations, session);
    if (!began) return;
    this.ended++;
    if (failed) this.failed++;
  }
}

function addMigrations(sum: FormerSessions['migrations'], { counters }: SessionSource): void {
  sum.all += counters?.migrations ?? 0;
  sum.failed += counters?.migrationsFailed ?? 0;
}

function endpointMigrations({ former, sessions }: EndpointSource): FormerSessions['migrations'] {
  const sum = { ...former.migrations };
  for (const session of sessions()) addMigrations(sum, session);
  return sum;
}

/** Adds `drops` to `all`. */
function addDrops(all: Record<string, number>, drops: Counts): void {
  for (const reason in drops)
    if (Object.hasOwn(drops, reason)) all[reason] = (all[reason] ?? 0) + (drops[reason] ?? 0);
}

function endpointDrops(source: EndpointSource): Counts {
  const { busy, rejected, overRate, refusedBy, unknownConnectionIds } = countersOf(source);
  const all: Record<string, number> = {
    busy,
    not_client_hello: rejected,
    unknown_connection_id: unknownConnectionIds,
    answer_rate: overRate,
  };
  addDrops(all, refusedBy);
  for (const [kind, n] of Object.entries(source.port?.sendQueueDrops ?? {})) all[`send_queue_${kind}`] = n;
  addDrops(all, source.former.drops);
  for (const session of source.sessions()) addDrops(all, sessionDrops(session));
  return all;
}

const NOTHING: Readonly<EndpointCounters> = startCounting();

function countersOf({ port }: EndpointSource): Readonly<EndpointCounters> {
  return port?.core.counters ?? NOTHING;
}

export const endpointStats = statsClass<DTLSEndpointStats, EndpointSource>(
  'DTLSEndpointStats',
  {
    createdAt: ({ createdAt }) => createdAt,
    destroyedAt: ({ destroyedAt }) => destroyedAt,
    bytesReceived: (source) => countersOf(source).bytesReceived,
    bytesSent: ({ port }) => port?.bytesSent ?? 0,
    packetsReceived: (source) => countersOf(source).datagramsReceived,
    packetsSent: ({ port }) => port?.packetsSent ?? 0,
    serverSessions: (source) => countersOf(source).serverSessions,
    clientSessions: (source) => countersOf(source).clientSessions,
    handshakesCompleted: (source) => countersOf(source).handshakesCompleted,
    sessionsEnded: ({ former }) => former.ended,
    sessionsFailed: ({ former }) => former.failed,
    serverBusyCount: (source) => countersOf(source).busy,
    serverRejectedCount: (source) => countersOf(source).rejected,
    unknownConnectionIds: (source) => countersOf(source).unknownConnectionIds,
    migrations: (source) => endpointMigrations(source).all,
    migrationsFailed: (source) => endpointMigrations(source).failed,
    serverRefusedCount: (source) => countersOf(source).refused,
    sessionsEvicted: (source) => countersOf(source).sessionsEvicted,
    handshakesEvicted: (source) => countersOf(source).handshakesEvicted,
    alertsRepeated: (source) => countersOf(source).alertsRepeated,
    cookiesSent: (source) => countersOf(source).cookiesSent,
    cookiesAwaited: (source) => countersOf(source).cookiesAwaited,
    cookiesUnderLoad: (source) => countersOf(source).cookiesUnderLoad,
    handshakesWithoutCookie: (source) => countersOf(source).withoutCookie,
    sendQueueDropped: ({ port }) => sumOf(port?.sendQueueDrops),
    earlyDataAccepted: (source) => countersOf(source).earlyAccepted,
    earlyDataRefused: (source) => sumOf(countersOf(source).earlyRefused),
    bytesQueued: ({ port }) => port?.queuedBytes ?? 0,
    bytesHeld: ({ port }) => port?.core.heldBytes ?? 0,
    heldEvictions: ({ port }) => port?.core.evictions ?? 0,
    sessionsHibernating: ({ port }) => port?.core.hibernating ?? 0,
  },
  endpointDrops,
);
