import { withOwnMemory } from '../base/byte-pool.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { Outgoing } from '../endpoint/ready-queue.js';
import { now, WakeUp } from './clock.js';
import { Deferred } from './deferred.js';
import { attempt, throwLater } from './guard.js';
import { costOf } from './send-queue.js';

/**
 * The cost that one session may hand to the socket in one turn of the event loop. The system's default receive buffer
 * holds five times as much, and a receiver on libuv reads 32 datagrams a turn.
 */
const TURN_COST = 0x4000;
/** What a datagram costs at least: small ones take room in receive buffers, too. */
const MIN_COST = TURN_COST / 16;
/** Answers in a turn that cost nothing: as many as the datagrams that libuv reads in one. */
const FREE_ANSWERS = 32;

/**
 * Datagrams of sessions that send more in one turn than a receiver can take: they wait for later turns. A socket
 * accepts datagrams much faster than receivers read them, and what overflows their buffers is lost without a trace.
 */
export class Pacer {
  /** What waits. */
  queuedBytes = 0;
  queuedDatagrams = 0;
  readonly #onBusy: () => void;
  /** Where the datagram at hand came from; `undefined`: there is none, or it is answered. */
  #from: PeerAddress | undefined;
  #received = 0;
  #freeAnswers = FREE_ANSWERS;
  /** The cost of everything since the last turn that was noted. */
  #cost = 0;
  /** The cost of each session in this turn; empty while all together are below the limit of one. */
  readonly #costs = new Map<ConnectionEntry, number>();
  #hasCosts = false;
  readonly #waiting = new Map<ConnectionEntry, { readonly queue: Queue<Outgoing>; bytes: number }>();

  /** `onBusy`: {@link nextTurn} has to be called when this turn is over. */
  constructor(onBusy: () => void) {
    this.#onBusy = onBusy;
  }

  /** Bytes of `entry` that wait. */
  bytesOf(entry: ConnectionEntry): number {
    return this.#waiting.get(entry)?.bytes ?? 0;
  }

  /** The same at its cost. */
  costOf(entry: ConnectionEntry): number {
    if (this.queuedDatagrams === 0) return 0;
    const waiting = this.#waiting.get(entry);
    if (waiting === undefined) return 0;
    return costOf({ queuedBytes: waiting.bytes, queuedDatagrams: waiting.queue.length });
  }

  /**
   * A datagram of `length` bytes came, until {@link onHandled}. Its sender has room for one answer that costs no more: it sent
   * as many as it takes itself.
   */
  onReceived(length: number, from: PeerAddress): void {
    this.#from = from;
    this.#received = Math.max(length, MIN_COST);
  }

  onHandled(): void {
    this.#from = undefined;
  }

