import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';

/**
 * Handshakes that begin in one turn of the event loop. Each costs some milliseconds, and the system delivers up to 32
 * datagrams in one turn: timers, other sockets and open sessions would wait for all of them.
 */
export const HANDSHAKES_A_TURN = 8;

/** So many datagrams are all that libuv takes from a socket in one turn: others wait in the socket. */
export const FULL_TURN = 32;
/** In so many turns after a full one each begins one handshake: meanwhile the system's buffer fills. */
export const TURNS_AFTER_FULL = 64;

/** What may wait for later turns, bytes, and the cost of a datagram beside its length. */
const MAX_WAITING = 0x4_0000;
const DATAGRAM_COST = 512;
/** The part of it for clients without an association. What is left is for handshakes that have cost us something. */
const MAX_WAITING_NEW = (MAX_WAITING / 4) * 3;

interface Waiting {
  readonly datagram: Uint8Array;
  readonly from: PeerAddress;
}

/** Datagrams that have to wait for a later turn because they may begin a handshake, or continue one, which comes first. */
export class WaitingDatagrams {
  readonly #underWay = new Queue<Waiting>();
  readonly #new = new Queue<Waiting>();
  #held = 0;

  get length(): number {
    return this.#underWay.length + this.#new.length;
  }

  /** Keeps a copy of `datagram`; `false` when too much waits already. `underWay`: its peer has an association. */
  push(datagram: Uint8Array, from: PeerAddress, underWay: boolean): boolean {
    const cost = datagram.length + DATAGRAM_COST;
    if (this.#held + cost > (underWay ? MAX_WAITING : MAX_WAITING_NEW)) return false;
    this.#held += cost;
    (underWay ? this.#underWay : this.#new).push({ datagram: datagram.slice(), from });
    return true;
  }

  shift(): Waiting | undefined {
    const first = this.#underWay.shift() ?? this.#new.shift();
    if (first !== undefined) this.#held -= first.datagram.length + DATAGRAM_COST;
    return first;
  }

  clear(): void {
    this.#underWay.clear();
    this.#new.clear();
    this.#held = 0;
  }
}

/** The part of the time that handshakes may take while sessions are in use. */
const SHARE = 1 / 8;
/**
 * How long after a message of a session sessions count as in use, ms. A peer that is farther away than this does not notice
 * that its message waited for a handshake.
 */
const IN_USE: Duration = 1;
/** What handshakes may save up of their share, and what they may owe, ms. */
const MAX_CREDIT: Duration = 2;
const MAX_DEBT: Duration = 8;

/**
 * How much of the time handshakes take: all of it while no session is in use, and an eighth otherwise (ADR 64). Times are
 * those of `clock`.
 */
export class HandshakeShare {
  readonly #clock: () => Instant;
  #credit: Duration = MAX_CREDIT;
  /** Until then the credit is counted. */
  #at: Instant;
  #inUseUntil: Instant;

  constructor(clock: () => Instant) {
    this.#clock = clock;
    this.#at = clock();
    this.#inUseUntil = this.#at;
  }

  /** An authentic message of a session came, or more datagrams wait in the socket, which may be such messages. */
  onBusy(): void {
    const now = this.#clock();
    if (now > this.#inUseUntil) this.#count(now);
    this.#inUseUntil = now + IN_USE;
  }

  /** 0: a handshake may go on now; otherwise ms until one may, if no message comes. */
  get wait(): Duration {
    const now = this.#clock();
    if (now >= this.#inUseUntil) return 0;
    this.#count(now);
    return this.#credit > 0 ? 0 : Math.min(-this.#credit / SHARE, this.#inUseUntil - now);
  }

  /** Does `work` for a handshake, and counts the time that it takes. Nothing of sessions could come meanwhile. */
  spend(work: () => void): void {
    const start = this.#clock();
    this.#count(start);
    try {
      work();
    } finally {
      this.#at = this.#clock();
      const spent = this.#at - start;
      this.#credit = Math.max(this.#credit - spent, -MAX_DEBT);
      this.#inUseUntil += spent;
    }
  }

  /** The credit grows by all of the time in which no session was in use, and by the share of the other. */
  #count(now: Instant): void {
    const passed = Math.max(now - this.#at, 0);
    const quiet = Math.min(Math.max(now - this.#inUseUntil, 0), passed);
    this.#credit = Math.min(this.#credit + quiet + (passed - quiet) * SHARE, MAX_CREDIT);
    this.#at = now;
  }
}
