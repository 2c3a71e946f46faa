import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';
import { looksLikeClientHello } from '../endpoint/split-hellos.js';
import { now, WakeUp } from './clock.js';
import type { HelloFilter } from './datagram-channel.js';
import { HelloAdmission } from './hello-admission.js';

/**
 * Handshakes that begin in one turn of the event loop. Each costs some milliseconds, and the system delivers up to 32
 * datagrams in one turn: timers, other sockets and open sessions would wait for all of them.
 */
export const HANDSHAKES_A_TURN = 8;

/** So many datagrams are all that libuv takes from a socket in one turn: others wait in the socket. */
const FULL_TURN = 32;
/** In so many turns after a full one each begins one handshake: meanwhile the system's buffer fills. */
const TURNS_AFTER_FULL = 64;

/** What may wait for later turns, bytes, and the cost of a datagram beside its length. */
const MAX_WAITING = 0x4_0000;
const DATAGRAM_COST = 512;
/**
 * One host with handshakes under way may have so many times as much waiting as it leaves to others, and so may all clients
 * without an association together: alone that is three quarters of the room, and none of them takes all of it.
 */
const MAX_TIMES_THE_REST = 3;

/** So many that continue handshakes go before one of a new client: a peer that floods its own handshake keeps nobody out. */
const UNDER_WAY_FIRST = 8;

interface Waiting {
  readonly datagram: Uint8Array;
  readonly from: PeerAddress;
  /** Of a handshake that is under way. */
  readonly host: string | undefined;
}

/**
 * Datagrams that have to wait for a later turn because they may begin a handshake, or continue one. Of these most go first:
 * they have cost us something. Those of one peer stay in order: a repeated ClientHello would begin another session behind the end
 * of the first.
 */
export class WaitingDatagrams {
  readonly #underWay = new Queue<Waiting>();
  readonly #new = new Queue<Waiting>();
  #held = 0;
  /** The part of it of each host with handshakes under way, and of new clients. */
  readonly #heldOf = new Map<string | undefined, number>();
  /** How many of those under way went first since one of a new client did. */
  #ahead = 0;

  get length(): number {
    return this.#underWay.length + this.#new.length;
  }

