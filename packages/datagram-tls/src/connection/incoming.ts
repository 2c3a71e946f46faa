import { messageName } from '../handshake/flight.js';
import type { Message } from '../handshake/message.js';
import type { Association } from './association.js';

/** Names and bytes of the messages that came since our last flight, for the trace. */
export class Incoming {
  readonly #association: Association;
  #names: string[] = [];
  #bytes = 0;

  constructor(association: Association) {
    this.#association = association;
  }

  note({ type, body }: Message): void {
    if (!this.#association.behaviour.trace) return;
    this.#names.push(messageName(type, body));
    this.#bytes += body.length;
  }

  /** The flight is over. */
  tell(): void {
    if (this.#names.length === 0) return;
    this.#association.trace({
      kind: 'flight',
      direction: 'received',
      messages: this.#names,
      datagrams: 0,
      bytes: this.#bytes,
      retransmission: false,
    });
    this.#names = [];
    this.#bytes = 0;
  }
}
