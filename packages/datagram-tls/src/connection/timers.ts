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
  /** The peer may have been silent for too long. */
  | 'idle'
  /** The peer did not answer our close_notify. */
  | 'close';

/** Those that go with the state of an open association; the others are set anew. Only the end is open to more. */
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

/** While only these run nothing is under way: they watch a silent peer, and end what is kept in case it repeats itself. */
const PATIENT: ReadonlySet<TimerName> = new Set(['idle', 'keep-alive', 'forget-flight', 'forget-epochs']);

/** The few timers of one connection. */
export class Timers {
  readonly #due = new Map<TimerName, Instant>();
  #over = false;

  /** Does nothing after {@link end}. */
  set(name: TimerName, at: Instant): void {
    if (!this.#over) this.#due.set(name, at);
  }

  /** A timer that runs expires at `at` at the latest. */
  hasten(name: TimerName, at: Instant): void {
    const due = this.#due.get(name);
    if (due !== undefined && due > at) this.#due.set(name, at);
  }

  has(name: TimerName): boolean {
    return this.#due.has(name);
  }

  stop(name: TimerName): void {
    this.#due.delete(name);
  }

  /** None runs but those of {@link PATIENT}. */
  get arePatient(): boolean {
    for (const name of this.#due.keys()) if (!PATIENT.has(name)) return false;
    return true;
  }

  stopAll(): void {
    this.#due.clear();
  }

  save(w: Writer, at: Instant): void {
    let running = 0;
    for (const [i, name] of SAVED.entries()) if (this.has(name)) running |= 1 << i;
    w.u16(running);
    for (const name of SAVED) {
      const due = this.#due.get(name);
      if (due !== undefined) writeInstant(w, due, at);
    }
  }

  restore(r: Reader, at: Instant): void {
    const running = r.u16();
    for (const [i, name] of SAVED.entries())
      if ((running & (1 << i)) !== 0) this.set(name, readInstant(r, at));
  }

  /** The connection is over: nothing wakes it any more, whatever is still under way in it. */
  end(): void {
    this.#over = true;
    this.stopAll();
  }

  /** When the first of them is due. */
  next(): Instant | undefined {
    let next: Instant | undefined;
    for (const at of this.#due.values()) next = earliest(next, at);
    return next;
  }

  /** Takes one timer that is due at `now`, if there is one. */
  takeDue(now: Instant): TimerName | undefined {
    for (const [name, at] of this.#due) {
      if (at <= now) {
        this.#due.delete(name);
        return name;
      }
    }
    return undefined;
  }
}