  /** Keeps a copy of `datagram`; `false` when too much waits already. `host`: that of its peer, which has an association. */
  push(datagram: Uint8Array, from: PeerAddress, host: string | undefined): boolean {
    if (host !== undefined && this.#new.length > 0) this.#bringForward(from, host);
    const cost = costOf(datagram);
    const held = (this.#heldOf.get(host) ?? 0) + cost;
    if (held > MAX_TIMES_THE_REST * (MAX_WAITING - this.#held - cost)) return false;
    this.#hold({ datagram: datagram.slice(), from, host });
    return true;
  }

  /** What has come of `from` before it had an association. */
  #bringForward(from: PeerAddress, host: string): void {
    const isFrom = (one: Waiting): boolean =>
      one.from.port === from.port && one.from.address === from.address;
    for (const earlier of this.#new.takeAll(isFrom)) {
      this.#release(earlier);
      this.#hold({ ...earlier, host });
    }
  }

  #hold(one: Waiting): void {
    const cost = costOf(one.datagram);
    this.#held += cost;
    this.#heldOf.set(one.host, (this.#heldOf.get(one.host) ?? 0) + cost);
    (one.host === undefined ? this.#new : this.#underWay).push(one);
  }

  shift(): Waiting | undefined {
    const isTurnOfNew = this.#ahead >= UNDER_WAY_FIRST && this.#new.length > 0;
    const underWay = isTurnOfNew ? undefined : this.#underWay.shift();
    this.#ahead = underWay === undefined ? 0 : this.#ahead + 1;
    const first = underWay ?? this.#new.shift();
    if (first !== undefined) this.#release(first);
    return first;
  }

  #release({ datagram, host }: Waiting): void {
    const cost = costOf(datagram);
    const left = (this.#heldOf.get(host) ?? 0) - cost;
    this.#held -= cost;
    if (left > 0) this.#heldOf.set(host, left);
    else this.#heldOf.delete(host);
  }

  clear(): void {
    this.#underWay.clear();
    this.#new.clear();
    this.#heldOf.clear();
    this.#held = 0;
  }
}

function costOf(datagram: Uint8Array): number {
  return datagram.length + DATAGRAM_COST;
}

/** The part of the time that handshakes may take while sessions are in use. */
const SHARE = 1 / 8;
/**
 * How long after a message of a session sessions count as in use, ms. A peer that is farther away than this does not notice
 * that its message waited for a handshake.
 */
const IN_USE: Duration = 1;
/** So long after a message ClientHellos wait for the end of the turn, ms: behind them may be more messages. */
const IN_USE_LATELY: Duration = 1000;
/**
 * What it costs to read a datagram, ms: most of it is spent in the system and the runtime, before the first clock is looked at.
 * At most half of their share pays for reading, so that handshakes go on in any flood; what is left after a burst is bounded.
 */
const READING: Duration = 0.004;
const MAX_READING: Duration = 1;
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
  /** What was spent on reading, and is not paid for yet. */
  #reading: Duration = 0;
  /** Until then the credit is counted. */
  #at: Instant;
  #inUseUntil: Instant;
  /** There was a message; {@link #inUseUntil} is about one. */
  #wasInUse = false;

  constructor(clock: () => Instant) {
    this.#clock = clock;
    this.#at = clock();
    this.#inUseUntil = this.#at;
  }

  /**
   * An authentic message of a session came, at the instant `at` if that is known; or more datagrams wait in the socket, and
   * may be such messages. While another process had our core nothing was counted, and the message may have waited for all
   * of that time. So that time does not count as time in which no session was in use.
   */
  onBusy(at?: Instant): void {
    // A message that came during the last handshake is told of behind it.
    const now = at === undefined ? this.#clock() : Math.max(at, this.#at);
    if (now > this.#inUseUntil) {
      this.#at = Math.max(this.#at, now - IN_USE);
      this.#inUseUntil = now;
      this.#count(now);
    }
    this.#inUseUntil = now + IN_USE;
    this.#wasInUse = true;
  }

  /** Whether sessions were in use a short while ago. */
  get wasInUseLately(): boolean {
    if (this.#wasInUse) this.#wasInUse = this.#clock() < this.#inUseUntil + IN_USE_LATELY;
    return this.#wasInUse;
  }

  /** A datagram of a handshake was read, which waits or is dropped. */
  onRead(): void {
    this.#reading = Math.min(this.#reading + READING, MAX_READING);
  }

  /** 0: a handshake may go on now; otherwise ms until one may, if no message comes. */
  get wait(): Duration {
    const now = this.#clock();
    if (now >= this.#inUseUntil) return 0;
    this.#count(now);
    if (this.#credit > 0) return 0;
    const share = this.#reading > 0 ? SHARE / 2 : SHARE;
    return Math.min(-this.#credit / share, this.#inUseUntil - now);
  }

  /** Does `work` for a handshake, and counts the time that it takes. Nothing of sessions could come meanwhile. */
  spend(work: () => void): void {
    const start = this.begin();
    try {
      work();
    } finally {
      this.end(start);
    }
  }

  /** Work for a handshake begins; the result is for {@link end}. */
  begin(): Instant {
    const start = this.#clock();
    this.#count(start);
    return start;
  }

  /** The work that began at `start` is done. */
  end(start: Instant): void {
    this.#at = this.#clock();
    const spent = this.#at - start;
    this.#credit = Math.max(this.#credit - spent, -MAX_DEBT);
    this.#inUseUntil += spent;
  }

  /** The credit grows by all of the time in which no session was in use, and by the share of the other. */
  #count(now: Instant): void {
    const passed = Math.max(now - this.#at, 0);
    const quiet = Math.min(Math.max(now - this.#inUseUntil, 0), passed);
    const share = (passed - quiet) * SHARE;
    const read = Math.min(this.#reading, share / 2);
    this.#reading = Math.max(this.#reading - read - quiet, 0);
    this.#credit = Math.min(this.#credit + quiet + share - read, MAX_CREDIT);
    this.#at = now;
  }
}

/** What {@link HandshakeTurns} needs of its port. */
export interface TurnsHost {
  /** Handshakes that have begun so far. */
  readonly handshakesBegun: number;
  /** Whether a datagram is part of a handshake, or may begin one. */
  mayConcernHandshake(datagram: Uint8Array, from: PeerAddress): boolean;
  /** The host of a peer with which there is a handshake. */
  hostUnderWay(from: PeerAddress): string | undefined;
  receive(datagram: Uint8Array, from: PeerAddress, atFormer: boolean): void;
  /** `undefined`: the system lets each ClientHello through. */
  readonly helloFilter: HelloFilter | undefined;
  /** The system has dropped so many datagrams. */
  onFiltered(count: number): void;
  /** {@link HandshakeTurns.onEndOfTurn} is to be called. */
  awaitEndOfTurn(): void;
}

/** The content type of handshake messages in plaintext, with which every datagram of a new client begins. */
const HANDSHAKE_RECORD = 22;

/** A guess that costs nothing; {@link TurnsHost.mayConcernHandshake} knows. */
export function looksLikeHandshake(datagram: Uint8Array): boolean {
  return datagram[0] === HANDSHAKE_RECORD;
}

/** Decides in which turn of the event loop the datagrams of handshakes are received; others are received at once. */
export class HandshakeTurns {
  readonly #host: TurnsHost;
  readonly #waiting = new WaitingDatagrams();
  readonly #share = new HandshakeShare(now);
  /** Looks again at what waits for its share, behind the messages that have come meanwhile. */
  readonly #nextShare = new WakeUp(() => this.#host.awaitEndOfTurn());
  readonly #admission = new HelloAdmission();
  /** An interval of it is over. */
  readonly #nextAdmission = new WakeUp(() => this.#adjustAdmission());
  /** ClientHellos are counted: one found no room, or not all are admitted. */
  #isAdmitting = false;
  /** Handshakes that had begun before this turn. */
  #begunBefore = 0;
  /** The datagram at hand has waited. */
  #isLate = false;
  /** Datagrams of this turn. */
  #arrived = 0;
  /** Messages of this turn; 1 where all but the first are counted. */
  #messages = 0;
  /** Turns in which more datagrams are expected to wait in the socket. */
  #crowdedTurns = 0;

  constructor(host: TurnsHost) {
    this.#host = host;
  }

  /** More handshakes come than one turn takes. */
  get areBehind(): boolean {
    return this.#waiting.length > 0 || this.#isLate;
  }

  /** Receives the datagram now or in a later turn; `false` when too much waits already. */
  take(datagram: Uint8Array, from: PeerAddress, atFormer: boolean): boolean {
    const host = this.#host;
    this.#arrived++;
    if (this.#isAdmitting && looksLikeClientHello(datagram)) this.#admission.onAdmitted();
    if (this.#hasToWait(datagram, from)) {
      this.#share.onRead();
      const isKept = this.#waiting.push(datagram, from, host.hostUnderWay(from));
      if (isKept) this.#awaitShare();
      else if (looksLikeClientHello(datagram)) this.#onHelloDropped();
      return isKept;
    }
    if (looksLikeHandshake(datagram)) this.#receive(datagram, from, atFormer);
    else host.receive(datagram, from, atFormer);
    return true;
  }

  /** Does `work` for a handshake now, at the expense of later ones. */
  spend(work: () => void): void {
    this.#share.spend(work);
  }

  /** An authentic message of a session came, `at` if the clock was read. It is read again where that matters. */
  onMessage(at?: Instant): void {
    if (this.#messages++ === 0) this.#share.onBusy(at);
  }

  /** The last message of this turn came just now. */
  #countMessages(): void {
    if (this.#messages > 1) this.#share.onBusy();
    this.#messages = Math.min(this.#messages, 1);
  }

  /** Receives what has waited, as far as it may. */
  onEndOfTurn(): void {
    const host = this.#host;
    this.#countMessages();
    this.#messages = 0;
    this.#begunBefore = host.handshakesBegun;
    this.#crowdedTurns = this.#arrived >= FULL_TURN ? TURNS_AFTER_FULL : Math.max(this.#crowdedTurns - 1, 0);
    if (this.#arrived >= FULL_TURN) this.#share.onBusy();
    this.#arrived = 0;
    while (this.#waiting.length > 0 && !this.#turnIsFull() && this.#share.wait === 0) {
      const first = this.#waiting.shift();
      if (first === undefined) break;
      this.#isLate = true;
      try {
        this.#receive(first.datagram, first.from, false);
      } finally {
        this.#isLate = false;
      }
    }
    if (this.#waiting.length > 0) this.#awaitShare();
  }

  /** Without a closure for each datagram. */
  #receive(datagram: Uint8Array, from: PeerAddress, atFormer: boolean): void {
    if (this.#isAdmitting && looksLikeClientHello(datagram)) this.#admission.onHandled();
    const start = this.#share.begin();
    try {
      this.#host.receive(datagram, from, atFormer);
    } finally {
      this.#share.end(start);
    }
  }

  /** Whether its timer keeps the process running. */
  setReferenced(referenced: boolean): void {
    this.#nextShare.setReferenced(referenced);
    this.#nextAdmission.setReferenced(referenced);
  }

  /** The endpoint is over: what waits is forgotten. */
  stop(): void {
    this.#waiting.clear();
    this.#nextShare.stop();
    this.#nextAdmission.stop();
  }

  /** Datagrams of open sessions do not; those of one peer stay in order. */
  #hasToWait(datagram: Uint8Array, from: PeerAddress): boolean {
    if (looksLikeHandshake(datagram)) this.#countMessages();
    if (this.#waiting.length === 0 && !this.#turnIsFull())
      if (!looksLikeHandshake(datagram) || (!this.#share.wasInUseLately && this.#share.wait === 0))
        return false;
    return this.#host.mayConcernHandshake(datagram, from);
  }

  #turnIsFull(): boolean {
    const most = this.#crowdedTurns > 0 ? 1 : HANDSHAKES_A_TURN;
    return this.#host.handshakesBegun - this.#begunBefore >= most;
  }

  /** The first one begins to be counted, with those after it. */
  #onHelloDropped(): void {
    const admission = this.#admission;
    if (!this.#isAdmitting) {
      const filter = this.#host.helloFilter;
      if (filter === undefined) return;
      this.#isAdmitting = true;
      // What found no room in the socket before is not ours to count.
      filter.takeDropped();
      admission.begin(now());
      this.#nextAdmission.arm(admission.until);
    }
    admission.onDropped();
    if (admission.isFlooded) this.#adjustAdmission();
  }

  #adjustAdmission(): void {
    if (!this.#isAdmitting) return;
    const filter = this.#host.helloFilter;
    const admission = this.#admission;
    const unread = filter?.takeDropped() ?? 0;
    if (unread > 0) this.#host.onFiltered(unread);
    admission.adjust(unread, now());
    this.#isAdmitting = filter?.admit(admission.share) === true && admission.share < 1;
    if (this.#isAdmitting) this.#nextAdmission.arm(admission.until);
  }

  /** What waits goes on at the end of this turn, or when handshakes have a share of the time again. */
  #awaitShare(): void {
    const { wait } = this.#share;
    if (wait === 0) this.#host.awaitEndOfTurn();
    else this.#nextShare.arm(now() + wait);
  }
}
