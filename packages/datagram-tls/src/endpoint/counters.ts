import type { EarlyRefusal } from '../handshake/actions.js';
import type { RefusalReason } from './places.js';

/**
 * All datagrams and associations of an endpoint, and datagrams without an association by result.
 *
 * @example
 * ```ts
 * import { Endpoint, type EndpointCounters, resolveLimits } from 'datagram-tls/core';
 *
 * const counters: EndpointCounters = new Endpoint(resolveLimits({})).counters;
 * console.log(counters.datagramsReceived);
 * ```
 */
export interface EndpointCounters {
  /** All datagrams that were handed to it. */
  datagramsReceived: number;
  /** Bytes of UDP payload. */
  bytesReceived: number;
  /** Associations that were reported as sessions of clients. */
  serverSessions: number;
  /** Associations that began with `connect`. */
  clientSessions: number;
  /** Those of both whose handshake was done. */
  handshakesCompleted: number;
  /** Handshakes that began on a server, those of clients whose address is not validated yet included. */
  handshakesBegun: number;
  /** ClientHellos answered with a request for a cookie. */
  cookiesSent: number;
  /** Those of them whose ClientHello had come before, and whose answer was not sent then. */
  cookiesAwaited: number;
  /** Those of `cookiesSent` that would have been answered without a cookie under less load, with `cookies: 'under-load'`. */
  cookiesUnderLoad: number;
  /** ClientHellos without a cookie that began a handshake at once, with `cookies: 'under-load'`. */
  withoutCookie: number;
  /** Datagrams dropped because the endpoint is busy: its owner says so, or too many handshakes wait. */
  busy: number;
  /** Answers to addresses without an association that were not sent because of `maxAnswerRate`. */
  overRate: number;
  /** Fragments of ClientHellos kept until the rest arrives. */
  partHellos: number;
  /** Datagrams with a connection ID that no association has. */
  unknownConnectionIds: number;
  /** Datagrams without an association that are not ClientHellos, or cannot lead to a handshake. */
  rejected: number;
  /** ClientHellos with a valid cookie that got no association because a limit is reached. */
  refused: number;
  /** The same by reason. */
  readonly refusedBy: Refusals;
  /** Open sessions that were evicted for a new client. */
  sessionsEvicted: number;
  /** Unfinished handshakes that were evicted for a new client. */
  handshakesEvicted: number;
  /** Alerts repeated to clients that repeat a refused handshake. */
  alertsRepeated: number;
  /** Clients whose early data was accepted. */
  earlyAccepted: number;
  /** ClientHellos whose early data was refused, by reason; reasons without one are absent. */
  readonly earlyRefused: EarlyRefusals;
}

/**
 * Reasons without a refusal are absent.
 *
 * @example
 * ```ts
 * import type { Refusals } from 'datagram-tls';
 *
 * const refusals: Refusals = endpoint.refusals;
 * console.log(refusals.max_sessions ?? 0);
 * ```
 */
export type Refusals = Partial<Record<RefusalReason, number>>;

/**
 * Reasons without a refusal are absent.
 *
 * @example
 * ```ts
 * import type { EarlyRefusals } from 'datagram-tls';
 *
 * const refusals: EarlyRefusals = endpoint.earlyDataRefusals;
 * console.log(refusals.replayed ?? 0);
 * ```
 */
export type EarlyRefusals = Partial<Record<EarlyRefusal, number>>;

export function startCounting(): EndpointCounters {
  return {
    datagramsReceived: 0,
    bytesReceived: 0,
    serverSessions: 0,
    clientSessions: 0,
    handshakesCompleted: 0,
    handshakesBegun: 0,
    cookiesSent: 0,
    cookiesAwaited: 0,
    cookiesUnderLoad: 0,
    withoutCookie: 0,
    overRate: 0,
    partHellos: 0,
    busy: 0,
    unknownConnectionIds: 0,
    rejected: 0,
    refused: 0,
    refusedBy: {},
    sessionsEvicted: 0,
    handshakesEvicted: 0,
    alertsRepeated: 0,
    earlyAccepted: 0,
    earlyRefused: {},
  };
}
