import { type DTLSError, violation } from '../base/errors.js';
import { hiddenIdentity } from '../handshake/refusals.js';

/** Unreadable records that should be the Finished of a peer with our pre-shared key, before we assume another key. */
export const ENOUGH_FORGERIES = 2;

/**
 * A failure that can be forged. It is believed when the peer repeats the number of our probe, which requires seeing
 * our datagrams, or when the handshake then makes no progress.
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

  /** Returns whether that was the first report. */
  raise(error: DTLSError): boolean {
    if (this.#error !== undefined) return false;
    this.#error = error;
    return true;
  }

  /**
   * One record that does not open is damaged or forged. Two that should be the peer's Finished, and no valid one
   * until our timer expires, mean that the keys differ, and waiting would not help. Returns how many there were.
   */
  onForgery(unknownPsk: boolean): number {
    this.#forgeries++;
    if (this.#forgeries >= ENOUGH_FORGERIES) this.raise(unknownPsk ? hiddenIdentity() : pskMismatch());
    return this.#forgeries;
  }
}

function pskMismatch(): DTLSError {
  return violation(
    'decrypt_error',
    'the peer seems to have another pre-shared key for its identity: its records do not open. Compare the keys of both sides',
    'ERR_DTLS_PSK_MISMATCH',
  );
}
