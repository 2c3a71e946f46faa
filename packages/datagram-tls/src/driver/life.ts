import { DTLSError, invalidState } from '../base/errors.js';
import type { Counters } from '../connection/association.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { Version } from '../wire/codes.js';
import { Deferred } from './deferred.js';
import { type DTLSSessionStats, sessionStats } from './stats.js';

/** When things happened to a session, and the promises that tell of it. */
export class Life {
  readonly opened = new Deferred<{ protocol: Version }>();
  readonly closed = new Deferred<void>();
  readonly #createdAt = process.hrtime.bigint();
  #closingAt = 0n;
  #handshakeCompletedAt = 0n;
  #destroyedAt = 0n;

  get over(): boolean {
    return this.#destroyedAt > 0n;
  }

  get closing(): boolean {
    return this.#closingAt > 0n;
  }

  onConnected(protocol: Version): void {
    this.#handshakeCompletedAt = process.hrtime.bigint();
    this.opened.resolve({ protocol });
  }

  onClosing(): void {
    this.#closingAt = process.hrtime.bigint();
    this.notOpened(undefined);
  }

  /** Does nothing when the handshake was done. */
  notOpened(error: Error | undefined): void {
    // An error costs as much as the hashes of a handshake: it is not made for nothing.
    if (this.#handshakeCompletedAt > 0n) return;
    this.opened.reject(error ?? invalidState('Session was closed before the handshake completed'));
  }

  onOver(error: Error | undefined): void {
    this.#destroyedAt = process.hrtime.bigint();
    this.notOpened(error);
    if (error === undefined) this.closed.resolve();
    else this.closed.reject(error);
  }

  stats(counters: Readonly<Counters> | undefined, droppedMessages: number): DTLSSessionStats {
    const dropped = Object.values(counters?.dropped ?? {}).reduce((sum, n) => sum + n, 0);
    const numbers = {
      createdAt: this.#createdAt,
      destroyedAt: this.#destroyedAt,
      closingAt: this.#closingAt,
      handshakeCompletedAt: this.#handshakeCompletedAt,
      bytesReceived: BigInt(counters?.payloadReceived ?? 0),
      bytesSent: BigInt(counters?.payloadSent ?? 0),
      messagesReceived: BigInt(counters?.messagesReceived ?? 0),
      messagesSent: BigInt(counters?.messagesSent ?? 0),
      retransmitCount: BigInt(counters?.retransmissions ?? 0),
      ticketsGivenUpCount: BigInt(counters?.ticketsGivenUp ?? 0),
      ticketKeyFailureCount: BigInt(counters?.ticketKeyFailures ?? 0),
      droppedCount: BigInt(dropped + droppedMessages),
    };
    return sessionStats(numbers, !this.over);
  }
}

/** A handshake that found no answer, from a host that would not even send, says so. */
export function explained(error: DTLSError, sendError: Error | undefined): DTLSError {
  if (error.source !== 'network' || sendError === undefined || error.cause !== undefined) return error;
  return new DTLSError(error.code, `${error.message}: ${sendError.message}`, {
    source: 'network',
    cause: sendError,
  });
}

/** What a callback of the application threw comes back to it as it is, as in node:dtls. */
export function asThrown(error: DTLSError): Error {
  return error.code === 'ERR_DTLS_CALLBACK' && error.cause instanceof Error ? error.cause : error;
}

/** What can still be asked of a session's connection when it is over. */
export type FinalState = Pick<Connection, 'counters' | 'earlyData'>;

/**
 * A session's handlers know the session, and engines give functions like them a place where only a full collection
 * looks. So a session that is over keeps this, and lets go of the rest.
 */
export function finalStateOf(entry: ConnectionEntry | undefined): FinalState | undefined {
  if (entry === undefined) return undefined;
  const { counters, earlyData } = entry.connection;
  return { counters, earlyData };
}