  /** Whether `out` has to wait; then it is kept. Order within a session is kept. */
  keeps(out: Outgoing): boolean {
    const { entry, data } = out;
    if (entry === undefined) return false;
    const cost = Math.max(data.length, MIN_COST);
    const isBehind = this.queuedDatagrams > 0 && this.#waiting.has(entry);
    if (!isBehind && this.#spendFree(out, cost)) return false;
    this.#cost += cost;
    if (this.#cost <= TURN_COST && this.queuedDatagrams === 0) return false;
    this.#onBusy();
    if (!this.#waiting.has(entry)) {
      const before = this.#costs.get(entry) ?? 0;
      this.#count(entry, before + cost);
      if (before < TURN_COST) return false;
    }
    this.#keep(entry, out);
    return true;
  }

  /** A turn is over: hands out what may go now, for each session as much as one turn takes. */
  nextTurn(send: (out: Outgoing) => void): void {
    this.#cost = 0;
    this.#freeAnswers = FREE_ANSWERS;
    // In most turns it is empty. `clear` would make its table anew all the same, and V8 makes a call for `size`.
    if (this.#hasCosts) this.#costs.clear();
    this.#hasCosts = false;
    if (this.queuedDatagrams === 0) return;
    for (const entry of [...this.#waiting.keys()]) this.#count(entry, this.#release(entry, TURN_COST, send));
    if (this.queuedDatagrams > 0) this.#onBusy();
  }

  /** Hands out everything of `entry`. */
  releaseOf(entry: ConnectionEntry, send: (out: Outgoing) => void): void {
    this.#release(entry, Number.POSITIVE_INFINITY, send);
  }

  /** Hands out everything. */
  releaseAll(send: (out: Outgoing) => void): void {
    for (const entry of [...this.#waiting.keys()]) this.#release(entry, Number.POSITIVE_INFINITY, send);
  }

  /** Whether it answers the datagram at hand for nothing, which then has no other such answer. */
  #spendFree({ peer }: Outgoing, cost: number): boolean {
    const from = this.#from;
    if (from === undefined || cost > this.#received || this.#freeAnswers === 0) return false;
    if (peer.port !== from.port || peer.address !== from.address) return false;
    this.#from = undefined;
    this.#freeAnswers--;
    return true;
  }

  #count(entry: ConnectionEntry, cost: number): void {
    this.#costs.set(entry, cost);
    this.#hasCosts = true;
  }

  #keep(entry: ConnectionEntry, out: Outgoing): void {
    const waiting = this.#waiting.get(entry) ?? { queue: new Queue<Outgoing>(), bytes: 0 };
    this.#waiting.set(entry, waiting);
    // A few bytes that wait must not keep alive the memory of many that have left.
    waiting.queue.push({ ...out, data: withOwnMemory(out.data) });
    waiting.bytes += out.data.length;
    this.queuedBytes += out.data.length;
    this.queuedDatagrams++;
  }

  /** Returns the cost of what it handed out. */
  #release(entry: ConnectionEntry, most: number, send: (out: Outgoing) => void): number {
    const waiting = this.#waiting.get(entry);
    let cost = 0;
    while (waiting !== undefined && cost < most) {
      const out = waiting.queue.shift();
      if (out === undefined) break;
      const { length } = out.data;
      cost += Math.max(length, MIN_COST);
      waiting.bytes -= length;
      this.queuedBytes -= length;
      this.queuedDatagrams--;
      send(out);
    }
    if (waiting?.queue.length === 0) this.#waiting.delete(entry);
    return cost;
  }
}

/** Sockets do not tell when they have sent what waits, so it is looked up, ms. */
const LOOK_AGAIN = 5;

/** Tells sessions that wait for room in the send queue. It costs nothing while none does. */
export class Drains {
  readonly #hasDrained: (entry: ConnectionEntry) => boolean;
  readonly #listeners = new Map<ConnectionEntry, () => void>();
  readonly #wakeUp = new WakeUp(() => this.look());

  /** `hasDrained`: there is room for `entry` again. */
  constructor(hasDrained: (entry: ConnectionEntry) => boolean) {
    this.#hasDrained = hasDrained;
  }

  /** `listener` is called once, in a later turn. */
  watch(entry: ConnectionEntry, listener: () => void): void {
    this.#listeners.set(entry, listener);
    this.#lookLater();
  }

  forget(entry: ConnectionEntry): void {
    this.#listeners.delete(entry);
  }

  /** To be called when the queue may have become shorter. */
  look(): void {
    if (this.#listeners.size === 0) return;
    for (const [entry, listener] of [...this.#listeners]) {
      if (!this.#hasDrained(entry) || !this.#listeners.delete(entry)) continue;
      attempt(listener, throwLater);
    }
    this.#lookLater();
  }

  setReferenced(referenced: boolean): void {
    this.#wakeUp.setReferenced(referenced);
  }

  stop(): void {
    this.#wakeUp.stop();
    this.#listeners.clear();
  }

  #lookLater(): void {
    if (this.#listeners.size > 0) this.#wakeUp.arm(now() + LOOK_AGAIN);
  }
}

/** What {@link DrainNotice} asks of a port. */
interface DrainSource {
  hasDrained(entry: ConnectionEntry): boolean;
  onDrained(entry: ConnectionEntry, listener: () => void): void;
  forgetDrain(entry: ConnectionEntry): void;
}

/** Tells one session that there is room again. */
export class DrainNotice {
  readonly #port: DrainSource;
  readonly #entry: ConnectionEntry;
  readonly #ondrain: () => void;
  /** What `drained` returned, until it resolves. */
  #promised: Deferred<void> | undefined;
  /** A message was refused. */
  #refused = false;
  readonly #drain = (): void => {
    const refused = this.#refused;
    this.#refused = false;
    this.#promised?.resolve();
    this.#promised = undefined;
    if (refused) this.#ondrain();
  };

  /** `ondrain` is called once after messages were refused. */
  constructor(port: DrainSource, entry: ConnectionEntry, ondrain: () => void) {
    this.#port = port;
    this.#entry = entry;
    this.#ondrain = ondrain;
  }

  get drained(): Promise<void> {
    return this.#port.hasDrained(this.#entry) && !this.#refused ? Promise.resolve() : this.later();
  }

  /** The same, but in a later turn. */
  later(): Promise<void> {
    this.#promised ??= new Deferred();
    this.#port.onDrained(this.#entry, this.#drain);
    return this.#promised.promise;
  }

  onRefused(): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#port.onDrained(this.#entry, this.#drain);
  }

  /** The session is over: {@link promised} resolves, so that no caller waits in vain. */
  end(): void {
    this.#port.forgetDrain(this.#entry);
    this.#promised?.resolve();
  }
}
