import { invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { addressOf, type Connection } from '../connection/connection.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { Version } from '../wire/codes.js';
import { nanoseconds } from './clock.js';
import { Deferred } from './deferred.js';
import type { Port } from './port.js';
import type { SessionTimes } from './stats.js';

/** What only some sessions have: promises that were read, and the end. */
class Milestones {
  opened: Deferred<{ protocol: Version }> | undefined;
  closed: Deferred<void> | undefined;
  closingAt = 0;
  destroyedAt = 0;
  /** The error that ended the session. */
  failure: Error | undefined;
  /** Why `opened` was rejected. */
  refusal: Error | undefined;
  /** Why `closed` was rejected. */
  given: Error | undefined;
}

/**
 * The beginning and the end of a session: its promises, the times of its statistics, and its errors. It is a base class, because
 * an object of its own would cost each of very many silent sessions memory.
 */
export abstract class SessionLife implements SessionTimes {
  /** ns; a small whole number in nearly all sessions. `undefined` until the handshake is done. */
  #openedAfter: number | undefined;
  #milestones: Milestones | undefined;
  /** Seconds and ns of {@link createdAt}: one number that large would be an object of its own. */
  readonly #createdIn: number;
  readonly #createdRest: number;

  constructor() {
    const created = nanoseconds();
    this.#createdIn = Math.floor(created / 1e9);
    this.#createdRest = created % 1e9;
  }

  get createdAt(): number {
    return inNanoseconds(this.#createdIn, this.#createdRest);
  }

  /** The version that the handshake chose, also after the end. */
  protected abstract get version(): Version | undefined;

  // Methods with private names would cost each object a mark of its class.

  private get madeMilestones(): Milestones {
    this.#milestones ??= new Milestones();
    return this.#milestones;
  }

  get handshakeCompletedAt(): number {
    return this.#openedAfter === undefined ? 0 : this.createdAt + this.#openedAfter;
  }

  get closingAt(): number {
    return this.#milestones?.closingAt ?? 0;
  }

  get destroyedAt(): number {
    return this.#milestones?.destroyedAt ?? 0;
  }

  /** The error that ended the session. */
  get failure(): Error | undefined {
    return this.#milestones?.failure;
  }

  get opened(): Promise<{ protocol: Version }> {
    const milestones = this.madeMilestones;
    if (milestones.opened === undefined) {
      milestones.opened = new Deferred();
      this.settleOpened();
    }
    return milestones.opened.promise;
  }

  get closed(): Promise<void> {
    const milestones = this.madeMilestones;
    if (milestones.closed === undefined) {
      milestones.closed = new Deferred();
      this.settleClosed();
    }
    return milestones.closed.promise;
  }

  /** Our close_notify was sent, or is about to be. */
  get isClosing(): boolean {
    return this.closingAt > 0;
  }

  get isOver(): boolean {
    return this.destroyedAt > 0;
  }

  /** The application knows the error: `failure`, or that of `opened`. */
  protected hasTold(error: unknown): boolean {
    return error !== undefined && (error === this.failure || error === this.#milestones?.refusal);
  }

  /** The handshake is done. */
  protected startOpen(): void {
    this.#openedAfter = nanoseconds() - this.createdAt;
    this.settleOpened();
  }

  /** Returns whether the end begins now. */
  protected startClosing(): boolean {
    if (this.isOver || this.isClosing) return false;
    this.madeMilestones.closingAt = nanoseconds();
    this.rejectOpened(undefined);
    return true;
  }

  /** `error` is about to end it. */
  protected failWith(error: Error): void {
    this.madeMilestones.failure = error;
  }

  /** `error`: that of `destroy`. */
  protected endLife(error: Error | undefined): void {
    const milestones = this.madeMilestones;
    milestones.destroyedAt = nanoseconds();
    milestones.failure ??= error;
    this.rejectOpened(error);
    milestones.given = error;
    this.settleClosed();
  }

  /** Does nothing when the handshake was done. */
  protected rejectOpened(error: Error | undefined): void {
    // An error costs as much as the hashes of a handshake, so it is created only when needed.
    if (this.#openedAfter !== undefined || this.#milestones?.refusal !== undefined) return;
    this.madeMilestones.refusal = error ?? invalidState('Session was closed before the handshake completed');
    this.settleOpened();
  }

  private settleOpened(): void {
    const milestones = this.#milestones;
    if (milestones?.opened === undefined) return;
    const protocol = this.#openedAfter === undefined ? undefined : this.version;
    if (protocol !== undefined) milestones.opened.resolve({ protocol });
    else if (milestones.refusal !== undefined) milestones.opened.reject(milestones.refusal);
  }

  private settleClosed(): void {
    const milestones = this.#milestones;
    if (milestones === undefined || !this.isOver) return;
    if (milestones.given === undefined) milestones.closed?.resolve();
    else milestones.closed?.reject(milestones.given);
  }
}

function inNanoseconds(seconds: number, rest: number): number {
  return seconds * 1e9 + rest;
}

/** The association of a session, and the port that it is on. */
export interface Attached {
  readonly port: Port;
  readonly entry: ConnectionEntry;
}

/** For what needs an open session. */
export function notOpen(): Error {
  return invalidState('Session is not open. Wait for session.opened, and stop at session.closed');
}

/** What a session keeps of its association after the end. */
export interface FinalState extends Pick<Connection, 'counters' | 'earlyData'> {
  readonly peer: PeerAddress;
  readonly local: PeerAddress | undefined;
  readonly pskIdentity: Uint8Array | undefined;
  readonly version: Version | undefined;
}

export function finalStateOf(connection: Connection, local: PeerAddress | undefined): FinalState {
  const { counters, earlyData, session } = connection;
  // Its text is made where it is read.
  const pskIdentity = session?.peer.pskIdentity;
  const version = session?.version;
  return { counters, earlyData, peer: addressOf(connection), local, pskIdentity, version };
}
