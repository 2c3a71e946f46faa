import { invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { Version } from '../wire/codes.js';
import { Deferred } from './deferred.js';
import type { Port } from './port.js';
import type { SessionTimes } from './stats.js';

/** The beginning and the end of a session: its promises, the times of its statistics, and its errors. */
export class SessionLife implements SessionTimes {
  /** Most promises are never read. */
  #opened: Deferred<{ protocol: Version }> | undefined;
  #closed: Deferred<void> | undefined;
  /** Once the handshake is done. */
  #protocol: Version | undefined;
  readonly createdAt = process.hrtime.bigint();
  handshakeCompletedAt = 0n;
  closingAt = 0n;
  destroyedAt = 0n;
  /** The error that ended the session. */
  failure: Error | undefined;
  /** Why `opened` was rejected. */
  #refusal: Error | undefined;
  /** Why `closed` was rejected. */
  #given: Error | undefined;

  get opened(): Promise<{ protocol: Version }> {
    if (this.#opened === undefined) {
      this.#opened = new Deferred();
      this.#settleOpened();
    }
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = new Deferred();
      this.#settleClosed();
    }
    return this.#closed.promise;
  }

  /** Our close_notify was sent, or is about to be. */
  get isClosing(): boolean {
    return this.closingAt > 0n;
  }

  get isOver(): boolean {
    return this.destroyedAt > 0n;
  }

  /** The application knows the error: `failure`, or that of `opened`. */
  hasTold(error: unknown): boolean {
    return error !== undefined && (error === this.failure || error === this.#refusal);
  }

  /** The handshake is done. */
  open(protocol: Version): void {
    this.handshakeCompletedAt = process.hrtime.bigint();
    this.#protocol = protocol;
    this.#settleOpened();
  }

  /** Returns whether the end begins now. */
  startClosing(): boolean {
    if (this.isOver || this.isClosing) return false;
    this.closingAt = process.hrtime.bigint();
    this.rejectOpened(undefined);
    return true;
  }

  /** `error`: that of `destroy`. */
  end(error: Error | undefined): void {
    this.destroyedAt = process.hrtime.bigint();
    this.failure ??= error;
    this.rejectOpened(error);
    this.#given = error;
    this.#settleClosed();
  }

  /** Does nothing when the handshake was done. */
  rejectOpened(error: Error | undefined): void {
    // An error costs as much as the hashes of a handshake, so it is created only when needed.
    if (this.#protocol !== undefined || this.#refusal !== undefined) return;
    this.#refusal = error ?? invalidState('Session was closed before the handshake completed');
    this.#settleOpened();
  }

  #settleOpened(): void {
    if (this.#protocol !== undefined) this.#opened?.resolve({ protocol: this.#protocol });
    else if (this.#refusal !== undefined) this.#opened?.reject(this.#refusal);
  }

  #settleClosed(): void {
    if (!this.isOver) return;
    if (this.#given === undefined) this.#closed?.resolve();
    else this.#closed?.reject(this.#given);
  }
}

/** The association of a session, and the port that it is on. */
export interface Attached {
  readonly port: Port;
  readonly entry: ConnectionEntry;
}

/** For what needs an open session. */
export function notOpen(): Error {
  return invalidState('Session is not open');
}

/** What a session keeps of its association after the end. */
export interface FinalState extends Pick<Connection, 'counters' | 'earlyData'> {
  readonly peer: PeerAddress;
  readonly local: PeerAddress | undefined;
  readonly pskIdentity: string | undefined;
}

export function finalStateOf(
  { peer, connection: { counters, earlyData } }: ConnectionEntry,
  local: PeerAddress | undefined,
  pskIdentity: string | undefined,
): FinalState {
  return { counters, earlyData, peer, local, pskIdentity };
}
