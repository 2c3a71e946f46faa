import type { Association } from './association.js';

/** Application data that overtakes the peer's Finished is kept up to this many bytes; an empty message costs some too. */
const EARLY_BUDGET = 16_384;
const EARLY_COST = 64;

/** Application data on its way to the owner of the connection. */
export class Inbound {
  readonly #association: Association;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  /** The record with the peer's close_notify. */
  #end: { readonly epoch: number; readonly sequence: number } | undefined;

  constructor(association: Association) {
    this.#association = association;
  }

  /** The peer has said close_notify. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** What came after the peer's close_notify in the order of sending counts for nothing (RFC 9147 §5.10). */
  isAfterEnd(epoch: number, sequence: number): boolean {
    if (this.#end === undefined) return false;
    return epoch > this.#end.epoch || (epoch === this.#end.epoch && sequence > this.#end.sequence);
  }

  /** The peer's close_notify came in this record. */
  end(epoch: number, sequence: number): void {
    this.#end ??= { epoch, sequence };
  }

  deliver(data: Uint8Array): void {
    this.#association.counters.messagesReceived++;
    this.#association.counters.payloadReceived += data.length;
    this.#association.tell({ type: 'message', data });
  }

  /** Keeps data for which it is too early. */
  keep(data: Uint8Array): void {
    const cost = data.length + EARLY_COST;
    if (this.#earlyBytes + cost > EARLY_BUDGET) return this.#association.drop('over_budget');
    this.#early.push(data);
    this.#earlyBytes += cost;
  }

  /** Delivers what was kept. */
  release(): void {
    const early = this.#early;
    this.forget();
    for (const data of early) this.deliver(data);
  }

  forget(): void {
    this.#early = [];
    this.#earlyBytes = 0;
  }
}
