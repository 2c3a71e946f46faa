import type { WriterState } from '../record/writer.js';
import { ContentType } from '../wire/codes.js';
import type { Association } from './association.js';
import { messageTooLarge } from './failures.js';

/** Messages that wait for a peer to prove that it hears us; more are lost, and counted. */
const MOST_UNPROVED = 16;

/** Application data on its way to the peer. */
export class Outbound {
  readonly #association: Association;

  constructor(association: Association) {
    this.#association = association;
  }

  /** The largest message that fits a datagram and that the peer takes, bytes. */
  get largest(): number {
    const { pathSize, epochs, recordLimits } = this.#association;
    return Math.min(epochs.writer.capacity(pathSize.known), recordLimits.send);
  }

  /**
   * Sends one message as one datagram; returns what the keys were good for: where that is `last` or `exhausted` it is not
   * sent. Throws `ERR_OUT_OF_RANGE` when the message is too large.
   */
  send(data: Uint8Array): WriterState {
    const { epochs, counters, transmit, recordLimits, probation } = this.#association;
    const { writer } = epochs;
    const { largest } = this;
    if (data.length > largest) throw messageTooLarge(data.length, largest, largest === recordLimits.send);
    const { state } = writer;
    if (state === 'last' || state === 'exhausted') return state;
    if (probation !== undefined && transmit.waiting >= MOST_UNPROVED) {
      this.#association.drop('unproved_peer');
      return state;
    }
    transmit.record(writer, ContentType.application_data, data);
    counters.messagesSent++;
    counters.payloadSent += data.length;
    return state;
  }

  /** Client: early data that was not taken. The limit may be another one than in the session before. */
  sendAgain(messages: readonly Uint8Array[]): void {
    for (const message of messages) {
      if (message.length > this.largest) this.#association.drop('unsent_early_data');
      else this.send(message);
    }
  }
}
