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
  readonly opened = new Deferred<{ protocol: Version }>();
  readonly closed = new Deferred<void>();
  readonly createdAt = process.hrtime.bigint();
  handshakeCompletedAt = 0n;
  closingAt = 0n;
  destroyedAt = 0n;
  /** The error that ended the session. */
  failure: Error | undefined;
  /** Why `opened` was rejected. */
  #refusal: Error | undefined;

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
    this.opened.resolve({ protocol });
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
    if (error === undefined) this.closed.resolve();
    else this.closed.reject(error);
  }

  /** Does nothing when the handshake was done. */
  rejectOpened(error: Error | undefined): void {
    // An error costs as much as the hashes of a handshake, so it is created only when needed.
    if (this.opened.isSettled) return;
    this.#refusal = error ?? invalidState('Session was closed before the handshake completed');
    this.opened.reject(this.#refusal);
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
