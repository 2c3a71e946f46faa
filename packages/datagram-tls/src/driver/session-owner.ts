import type { ConnectionEvent, TraceEvent } from '../connection/events.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { PeerAddress } from '../endpoint/peer.js';
import type { InboxLimits, UnreadBudget } from './inbox.js';
import type { DTLSEndpointStats } from './stats.js';

/** What a session shows of the endpoint it is on; every one is a DTLSEndpoint. */
export interface SessionEndpoint {
  readonly address: PeerAddress | undefined;
  readonly opened: Promise<PeerAddress>;
  readonly closed: Promise<void>;
  readonly destroyed: boolean;
  readonly stats: DTLSEndpointStats;
  busy: boolean;
  close(): Promise<void>;
  destroy(error?: Error): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a session of type `S` asks of the endpoint it belongs to. */
export interface SessionOwner<S> {
  readonly endpoint: SessionEndpoint;
  readonly inboxLimits: InboxLimits;
  readonly unread: UnreadBudget;
  readonly trace: ((event: TraceEvent, session: S) => void) | undefined;
  /** Whether a message of `size` bytes may be sent now; if not it is dropped, as too much waits for the socket. */
  takes(size: number): boolean;
  /** Returns false where the keys of the session are spent, so that it ends. */
  send(entry: ConnectionEntry, data: Uint8Array): boolean;
  updateKeys(entry: ConnectionEntry, requestPeer: boolean): void;
  close(entry: ConnectionEntry): void;
  abandon(entry: ConnectionEntry): void;
  onEarlyData(data: Uint8Array, session: S): void;
  onTicketKeysFailed(error: Error): void;
  /** The session is over. */
  release(session: S): void;
}

/** How the endpoint drives a session of type `S`. */
export interface SessionControl<S> {
  readonly session: S;
  attach(entry: ConnectionEntry): void;
  onEvent(event: ConnectionEvent): void;
  /** The system refused to send a datagram of the handshake, which may be why it then takes too long. */
  onSendError(error: Error): void;
  fail(error: Error): void;
}
