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
/** The part of it that answers to ClientHellos that come for the first time may fill: the rest is for repeated ones. */
const FIRST_ANSWERS = 1 / 2;
/** Of so many answers one may be to a ClientHello that comes for the first time, however many are repeated. */
const FIRST_OF = 8;

/** Bounds the data that waits for the socket: above the limit datagrams are dropped and counted, as a router does. */
export class SendQueue {
  readonly drops: SendQueueDrops = { unvalidated: 0, handshake: 0, application: 0 };
  readonly #backlog: Backlog;
  readonly #limit: number;
  /** An upper bound of what waits: the last measurement, and everything sent since. Measuring each time costs more. */
  #waiting = 0;
  /** Datagrams for unvalidated addresses since the last answer to a first ClientHello. */
  #sinceFirst = 0;

  /** `limit`: bytes; 0: none. */
  constructor(backlog: Backlog, limit: number) {
    this.#backlog = backlog;
    this.#limit = limit;
  }

  /**
   * Whether a datagram of `size` bytes may go to the socket. If not, it is counted as dropped. `isFirst`: it answers
   * a ClientHello that came for the first time.
   */
  takes(size: number, kind: SendKind, isFirst = false): boolean {
    const share = isFirst && this.#sinceFirst < FIRST_OF - 1 ? FIRST_ANSWERS : 1;
    if (!this.hasRoom(size, kind, share)) {
      this.drops[kind]++;
      return false;
    }
    this.#waiting += size + DATAGRAM_COST;
    if (kind === 'unvalidated') this.#sinceFirst = isFirst ? 0 : this.#sinceFirst + 1;
    return true;
  }

  /** The same check without counting; in a part of the share. */
  hasRoom(size: number, kind: SendKind, part = 1): boolean {
    if (this.#limit === 0) return true;
    const most = this.#limit * SHARES[kind] * part - size - DATAGRAM_COST;
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
