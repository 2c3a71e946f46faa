import { invalidState } from '../base/errors.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import { DrainNotice } from './flow.js';
import type { Port } from './port.js';

/**
 * `full`: the send queue has no room; `peer-closed`, and `over` where our keys are used up: nothing can be sent any
 * more.
 */
export type Offered = 'sent' | 'full' | 'peer-closed' | 'over';

/** The way out of one session: what it sends, what was refused, and when there is room again. */
export class Sender {
  /** Messages that were not sent, and datagrams that the system refused. */
  readonly drops = { send_failed: 0, peer_closed: 0, send_queue_full: 0 };
  /** The last error of a datagram that the system refused. */
  error: Error | undefined;
  readonly #ondrain: () => void;
  #port: Port | undefined;
  #entry: ConnectionEntry | undefined;
  #ended = false;
  /** Created on demand. */
  #notice: DrainNotice | undefined;

  /** `ondrain` is called when there is room again after `send` refused messages. */
  constructor(ondrain: () => void) {
    this.#ondrain = ondrain;
  }

  /** The association exists from now on. */
  attach(port: Port, entry: ConnectionEntry): void {
    this.#port = port;
    this.#entry = entry;
  }

  /** The session is over. It keeps nothing of the association. */
  end(): void {
    this.#ended = true;
    this.#notice?.end();
    this.#notice = undefined;
    this.#port = undefined;
    this.#entry = undefined;
  }

  /** The system refused a datagram. */
  onError(error: Error): void {
    this.error = error;
    this.drops.send_failed++;
  }

  get bufferedAmount(): number {
    return this.#entry === undefined ? 0 : (this.#port?.bufferedAmount(this.#entry) ?? 0);
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
      this.drops.send_queue_full++;
      this.#port?.countRefused();
      this.#watched()?.onRefused();
    }
    return outcome;
  }

  /** Sends a message if there is room. `closing`: our close_notify was sent. */
  offer(bytes: Uint8Array, closing: boolean): Offered {
    const entry = this.#entry;
    const port = this.#port;
    if (entry === undefined || port === undefined) {
      throw invalidState(
        this.#ended ? 'Session is destroyed' : 'Cannot send application data before the handshake completes',
      );
    }
    const { connection } = entry;
    // The peer's close_notify has arrived, but the application has not been told yet.
    if (!connection.maySend && connection.session !== undefined && !closing) {
      this.drops.peer_closed++;
      return 'peer-closed';
    }
    if (!port.hasRoom(entry, bytes.length) || port.isHeld(entry)) return 'full';
    return port.send(entry, bytes) ? 'sent' : 'over';
  }

  #watched(): DrainNotice | undefined {
    const port = this.#port;
    const entry = this.#entry;
    if (port !== undefined && entry !== undefined)
      this.#notice ??= new DrainNotice(port, entry, this.#ondrain);
    return this.#notice;
  }
}
