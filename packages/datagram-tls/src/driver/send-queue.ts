/**
 * The kinds of datagrams, in the order in which they are dropped when the socket cannot keep up: an answer to an
 * unvalidated address, a part of a handshake, anything of an open session.
 *
 * @example
 * ```ts
 * import type { SendKind } from 'datagram-tls';
 *
 * const lostFirst: SendKind = 'unvalidated';
 * ```
 */
export type SendKind = 'unvalidated' | 'handshake' | 'application';

/**
 * How often each was dropped.
 *
 * @example
 * ```ts
 * import type { SendQueueDrops } from 'datagram-tls';
 *
 * const drops: SendQueueDrops = endpoint.sendQueueDrops;
 * console.log(Object.entries(drops));
 * ```
 */
export type SendQueueDrops = Record<SendKind, number>;

/** Datagrams that wait to be sent: for a later turn, and in libuv, which has no limit. */
export interface Backlog {
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
}

/** The cost of a queued datagram beside its bytes: libuv's request, its object and its buffer, bytes. */
const DATAGRAM_COST = 512;
/**
 * The share of the limit that each kind may fill. That of unvalidated addresses is so small that a flood of
 * ClientHellos delays all others by a fraction of a second on a link of 2 Mbit/s.
 */
const SHARES: Readonly<Record<SendKind, number>> = { unvalidated: 1 / 16, handshake: 1 / 4, application: 1 };

/** Bounds the data that waits for the socket: above the limit datagrams are dropped and counted, as a router does. */
export class SendQueue {
  readonly drops: SendQueueDrops = { unvalidated: 0, handshake: 0, application: 0 };
  readonly #backlog: Backlog;
  readonly #limit: number;
  /** An upper bound of what waits: the last measurement, and everything sent since. Measuring each time costs more. */
  #waiting = 0;

  /** `limit`: bytes; 0: none. */
  constructor(backlog: Backlog, limit: number) {
    this.#backlog = backlog;
    this.#limit = limit;
  }

  /** Whether a datagram of `size` bytes may go to the socket. If not, it is counted as dropped. */
  takes(size: number, kind: SendKind): boolean {
    const cost = size + DATAGRAM_COST;
    if (!this.hasRoom(size, kind)) {
      this.drops[kind]++;
      return false;
    }
    this.#waiting += cost;
    return true;
  }

  /** The same check without counting. */
  hasRoom(size: number, kind: SendKind): boolean {
    if (this.#limit === 0) return true;
    const most = this.#limit * SHARES[kind] - size - DATAGRAM_COST;
    if (this.#waiting <= most) return true;
    this.#measure();
    // An idle socket accepts one datagram, however small the limit.
    return this.#waiting === 0 || this.#waiting <= most;
  }

  /** At least half of the limit is free. */
  get isHalfEmpty(): boolean {
    this.#measure();
    return this.#limit === 0 || this.#waiting <= this.#limit / 2;
  }

  #measure(): void {
    const { queuedBytes, queuedDatagrams } = this.#backlog;
    this.#waiting = queuedBytes + queuedDatagrams * DATAGRAM_COST;
  }
}
