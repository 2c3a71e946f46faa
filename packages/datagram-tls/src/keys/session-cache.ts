import { toHex } from '../base/bytes.js';
import { Queue } from '../base/queue.js';

/** Bytes of one session. Most are the client's certificates; larger sessions are not remembered. */
const LARGEST = 4096;

interface Entry {
  readonly content: Uint8Array;
  /** ms since 1970. */
  readonly until: number;
}

/** A server's sessions by ID: a limited number, each of limited size; the oldest is removed first. */
export class SessionCache {
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();
  /** The IDs in the order in which they came, with some that were removed: the map would take long to find the oldest (ADR 102). */
  readonly #order = new Queue<string>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `until`: ms since 1970. An ID is kept once. */
  keep(id: Uint8Array, content: Uint8Array, until: number): void {
    if (content.length > LARGEST) return;
    const key = toHex(id);
    this.#entries.set(key, { content, until });
    this.#order.push(key);
    while (this.#entries.size > this.#most || this.#order.length > 2 * this.#most)
      this.#entries.delete(this.#order.shift() ?? '');
  }

  /** At `time`, ms since 1970. */
  find(id: Uint8Array, time: number): Uint8Array | undefined {
    const entry = this.#entries.get(toHex(id));
    if (entry !== undefined && time < entry.until) return entry.content;
    this.forget(id);
    return undefined;
  }

  forget(id: Uint8Array): void {
    this.#entries.delete(toHex(id));
  }
}
