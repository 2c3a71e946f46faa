import type { PeerAddress } from '../base/peer-address.js';
import type { TraceEvent } from '../connection/events.js';
import type { UnreadBudget } from './inbox.js';
import type { DTLSEndpointStats, SessionEnd } from './stats.js';

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
  onEarlyData(data: Buffer, session: S): void;
  /** The session keeps the process running, or does not. */
  onReference(session: S, referenced: boolean): void;
  /** The session is over. */
  onEnd(session: S, end: SessionEnd): void;
}
