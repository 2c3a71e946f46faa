import { type DTLSError, violation } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import { hiddenIdentity } from '../handshake/refusals.js';

/** Unreadable records that should be the Finished of a peer with our pre-shared key, before we assume another key. */
const ENOUGH_FORGERIES = 2;
/**
 * How long we wait at least for one that opens before the peer is told, ms, whatever our timer. It is longer than nearly all
 * round trips, so that the answer to our repeated flight has come.
 */
const MIN_BEFORE_ALERT: Duration = 1000;
/** Alerts to a client with another key: one reports it, the next answers its probe, and either may be lost. */
const MAX_KEY_ALERTS = 4;

/** How long a live peer may take to answer: a number of runs of our timer, and a number of ms. */
interface Patience {
  readonly runs: number;
  readonly wait: Duration;
}

/**
 * A timer that is shorter than the round trip runs out while the answer is under way, and one repetition may be lost. Two runs of
 * the first second are 3 s, the initial timer of RFC 2988, which is longer than the round trips of nearly all paths.
 */
const PATIENT: Patience = { runs: 2, wait: 2500 };
/** For what the system reports of the network: most of it is true, and a client that starts before its server waits for it. */
export const ONE_RUN: Patience = { runs: 1, wait: 0 };

/**
 * A failure that can be forged. It is believed when the peer repeats the number of our probe, which requires seeing
 * our datagrams, or when the handshake then makes no progress.
 */
export class Suspicion {
  #error: DTLSError | undefined;
  #patience = PATIENT;
  #since: Instant = 0;
  /** Of our timer, since then. */
  #runs = 0;
  #forgeries = 0;
  /** When the first of them came. */
  #firstForgery: Instant = 0;
  #keyAlerts = 0;

  get error(): DTLSError | undefined {
    return this.#error;
  }

  /** The handshake goes on. */
  allay(): void {
    this.#error = undefined;
  }

  /** Returns whether that was the first report. */
  raise(error: DTLSError, now: Instant, patience = PATIENT): boolean {
    if (this.#error !== undefined) return false;
    this.#error = error;
    this.#patience = patience;
    this.#since = now;
    this.#runs = 0;
    return true;
  }

  /** Our timer has run out. Returns the failure when it is to be believed. */
  onTimeout(now: Instant): DTLSError | undefined {
    this.#runs++;
    const { runs, wait } = this.#patience;
    return this.#runs >= runs && now - this.#since >= wait ? this.#error : undefined;
  }

  /**
   * One record that does not open is damaged or forged. Two that should be the peer's Finished, and no valid one while our
   * timer runs out again and again, mean that the keys differ. Returns what to do: ask for the Finished again, or tell the
   * peer. Anyone can send such records, and many clients believe any alert, so the client first gets the time to send its
   * Finished again.
   */
  onForgery(unknownPsk: boolean, now: Instant): 'ask-again' | 'tell' | undefined {
    this.#forgeries++;
    if (this.#forgeries === 1) this.#firstForgery = now;
    if (this.#forgeries < ENOUGH_FORGERIES) return 'ask-again';
    this.raise(unknownPsk ? hiddenIdentity() : pskMismatch(), now);
    if (this.#runs === 0 || now - this.#firstForgery < MIN_BEFORE_ALERT) return undefined;
    return this.#keyAlerts++ < MAX_KEY_ALERTS ? 'tell' : undefined;
  }
}

function pskMismatch(): DTLSError {
  return violation(
    'decrypt_error',
    'the peer seems to have another pre-shared key for its identity: its records do not open. Compare the keys of both sides',
    'ERR_DTLS_PSK_MISMATCH',
  );
}
