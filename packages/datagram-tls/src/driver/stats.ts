import { inspect } from 'node:util';
import type { Counters } from '../connection/association.js';
import type { DropCounts } from '../connection/events.js';
import { startCounting } from '../endpoint/counters.js';
import type { Port } from './port.js';

/** Counters as node:dtls shows them: every one a bigint, times in nanoseconds of the process's monotonic clock. */
type Numbers = Readonly<Record<string, bigint>>;

/** A snapshot; `isConnected` is false for a final one. */
class Stats {
  readonly isConnected: boolean;
  readonly #name: string;
  readonly #numbers: Numbers;

  constructor(name: string, numbers: Numbers, isConnected: boolean) {
    this.#name = name;
    this.#numbers = numbers;
    this.isConnected = isConnected;
    Object.assign(this, numbers);
  }

  /** Decimal strings, as JSON has no bigint. */
  toJSON(): Record<string, unknown> {
    const strings = Object.entries(this.#numbers).map(([name, value]) => [name, value.toString()]);
    return Object.assign(Object.create(null) as Record<string, unknown>, {
      connected: this.isConnected,
      ...(Object.fromEntries(strings) as Record<string, string>),
    });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  [inspect.custom](): string {
    return `${this.#name} ${inspect({ connected: this.isConnected, ...this.#numbers })}`;
  }
}

interface SessionNumbers {
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
  /** Server, DTLS 1.3: tickets that the client never acknowledged. */
  readonly ticketsGivenUpCount: bigint;
  /** Server: failures of `ticketKeys`, which cost a ticket or a resumption. */
  readonly ticketKeyFailureCount: bigint;
  /** Discarded records and messages; `session.drops` has the reasons. */
  readonly droppedCount: bigint;
}

interface EndpointNumbers {
  readonly createdAt: bigint;
  readonly destroyedAt: bigint;
  /** UDP payload. */
  readonly bytesReceived: bigint;
  readonly bytesSent: bigint;
  readonly packetsReceived: bigint;
  readonly packetsSent: bigint;
  readonly serverSessions: bigint;
  readonly clientSessions: bigint;
  /** ClientHellos dropped while `busy` was set. */
  readonly serverBusyCount: bigint;
  /** Datagrams without a session that were not ClientHellos. */
  readonly serverRejectedCount: bigint;
  /** ClientHellos refused because a limit is reached: `endpoint.refusals` has the reasons. */
  readonly serverRefusedCount: bigint;
  /** Silent sessions, and unfinished handshakes, that were evicted for a new client on a full endpoint. */
  readonly sessionsEvicted: bigint;
  readonly handshakesEvicted: bigint;
  /** Alerts repeated to clients that repeat a refused handshake. */
  readonly alertsRepeated: bigint;
  /** ClientHellos answered with a request for a cookie. */
  readonly cookiesSent: bigint;
  /** With `cookies: 'under-load'`: those of them that less load would have made needless, and handshakes that began without one. */
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
  /** What all sessions hold for later now, bytes at their real cost, bounded by `maxHeldBytes`. */
  readonly bytesHeld: bigint;
  /** How often a session dropped what it held because of `maxHeldBytes`. */
  readonly heldEvictions: bigint;
}

export type DTLSSessionStats = Stats & SessionNumbers;
export type DTLSEndpointStats = Stats & EndpointNumbers;

/** `counters`: those of the connection; `droppedMessages`: what the session dropped beside it. */
export function sessionStats(
  times: Pick<SessionNumbers, 'createdAt' | 'destroyedAt' | 'closingAt' | 'handshakeCompletedAt'>,
  counters: Readonly<Counters> | undefined,
  droppedMessages: number,
): DTLSSessionStats {
  const dropped = Object.values(counters?.dropped ?? {}).reduce((sum, n) => sum + n, 0);
  const numbers: SessionNumbers = {
    ...times,
    bytesReceived: BigInt(counters?.payloadReceived ?? 0),
    bytesSent: BigInt(counters?.payloadSent ?? 0),
    messagesReceived: BigInt(counters?.messagesReceived ?? 0),
    messagesSent: BigInt(counters?.messagesSent ?? 0),
    retransmitCount: BigInt(counters?.retransmissions ?? 0),
    ticketsGivenUpCount: BigInt(counters?.ticketsGivenUp ?? 0),
    ticketKeyFailureCount: BigInt(counters?.ticketKeyFailures ?? 0),
    droppedCount: BigInt(dropped + droppedMessages),
  };
  return new Stats('DTLSSessionStats', { ...numbers }, times.destroyedAt === 0n) as DTLSSessionStats;
}

/** The counters of a socket; zeros before there is one. */
export function endpointNumbers(
  port: Pick<Port, 'core' | 'bytesSent' | 'packetsSent' | 'sendQueueDrops'> | undefined,
): Omit<EndpointNumbers, 'createdAt' | 'destroyedAt'> {
  const counters = port?.core.counters ?? startCounting();
  const dropped = Object.values(port?.sendQueueDrops ?? {});
  return {
    bytesReceived: BigInt(counters.bytesReceived),
    bytesSent: BigInt(port?.bytesSent ?? 0),
    packetsReceived: BigInt(counters.datagramsReceived),
    packetsSent: BigInt(port?.packetsSent ?? 0),
    serverSessions: BigInt(counters.serverSessions),
    clientSessions: BigInt(counters.clientSessions),
    serverBusyCount: BigInt(counters.busy),
    serverRejectedCount: BigInt(counters.rejected),
    serverRefusedCount: BigInt(counters.refused),
    sessionsEvicted: BigInt(counters.sessionsEvicted),
    handshakesEvicted: BigInt(counters.handshakesEvicted),
    alertsRepeated: BigInt(counters.alertsRepeated),
    cookiesSent: BigInt(counters.cookiesSent),
    cookiesUnderLoad: BigInt(counters.cookiesUnderLoad),
    handshakesWithoutCookie: BigInt(counters.withoutCookie),
    sendQueueDropped: BigInt(dropped.reduce((sum, n) => sum + n, 0)),
    earlyDataAccepted: BigInt(counters.earlyAccepted),
    bytesHeld: BigInt(port?.core.heldBytes ?? 0),
    heldEvictions: BigInt(port?.core.evictions ?? 0),
    earlyDataRefused: BigInt(Object.values(counters.earlyRefused).reduce((sum, n) => sum + n, 0)),
  };
}

export function endpointStats(numbers: EndpointNumbers, isConnected: boolean): DTLSEndpointStats {
  return new Stats('DTLSEndpointStats', { ...numbers }, isConnected) as DTLSEndpointStats;
}

interface OwnDrops {
  readonly send_failed: number;
  readonly slow_reader: number;
  readonly peer_closed: number;
  readonly send_queue_full: number;
}

/** Discards by reason; reasons without a discard are left out. */
export type SessionDrops = Readonly<DropCounts & Partial<OwnDrops>>;

/** Drops of the connection, and of the session. */
export function sessionDrops(connection: DropCounts | undefined, own: OwnDrops): SessionDrops {
  const { send_failed, slow_reader, peer_closed, send_queue_full } = own;
  return {
    ...connection,
    ...(send_failed > 0 ? { send_failed } : {}),
    ...(slow_reader > 0 ? { slow_reader } : {}),
    ...(peer_closed > 0 ? { peer_closed } : {}),
    ...(send_queue_full > 0 ? { send_queue_full } : {}),
  };
}
