import { toHex } from '../base/bytes.js';
import { trim } from '../base/trim.js';

/** Bytes of one session. Most are the client's certificates; larger sessions are not remembered. */
const LARGEST = 4096;

interface Entry {
  readonly content: Uint8Array;
  /** ms since 1970. */
  readonly until: number;
}

/** A server's sessions by ID: a limited number, each of limited size; the oldest are removed first. */
export class SessionCache {
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `until`: ms since 1970. */
  keep(id: Uint8Array, content: Uint8Array, until: number): void {
    if (content.length > LARGEST) return;
    this.#entries.set(toHex(id), { content, until });
    trim(this.#entries, this.#most);
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
