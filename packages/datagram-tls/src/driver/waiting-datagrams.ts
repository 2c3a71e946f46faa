import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';

/**
 * Handshakes that begin in one turn of the event loop. Each costs some milliseconds, and the system delivers up to 32
 * datagrams in one turn: timers, other sockets and open sessions would wait for all of them.
 */
export const HANDSHAKES_A_TURN = 8;

/** What may wait for later turns, bytes, and the cost of a datagram beside its length. */
const MAX_WAITING = 0x4_0000;
const DATAGRAM_COST = 512;

/** Datagrams that have to wait for a later turn because they may begin a handshake, in order. */
export class WaitingDatagrams {
  readonly #queue = new Queue<{ readonly datagram: Uint8Array; readonly from: PeerAddress }>();
  #held = 0;

  get length(): number {
    return this.#queue.length;
  }

  /** Keeps a copy of `datagram`; `false` when too much waits already. */
  push(datagram: Uint8Array, from: PeerAddress): boolean {
    const cost = datagram.length + DATAGRAM_COST;
    if (this.#held + cost > MAX_WAITING) return false;
    this.#held += cost;
    this.#queue.push({ datagram: datagram.slice(), from });
    return true;
  }

  shift(): { readonly datagram: Uint8Array; readonly from: PeerAddress } | undefined {
    const first = this.#queue.shift();
    if (first !== undefined) this.#held -= first.datagram.length + DATAGRAM_COST;
    return first;
  }

  clear(): void {
    this.#queue.clear();
    this.#held = 0;
  }
}
