import { own } from '../base/bytes.js';
import { type DTLSError, violation } from '../base/errors.js';
import type { Action } from '../handshake/actions.js';
import { ContentType } from '../wire/codes.js';
import type { Association } from './association.js';

/**
 * What became of early data. `none`: there is none. `offered`: it went out, and whether it was taken is not known yet.
 * `accepted`: it was. `refused`: it goes out, or went out, when the session is open.
 */
export type EarlyOutcome = 'none' | 'offered' | 'accepted' | 'refused';

/** Of nearly every association. */
const NONE: readonly Uint8Array[] = [];

/** Early data of one association (RFC 8446 §2.3): a client sends it, and again what was not taken; a server counts it. */
export class EarlyData {
  readonly #association: Association;
  /** Client: to be sent as usual once the session is open. */
  #waiting: readonly Uint8Array[];
  /** Client: on its way in epoch 1. */
  #sent = NONE;
  /** The datagrams that it is in. */
  #datagrams = NONE;
  /** Server: bytes that may still come. */
  #room = 0;
  #outcome: EarlyOutcome;

  /** `messages`: of a client. */
  constructor(association: Association, messages: readonly Uint8Array[] = NONE) {
    this.#association = association;
    this.#waiting = messages;
    this.#outcome = messages.length === 0 ? 'none' : 'refused';
  }

  get outcome(): EarlyOutcome {
    return this.#outcome;
  }

  /** Server: some may still come. */
  get takes(): boolean {
    return this.#association.role === 'server' && this.#outcome === 'accepted';
  }

  /** Client: the first of the messages, as many as may go out. Each is a record and a datagram of its own. */
  send({ most, recordLimit }: Extract<Action, { do: 'send-early-data' }>): void {
    const { earlyWriter: writer, transmit, pathSize } = this.#association;
    if (writer === undefined) return;
    const largest = Math.min(recordLimit, writer.capacity(pathSize.known));
    let room = most;
    const fits = ({ length }: Uint8Array): boolean => {
      room -= length;
      return room >= 0 && length <= largest && writer.state !== 'exhausted';
    };
    const first = this.#waiting.findIndex((message) => !fits(message));
    const count = first < 0 ? this.#waiting.length : first;
    this.#sent = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#datagrams = this.#sent.map((message) =>
      own(transmit.record(writer, ContentType.application_data, message)),
    );
    // No other record follows in epoch 1, neither an alert nor an ACK (RFC 9147 §7).
    this.#association.earlyWriter = undefined;
    this.#tell('offered');
  }

  /** Client: nobody can read it who did not get the ClientHello, and that goes out again. */
  repeat(): void {
    for (const datagram of this.#datagrams) this.#association.transmit.again(datagram);
  }

  onAnswer(answer: Extract<Action, { do: 'early-data' }>): void {
    if (answer.accepted) {
      this.#room = answer.most;
      for (const message of this.#sent) this.#count(message);
    } else this.#waiting = [...this.#sent, ...this.#waiting];
    this.#sent = NONE;
    this.#datagrams = NONE;
    this.#tell(answer.accepted ? 'accepted' : 'refused');
  }

  /** Client: what is to be sent now that the session is open, in order. */
  takeWaiting(): readonly Uint8Array[] {
    const waiting = this.#waiting;
    this.#waiting = NONE;
    return waiting;
  }

  /** Server: one message in epoch 1. Throws nothing: the error is the client's, which was told how much it may send. */
  receive(data: Uint8Array): DTLSError | undefined {
    this.#room -= data.length;
    if (this.#room < 0) {
      this.#association.drop('early_data_limit');
      return violation('unexpected_message', 'the client sent more early data than it may');
    }
    const { counters } = this.#association;
    counters.messagesReceived++;
    counters.payloadReceived += data.length;
    this.#association.tell({ type: 'early-data', data });
    return undefined;
  }

  #count({ length }: Uint8Array): void {
    const { counters } = this.#association;
    counters.messagesSent++;
    counters.payloadSent += length;
  }

  #tell(outcome: 'offered' | 'accepted' | 'refused'): void {
    this.#outcome = outcome;
    const direction = this.#association.role === 'client' ? 'sent' : 'received';
    this.#association.trace({ kind: 'early-data', direction, outcome });
  }
}
