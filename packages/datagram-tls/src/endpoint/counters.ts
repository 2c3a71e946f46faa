import type { EarlyRefusal } from '../handshake/actions.js';
import type { RefusalReason } from './places.js';

/** Datagrams without an association, and what became of them. */
export interface EndpointCounters {
  datagramsReceived: number;
  bytesReceived: number;
  serverSessions: number;
  clientSessions: number;
  /** ClientHellos answered with a request for a cookie. */
  cookiesSent: number;
  /** Datagrams dropped because the endpoint is busy. */
  busy: number;
  /** Parts of ClientHellos kept until the rest comes. */
  partHellos: number;
  /** Datagrams without an association that are no ClientHello, or one that cannot lead to anything. */
  rejected: number;
  /** ClientHellos with a good cookie that got no association because a limit is reached, and by reason. */
  refused: number;
  readonly refusedBy: Refusals;
  /** Open sessions that gave way to a new client, and associations that did before their handshake was done. */
  sessionsEvicted: number;
  handshakesEvicted: number;
  /** Alerts sent again to clients that repeat a refused handshake. */
  alertsRepeated: number;
  /** Clients whose early data was taken. */
  earlyAccepted: number;
  /** ClientHellos whose early data was not taken, by reason; a reason that never was is absent. */
  readonly earlyRefused: EarlyRefusals;
}

/** A reason that never was is absent. */
export type Refusals = Partial<Record<RefusalReason, number>>;

export type EarlyRefusals = Partial<Record<EarlyRefusal, number>>;

export function startCounting(): EndpointCounters {
  return {
    datagramsReceived: 0,
    bytesReceived: 0,
    serverSessions: 0,
    clientSessions: 0,
    cookiesSent: 0,
    partHellos: 0,
    busy: 0,
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
