import { Queue } from '../base/queue.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { ConnectionEntry } from './connection-entry.js';
import type { PeerAddress } from './peer.js';

export interface Outgoing {
  readonly data: Uint8Array;
  readonly peer: PeerAddress;
  /** Whose it is; `undefined` for an answer without an association. */
  readonly link: ConnectionEntry | undefined;
}

/** The links that may have something to send or to tell: each is polled until it has nothing more, and then it rests. */
export class ReadyQueue {
  readonly #sending = new Queue<ConnectionEntry>();
  readonly #telling = new Queue<ConnectionEntry>();

  /** `link` is to be polled. */
  touch(link: ConnectionEntry): void {
    if (!link.sending) {
      link.sending = true;
      this.#sending.push(link);
    }
    if (!link.telling) {
      link.telling = true;
      this.#telling.push(link);
    }
  }

  pollTransmit(): Outgoing | undefined {
    for (let link = this.#sending.peek(); link !== undefined; link = this.#sending.peek()) {
      const data = link.connection.pollTransmit();
      if (data !== undefined) return { data, peer: link.peer, link };
      link.sending = false;
      this.#sending.shift();
    }
    return undefined;
  }

  /** `onRest` is called with each link that has told all. */
  pollEvent(
    onRest: (link: ConnectionEntry) => void,
  ): { readonly link: ConnectionEntry; readonly event: ConnectionEvent } | undefined {
    for (let link = this.#telling.peek(); link !== undefined; link = this.#telling.peek()) {
      const event = link.connection.pollEvent();
      if (event !== undefined) return { link, event };
      link.telling = false;
      this.#telling.shift();
      onRest(link);
    }
    return undefined;
  }
}
