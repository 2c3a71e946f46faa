import { attempt } from '../driver/guard.js';
import { type FullQueue, MessageQueue, type QueueBudget } from './message-queue.js';
import type { SendCallback } from './send-arguments.js';

/** A message to a host whose address is not known yet. */
export interface Unaddressed {
  readonly data: Uint8Array;
  readonly port: number;
  readonly callback: SendCallback | undefined;
}

/** `locate` calls `located` with the address, or with why there is none; more than once if the look-up of the application does. */
export interface LookUpHandlers {
  locate(host: string, located: (found: string | Error) => void): void;
  /** Its messages, in order. */
  onFound(host: string, address: string, messages: readonly Unaddressed[]): void;
  onFailed(error: Error, messages: readonly Unaddressed[]): void;
  /** The number of messages that wait has changed by `change`. */
  onWaiting(change: number): void;
}

/**
 * Messages to hosts whose addresses are looked up, or that wait until the socket is bound. All messages to a host wait for
 * one look-up.
 */
export class LookUps {
  readonly #limit: number;
  readonly #budget: QueueBudget;
  readonly #handlers: LookUpHandlers;
  readonly #byHost = new Map<string, MessageQueue<Unaddressed>>();

  /** `limit`: bytes of the messages to one host. */
  constructor(limit: number, budget: QueueBudget, handlers: LookUpHandlers) {
    this.#limit = limit;
    this.#budget = budget;
    this.#handlers = handlers;
  }

  /** Returns the limit that is reached where `message` may not wait. */
  hold(host: string, message: Unaddressed): FullQueue | undefined {
    const known = this.#byHost.get(host);
    const queue = known ?? new MessageQueue<Unaddressed>(this.#limit, this.#budget);
    const full = queue.push(message);
    if (full !== undefined) return full;
    this.#handlers.onWaiting(1);
    if (known === undefined) this.#begin(host, queue);
    return undefined;
  }

  /** What waits gets `error`, and no look-up is waited for. */
  stop(error: Error): void {
    for (const [host, queue] of this.#byHost) this.#end(host, queue, error);
  }

  #begin(host: string, queue: MessageQueue<Unaddressed>): void {
    this.#byHost.set(host, queue);
    const located = (found: string | Error): void => this.#end(host, queue, found);
    attempt(() => this.#handlers.locate(host, located), located);
  }

  #end(host: string, queue: MessageQueue<Unaddressed>, found: string | Error): void {
    if (this.#byHost.get(host) !== queue) return;
    this.#byHost.delete(host);
    const messages = queue.takeAll();
    if (typeof found === 'string') this.#handlers.onFound(host, found, messages);
    else this.#handlers.onFailed(found, messages);
    this.#handlers.onWaiting(-messages.length);
  }
}
