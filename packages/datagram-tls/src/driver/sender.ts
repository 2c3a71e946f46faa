import { invalidState } from '../base/errors.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import { DrainNotice } from './flow.js';
import type { Port } from './port.js';

/**
 * `full`: the send queue has no room; `peer-closed`, and `over` where our keys are used up: nothing can be sent any
 * more.
 */
export type Offered = 'sent' | 'full' | 'peer-closed' | 'over';

/** What it needs of its session. */
export interface SenderHost {
  readonly port: Port | undefined;
  /** `undefined` before the association begins and after the end. */
  readonly entry: ConnectionEntry | undefined;
  readonly isOver: boolean;
  /** Our close_notify was sent, or is about to be. */
  readonly isClosing: boolean;
  /** Called when there is room again after `send` refused messages. */
  readonly ondrain: (() => void) | undefined;
}

/** Sends a message of a session if there is room. */
export function offer({ port, entry, isOver, isClosing }: SenderHost, bytes: Uint8Array): Offered {
  if (entry === undefined || port === undefined) {
    throw invalidState(
      isOver ? 'Session is destroyed' : 'Cannot send application data before the handshake completes',
    );
  }
  const { connection } = entry;
  // The peer's close_notify has arrived, but the application has not been told yet.
  if (!connection.maySend && connection.session !== undefined && !isClosing) return 'peer-closed';
  if (!port.hasRoom(entry, bytes.length) || port.isHeld(entry)) return 'full';
  return port.send(entry, bytes) ? 'sent' : 'over';
}

/** As {@link Sender.drops} of a session that has none. */
export const NOTHING_REFUSED = { send_failed: 0, peer_closed: 0, send_queue_full: 0 };

/** What was refused on the way out of one session, and when there is room again; made when that is asked first. */
export class Sender {
  /** The last error of a datagram that the system refused. */
  error: Error | undefined;
  readonly #host: SenderHost;
  /** Created on demand. */
  #notice: DrainNotice | undefined;
  #failed = 0;
  #peerClosed = 0;
  #queueFull = 0;

  constructor(host: SenderHost) {
    this.#host = host;
  }

  /** Messages that were not sent, and datagrams that the system refused. */
  get drops(): Readonly<typeof NOTHING_REFUSED> {
    return { send_failed: this.#failed, peer_closed: this.#peerClosed, send_queue_full: this.#queueFull };
  }

  /** The session is over. */
  end(): void {
    this.#notice?.end();
    this.#notice = undefined;
  }

  /** The system refused a datagram. */
  onError(error: Error): void {
    this.error = error;
    this.#failed++;
  }

  /** Resolves when there is room, perhaps at once, or when the session ends. */
  get drained(): Promise<void> {
    return this.#watched()?.drained ?? Promise.resolve();
  }

  /** As {@link drained}, but in a later turn. */
  hasRoom(): Promise<void> {
    return this.#watched()?.later() ?? Promise.resolve();
  }

  /** A message found no room, and is dropped. */
  onFull(): void {
    this.#queueFull++;
    this.#host.port?.countRefused();
    this.#watched()?.onRefused();
  }

  /** A message was for a peer that has closed. */
  onPeerClosed(): void {
    this.#peerClosed++;
  }

  #watched(): DrainNotice | undefined {
    const { port, entry } = this.#host;
    if (port !== undefined && entry !== undefined)
      this.#notice ??= new DrainNotice(port, entry, () => this.#host.ondrain?.());
    return this.#notice;
  }
}
