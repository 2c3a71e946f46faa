import { types } from 'node:util';
import { DTLSError, textOf } from '../base/errors.js';
import { attempt, throwLater } from './guard.js';

/**
 * What becomes of errors of the application's callbacks. The rule is in docs/how-to/sessions.md: an error of a callback
 * that is asked something fails its session; one of a callback that is only told something is uncaught, as in node:dtls.
 */

/** Also an error of another realm, such as a test runner's. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/** What a callback threw, or rejected with, as an error: itself, if it is one. */
export function asError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  const text = `a callback of the application threw ${textOf(thrown)}. Throw an Error instead`;
  return new DTLSError('ERR_DTLS_CALLBACK', text, { cause: thrown });
}

interface Held {
  readonly tell: () => void;
  readonly message: Uint8Array | undefined;
}

/**
 * Events of a session from before its maker has it and can set handlers. They are told in the next tick, in order. A
 * callback that throws does not stop the others.
 */
export class HeldEvents {
  /** Called when nothing is held any more, and nothing will be. */
  onReleased: (() => void) | undefined;
  #held: Held[] | undefined = [];

  constructor() {
    process.nextTick(() => this.#release());
  }

  /** Events have to be added here, and not told yet. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** `message`: the message that `tell` hands over. */
  add(tell: () => void, message?: Uint8Array): void {
    this.#held?.push({ tell, message });
  }

  /** The messages among them, which leave with the session. */
  takeMessages(): Uint8Array[] {
    const held = this.#held ?? [];
    if (this.#held !== undefined) this.#held = held.filter(({ message }) => message === undefined);
    return held.flatMap(({ message }) => message ?? []);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.onReleased?.();
    for (const { tell } of held) attempt(tell, throwLater);
  }
}

/** Calls `deliver` with each item, in the next tick. A call that throws does not keep the others from being made. */
export function inTurn<T>([first, ...rest]: readonly T[], deliver: (item: T) => void): void {
  if (first === undefined) return;
  process.nextTick(() => {
    inTurn(rest, deliver);
    deliver(first);
  });
}

/** A handshake without an answer, whose datagrams the system would not send, reports that. */
export function explained(error: DTLSError, sendError: Error | undefined): DTLSError {
  if (error.source !== 'network' || sendError === undefined || error.cause !== undefined) return error;
  const { code = error.reason } = sendError as NodeJS.ErrnoException;
  return new DTLSError(error.code, `${error.message}. The system refused to send: ${sendError.message}`, {
    source: 'network',
    cause: sendError,
    reason: code,
  });
}

/** An error that a callback of the application threw is reported unchanged, as in node:dtls. */
export function asThrown(error: DTLSError): Error {
  return error.code === 'ERR_DTLS_CALLBACK' && isError(error.cause) ? error.cause : error;
}
