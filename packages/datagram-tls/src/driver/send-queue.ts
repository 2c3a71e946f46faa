import { Precedence } from '../endpoint/unanswered.js';

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

/** Datagrams that wait to be sent. */
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
function shareOf(kind: SendKind): number {
  if (kind === 'application') return 1;
  return kind === 'handshake' ? 1 / 4 : 1 / 16;
}

/** Bounds the data that waits for the socket: above the limit datagrams are dropped and counted, as a router does. */
export class SendQueue {
  readonly drops: SendQueueDrops = { unvalidated: 0, handshake: 0, application: 0 };
  #socket: Backlog;
  readonly #paced: Backlog;
  readonly #limit: number;
  /** An upper bound of what waits: the last measurement, and everything sent since. Measuring each time costs more. */
  #waiting = 0;
  /** What waits in the socket, at the last measurement. */
  #inSocket = 0;
  readonly #precedence = new Precedence();

  /** `socket`: libuv's queue, which has no limit; `paced`: what waits for a later turn. `limit`: bytes; 0: none. */
  constructor(socket: Backlog, paced: Backlog, limit: number) {
    this.#socket = socket;
    this.#paced = paced;
    this.#limit = limit;
  }

  /** Another socket takes the place of the one before. */
  onSocket(socket: Backlog): void {
    this.#socket = socket;
  }

  /**
   * Whether a datagram of `size` bytes may go to the socket. If not, it is counted as dropped. `isFirst`: it answers
   * a ClientHello that came for the first time.
   */
  takes(size: number, kind: SendKind, isFirst = false): boolean {
    if (!this.hasRoom(size, kind, this.#precedence.partOf(isFirst))) {
      this.drops[kind]++;
      return false;
    }
    this.#waiting += size + DATAGRAM_COST;
    if (kind === 'unvalidated') this.#precedence.count(isFirst);
    return true;
  }

  /**
   * The same check without counting; in a part of the share. `own`: what its session has waiting for a later turn, at its
   * cost. A session that has filled as much as is left gets no more, so that those that wait for nothing find room.
   */
  hasRoom(size: number, kind: SendKind, part = 1, own = 0): boolean {
    if (this.#limit === 0) return true;
    const cost = size + DATAGRAM_COST;
    const most = this.#limit * shareOf(kind) * part - cost - own;
    if (this.#waiting <= most) return true;
    this.#measure();
    // An idle socket accepts one datagram, however small the limit.
    if (this.#waiting === 0 || this.#waiting <= most) return true;
    // What waits for a later turn is not before it: only memory is shared with that.
    return kind !== 'application' && this.#inSocket <= most && this.#waiting <= this.#limit - cost;
  }

  /** At least half of the limit is free, but for what waits for later turns. */
  get isHalfEmpty(): boolean {
    this.#measure();
    return this.#limit === 0 || this.#inSocket <= this.#limit / 2;
  }

  #measure(): void {
    this.#inSocket = costOf(this.#socket);
    this.#waiting = this.#inSocket + costOf(this.#paced);
  }
}

/** What waits, at its cost, bytes. */
export function costOf({ queuedBytes, queuedDatagrams }: Backlog): number {
  return queuedBytes + queuedDatagrams * DATAGRAM_COST;
}
