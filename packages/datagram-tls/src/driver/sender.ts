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
  /** Called when there is room again after `send` refused messages. */
  readonly ondrain: (() => void) | undefined;
}

/** The way out of one session: what it sends, what was refused, and when there is room again. */
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
  get drops(): { send_failed: number; peer_closed: number; send_queue_full: number } {
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

  get bufferedAmount(): number {
    const { port, entry } = this.#host;
    return entry === undefined ? 0 : (port?.bufferedAmount(entry) ?? 0);
  }

  /** Resolves when there is room, perhaps at once, or when the session ends. */
  get drained(): Promise<void> {
    return this.#watched()?.drained ?? Promise.resolve();
  }

  /** As {@link drained}, but in a later turn. */
  hasRoom(): Promise<void> {
    return this.#watched()?.later() ?? Promise.resolve();
  }

  /** As {@link offer}, but a message without room is dropped and counted. */
  send(bytes: Uint8Array, closing: boolean): Offered {
    const outcome = this.offer(bytes, closing);
    if (outcome === 'full') {
      this.#queueFull++;
      this.#host.port?.countRefused();
      this.#watched()?.onRefused();
    }
    return outcome;
  }

  /** Sends a message if there is room. `closing`: our close_notify was sent. */
  offer(bytes: Uint8Array, closing: boolean): Offered {
    const { port, entry, isOver } = this.#host;
    if (entry === undefined || port === undefined) {
      throw invalidState(
        isOver ? 'Session is destroyed' : 'Cannot send application data before the handshake completes',
      );
    }
    const { connection } = entry;
    // The peer's close_notify has arrived, but the application has not been told yet.
    if (!connection.maySend && connection.session !== undefined && !closing) {
      this.#peerClosed++;
      return 'peer-closed';
    }
    if (!port.hasRoom(entry, bytes.length) || port.isHeld(entry)) return 'full';
    return port.send(entry, bytes) ? 'sent' : 'over';
  }

  #watched(): DrainNotice | undefined {
    const { port, entry } = this.#host;
    if (port !== undefined && entry !== undefined)
      this.#notice ??= new DrainNotice(port, entry, () => this.#host.ondrain?.());
    return this.#notice;
  }
}
