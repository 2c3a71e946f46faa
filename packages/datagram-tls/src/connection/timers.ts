import { earliest, type Instant } from '../base/instant.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { readInstant, writeInstant } from './saved-times.js';

export type TimerName =
  /** The flight under way was not answered. */
  | 'retransmit'
  /** A part of our flight is lost, and may go out again by now. */
  | 'repair'
  /** The whole handshake took too long. */
  | 'handshake'
  /** The rest of the peer's flight did not come: acknowledge what did. */
  | 'ack'
  /** A record that ought to be the client's Finished did not open, and no other one has come. */
  | 'ask-again'
  /** The peer was silent for long, or has been heard since. */
  | 'keep-alive'
  /** The keys we write with have served long enough. */
  | 'update-keys'
  /** Early data is not taken any more. */
  | 'forget-early'
  /** Older epochs need not be read any longer. */
  | 'forget-epochs'
  /** Something was held for later too long. */
  | 'forget-held'
  /** The last flight need not be kept any longer. */
  | 'forget-flight'
  /** A challenge of a path was not answered. */
  | 'path'
  /** Nothing has come to our own new address. */
  | 'own-path'
  /** The peer may have been silent for too long. */
  | 'idle'
  /** The peer did not answer our close_notify. */
  | 'close';

/** The timers in the state of an open association; the others are set anew. New ones have to be added at the end. */
const SAVED: readonly TimerName[] = [
  'retransmit',
  'repair',
  'handshake',
  'ack',
  'update-keys',
  'forget-early',
  'forget-epochs',
  'forget-held',
  'forget-flight',
];

const BITS: Readonly<Record<TimerName, number>> = {
  retransmit: 0x1,
  repair: 0x2,
  handshake: 0x4,
  ack: 0x8,
  'ask-again': 0x10,
  'keep-alive': 0x20,
  'update-keys': 0x40,
  'forget-early': 0x80,
  'forget-epochs': 0x100,
  'forget-held': 0x200,
  'forget-flight': 0x400,
  path: 0x800,
  'own-path': 0x1000,
  idle: 0x2000,
  close: 0x4000,
};

/** While only these run nothing is under way: they watch a silent peer, and end what is kept in case it repeats itself. */
const PATIENT = BITS.idle | BITS['keep-alive'] | BITS['forget-flight'] | BITS['forget-epochs'];

/** One that runs. */
export interface Timer {
  readonly name: TimerName;
  at: Instant;
  next: Timer | undefined;
}

/** The few timers of one connection, in a list in the order in which they were set: mostly there are two, for which a map would take twice the memory. */
export class Timers {
  #first: Timer | undefined;
  #over = false;
  /** A bit for each timer that runs: after each record several timers are asked for, and mostly none of them runs. */
  #running = 0;
  /** When the first is due, unless {@link #isStale}: it is asked after each record. */
  #next: Instant | undefined;
  #isStale = false;

  /** Does nothing after {@link end}. It is due at the next whole ms: fractions would take memory of their own. */
  set(name: TimerName, instant: Instant): void {
    if (this.#over) return;
    const at = Math.ceil(instant);
    this.#isStale = true;
    this.#running |= BITS[name];
    let last: Timer | undefined;
    for (let timer = this.#first; timer !== undefined; timer = timer.next) {
      if (timer.name === name) {
        timer.at = at;
        return;
      }
      last = timer;
    }
    const timer = { name, at, next: undefined };
    if (last === undefined) this.#first = timer;
    else last.next = timer;
  }

  /** A timer that runs expires at `instant`, as {@link set} takes it, at the latest. */
  hasten(name: TimerName, instant: Instant): void {
    const timer = this.find(name);
    if (timer === undefined || timer.at <= instant) return;
    timer.at = Math.ceil(instant);
    this.#isStale = true;
  }

  has(name: TimerName): boolean {
    return (this.#running & BITS[name]) !== 0;
  }

  /** Whether `forget-held` runs: that is asked after each record, and a name that is always the same is found faster. */
  get forgetsHeld(): boolean {
    return (this.#running & BITS['forget-held']) !== 0;
  }

  stop(name: TimerName): void {
    if (!this.has(name)) return;
    let before: Timer | undefined;
    for (let timer = this.#first; timer !== undefined; timer = timer.next) {
      if (timer.name === name) return this.remove(timer, before);
      before = timer;
    }
  }

  /** None runs but those of {@link PATIENT}. */
  get arePatient(): boolean {
    return (this.#running & ~PATIENT) === 0;
  }

  stopAll(): void {
    this.#first = undefined;
    this.#running = 0;
    this.#isStale = true;
  }

  save(w: Writer, at: Instant): void {
    let running = 0;
    for (let timer = this.#first; timer !== undefined; timer = timer.next)
      if (SAVED.includes(timer.name)) running |= 1 << SAVED.indexOf(timer.name);
    w.u16(running);
    for (const name of SAVED) {
      const timer = this.find(name);
      if (timer !== undefined) writeInstant(w, timer.at, at);
    }
  }

  restore(r: Reader, at: Instant): void {
    const running = r.u16();
    for (const [i, name] of SAVED.entries())
      if ((running & (1 << i)) !== 0) this.set(name, Math.round(readInstant(r, at)));
  }

  /** The connection is over: nothing wakes it any more, whatever is still under way in it. */
  end(): void {
    this.#over = true;
    this.stopAll();
  }

  /** When the first of them is due. */
  next(): Instant | undefined {
    if (!this.#isStale) return this.#next;
    this.#isStale = false;
    this.#next = undefined;
    for (let timer = this.#first; timer !== undefined; timer = timer.next)
      this.#next = earliest(this.#next, timer.at);
    return this.#next;
  }

  /** Takes one timer that is due at `now`, if there is one. */
  takeDue(now: Instant): TimerName | undefined {
    let before: Timer | undefined;
    for (let timer = this.#first; timer !== undefined; timer = timer.next) {
      if (timer.at <= now) {
        this.remove(timer, before);
        return timer.name;
      }
      before = timer;
    }
    return undefined;
  }

  private find(name: TimerName): Timer | undefined {
    for (let timer = this.#first; timer !== undefined; timer = timer.next)
      if (timer.name === name) return timer;
    return undefined;
  }

  private remove(timer: Timer, before: Timer | undefined): void {
    this.#running &= ~BITS[timer.name];
    this.#isStale = true;
    if (before === undefined) this.#first = timer.next;
    else before.next = timer.next;
  }
}
