import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import type { Endpoint } from '#lib/endpoint/endpoint.js';

/** Numbers of records in a checkpoint: the fewest, so that another one is due soon. */
const RESERVE = 16;

/** What an application keeps of one session for a crash of its process. */
export class CheckpointStore {
  /** The session asks for a checkpoint. */
  isDue = false;
  #reserve = RESERVE;
  #kept: Uint8Array | undefined;
  /** On its way into the store, which may or may not have it when the process fails. */
  #underWay: Uint8Array | undefined;

  get hasKept(): boolean {
    return this.#kept !== undefined;
  }

  get isBusy(): boolean {
    return this.#underWay !== undefined;
  }

  take(endpoint: Endpoint, entry: ConnectionEntry, now: number, reserve = this.#reserve): void {
    this.#reserve = reserve;
    this.isDue = false;
    this.#underWay = entry.connection.checkpoint(reserve, now);
    endpoint.touch(entry);
  }

  /** What is under way arrives, if the store `likes`; then what is due is taken. */
  settle(endpoint: Endpoint, entry: ConnectionEntry, now: number, likes: boolean): void {
    if (this.isBusy && likes) {
      this.#kept = this.#underWay;
      this.#underWay = undefined;
      entry.connection.confirmCheckpoint(now);
      endpoint.touch(entry);
    }
    if (this.isDue && !this.isBusy) this.take(endpoint, entry, now);
  }

  /** The process has failed: what there is to go on from. `arrived`: what was under way came to the store. */
  onCrash(arrived: boolean): Uint8Array | undefined {
    const state = arrived ? (this.#underWay ?? this.#kept) : this.#kept;
    if (state !== undefined) this.clear();
    return state;
  }

  /** States of before are worthless. */
  clear(): void {
    this.#kept = undefined;
    this.#underWay = undefined;
    this.isDue = false;
  }
}
