import type { SendCallback } from './send-arguments.js';

/** The cost of a waiting message beside its bytes. */
const MESSAGE_COST = 512;

/** Bytes of messages that wait, over all queues of a socket. */
export interface QueueBudget {
  readonly limit: number;
  held: number;
}

/** The option whose limit is reached. */
export type FullQueue = 'maxQueuedBytes' | 'maxQueuedBytesInAll';

interface Message {
  readonly data: Uint8Array;
  readonly callback: SendCallback | undefined;
}

/** Messages that wait for a look-up or a handshake, within the limit of one peer and the budget of all. */
export class MessageQueue<M extends Message> {
  readonly #limit: number;
  readonly #budget: QueueBudget;
  #messages: M[] = [];
  #held = 0;

  constructor(limit: number, budget: QueueBudget) {
    this.#limit = limit;
    this.#budget = budget;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Keeps a copy: the caller may use its buffer again. Returns the limit that is reached instead. */
  push(message: M): FullQueue | undefined {
    const cost = message.data.length + MESSAGE_COST;
    if (this.#held + cost > this.#limit) return 'maxQueuedBytes';
    if (this.#budget.held + cost > this.#budget.limit) return 'maxQueuedBytesInAll';
    this.#held += cost;
    this.#budget.held += cost;
    this.#messages.push({ ...message, data: Uint8Array.from(message.data) });
    return undefined;
  }

  takeAll(): readonly M[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#budget.held -= this.#held;
    this.#held = 0;
    return messages;
  }
}
