import { HandshakeType } from '../wire/codes.js';

/** Alerts that may still answer ClientHellos from before {@link EarlierAttempts.onRestart}. */
const MAX_LATE_ALERTS = 2;

/**
 * Earlier attempts of a client whose handshake has begun anew because the server refused its cookie. Late messages of these
 * attempts have to be distinguished from the answers to the current one. None of them is authentic, so they are dropped and
 * never end anything.
 */
export class EarlierAttempts {
  /** The number of our first record of the current attempt. A server may number its own records otherwise. */
  #firstRecord = 0;
  #lateAlerts = 0;
  /** The server may still repeat the flight of an association with an address that we have left. */
  #hasNewAssociation = false;

  /** The next ClientHello leaves in the record with the number `sequence`. */
  onRestart(sequence: number): void {
    this.#firstRecord = sequence;
    this.#lateAlerts = MAX_LATE_ALERTS;
  }

  /** DTLS 1.2: the server has no state for our address, so that it will make another association. */
  onNewAssociation(): void {
    this.#hasNewAssociation = true;
  }

  /**
   * Whether an alert with this record number belongs to an earlier attempt. A server without state answers under the number
   * of the record that it got.
   */
  haveAlert(sequence: number): boolean {
    if (sequence >= this.#firstRecord || this.#lateAlerts === 0) return false;
    this.#lateAlerts--;
    return true;
  }

  /**
   * Whether a message of this type belongs to an earlier attempt, although it may have the number of the next message. Only
   * a ServerHello begins the flight of a new association. `awaitsHello`: none has come yet.
   */
  haveMessage(type: number, awaitsHello: boolean): boolean {
    if (!this.#hasNewAssociation || !awaitsHello) return false;
    return type !== HandshakeType.server_hello && type !== HandshakeType.hello_verify_request;
  }
}
