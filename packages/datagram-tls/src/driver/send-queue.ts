/**
 * What a datagram is, in the order in which it is dropped when datagrams are made faster than they leave: an answer to an address that
 * is not validated, a part of a handshake, anything of an open session.
 */
export type SendKind = 'unvalidated' | 'handshake' | 'application';

/** How often each was dropped. */
export type SendQueueDrops = Record<SendKind, number>;

/** What waits to be sent, in libuv, which has no limit of its own. */
export interface Backlog {
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
}

/** What a queued datagram costs beside its bytes: libuv's request, its object and its buffer, bytes. */
const DATAGRAM_COST = 512;
/**
 * The parts of the limit that each may fill. That of unvalidated addresses is so small that a flood of ClientHellos delays all others by
 * a fraction of a second on a link of 2 Mbit/s.
 */
const SHARES: Readonly<Record<SendKind, number>> = { unvalidated: 1 / 16, handshake: 1 / 4, application: 1 };

/** Bounds what waits for a socket that takes no more: beyond the limit datagrams are dropped and counted, as a router does. */
export class SendQueue {
  readonly drops: SendQueueDrops = { unvalidated: 0, handshake: 0, application: 0 };
  readonly #backlog: Backlog;
  readonly #limit: number;
  /** The most that may wait: what did when it was last measured, and all that was sent since. To measure each time costs more. */
  #waiting = 0;

  /** `limit`: bytes; 0: none. */
  constructor(backlog: Backlog, limit: number) {
    this.#backlog = backlog;
    this.#limit = limit;
  }

  /** Whether a datagram of `size` bytes may go to the socket; if not it is counted as dropped. */
  takes(size: number, kind: SendKind): boolean {
    const cost = size + DATAGRAM_COST;
    if (!this.hasRoom(size, kind)) {
      this.drops[kind]++;
      return false;
    }
    this.#waiting += cost;
    return true;
  }

  /** The same without the datagram: nothing is counted. */
  hasRoom(size: number, kind: SendKind): boolean {
    if (this.#limit === 0) return true;
    const most = this.#limit * SHARES[kind] - size - DATAGRAM_COST;
    if (this.#waiting <= most) return true;
    const { queuedBytes, queuedDatagrams } = this.#backlog;
    this.#waiting = queuedBytes + queuedDatagrams * DATAGRAM_COST;
    // An idle socket takes one datagram, however small the limit.
    return this.#waiting === 0 || this.#waiting <= most;
  }
}
