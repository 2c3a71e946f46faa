import { type DTLSError, violation } from '../base/errors.js';

/** Records that do not open, and ought to be the Finished of a peer with our pre-shared key, before we think the worst. */
export const ENOUGH_FORGERIES = 2;

/**
 * A failure that anyone can feign. It is believed when the peer repeats the number of our probe, which takes seeing our
 * datagrams, or when the handshake then stands still.
 */
export class Suspicion {
  #error: DTLSError | undefined;
  #forgeries = 0;

  get error(): DTLSError | undefined {
    return this.#error;
  }

  /** The handshake goes on. */
  allay(): void {
    this.#error = undefined;
  }

  /** Returns whether that was the first word of it. */
  raise(error: DTLSError): boolean {
    if (this.#error !== undefined) return false;
    this.#error = error;
    return true;
  }

  /**
   * One record that does not open is damage or mischief. Two that ought to be the peer's Finished, and no good one until
   * our timer runs: then the keys differ, and to wait longer would not help. Returns how many there were.
   */
  onForgery(unknownPsk: boolean): number {
    this.#forgeries++;
    if (this.#forgeries >= ENOUGH_FORGERIES) this.raise(unknownPsk ? hiddenPsk() : pskMismatch());
    return this.#forgeries;
  }
}

/** The same alert as for a wrong key: only the error tells our side which it is. */
function hiddenPsk(): DTLSError {
  return violation(
    'decrypt_error',
    "there is no pre-shared key for the client's identity, which the client is not told",
    'ERR_DTLS_UNKNOWN_PSK_IDENTITY',
  );
}

function pskMismatch(): DTLSError {
  return violation(
    'decrypt_error',
    'the peer does not seem to have the same pre-shared key for its identity',
    'ERR_DTLS_PSK_MISMATCH',
  );
}
