import type { PeerAddress } from '../base/peer-address.js';
import type { ConnectionEvent, TraceEvent } from '../connection/events.js';
import type { ConnectionEntry, Holder } from '../endpoint/connection-entry.js';
import type { HeldEvents } from './callbacks.js';
import type { UnreadBudget } from './inbox.js';
import type { Port } from './port.js';
import type { Lineage } from './sealed-state.js';
import type { DTLSEndpointStats, SessionEnd, SessionSource } from './stats.js';

/**
 * The public view of a session's endpoint; every one is a {@link DTLSEndpoint}.
 *
 * @example
 * ```ts
 * import type { SessionEndpoint } from 'datagram-tls';
 *
 * const port: SessionEndpoint = session.endpoint;
 * console.log(port.address?.port);
 * ```
 */
export interface SessionEndpoint {
  readonly address: PeerAddress | undefined;
  readonly opened: Promise<PeerAddress>;
  readonly closed: Promise<void>;
  readonly destroyed: boolean;
  readonly stats: DTLSEndpointStats;
  busy: boolean;
  close(): Promise<void>;
  destroy(error?: Error): void;
  ref(): this;
  unref(): this;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Shared by the sessions of one endpoint. */
export interface SharedBySessions<S> {
  readonly endpoint: SessionEndpoint;
  /** Messages and bytes that one session keeps unread. */
  readonly inboxLimits: { readonly messages: number; readonly bytes: number };
  readonly unread: UnreadBudget;
  readonly trace: ((event: TraceEvent, session: S) => void) | undefined;
  /** No other session needs the socket. */
  isAlone(): boolean;
  onEarlyData(data: Buffer, session: S): void;
  /** The session keeps the process running, or does not. */
  onReference(session: S, referenced: boolean): void;
  /** The session is over. */
  onEnd(session: S, end: SessionEnd): void;
}

/** How an endpoint drives its sessions. */
export interface SessionControl<S> {
  /** `held`: of a client session, until its maker has it. */
  create: (shared: SharedBySessions<S>, serverName: string | undefined, held?: HeldEvents) => S;
  /** Its association exists from now on. */
  attach: (session: S, port: Port, entry: ConnectionEntry) => void;
  /** It goes on from a state of this lineage. */
  goOn: (session: S, lineage: Lineage) => void;
  onEvent: (session: S, event: ConnectionEvent) => void;
  /** A datagram was not sent, which may explain a handshake timeout. */
  onSendError: (session: S, error: Error) => void;
  fail: (session: S, error: Error) => void;
  /** The transport has ended. A session that is closing does not fail by that. */
  cut: (session: S, error: Error) => void;
  /** A callback for the session threw. `unheard` is called where the application does not know the error yet. */
  failBy: (session: S, thrown: unknown, unheard: (thrown: unknown) => void) => void;
  /** What its statistics are read from. */
  counts: (session: S) => SessionSource;
  /** Its inside, which has its entry. */
  holderOf: (session: S) => Holder;
  /** The session that {@link holderOf} returned it for. */
  heldBy: (holder: Holder) => S | undefined;
}
