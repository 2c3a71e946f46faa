import { own } from '../base/bytes.js';
import type { Instant } from '../base/instant.js';
import { PIECE_COST } from '../base/memory.js';
import type { Association } from './association.js';

/** Application data that overtakes the peer's Finished is kept up to this many bytes, at what they really cost. */
const EARLY_BUDGET = 16_384;

interface Early {
  readonly data: Uint8Array;
  readonly since: Instant;
}

/** Application data on its way to the owner of the connection. */
export class Inbound {
  readonly #association: Association;
  #early: Early[] = [];
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

  /** When the oldest message was kept. */
  get oldest(): Instant | undefined {
    return this.#early[0]?.since;
  }

  /** Keeps data for which it is too early. */
  keep(data: Uint8Array, now: Instant): void {
    const cost = data.length + PIECE_COST;
    const { memory } = this.#association;
    if (this.#earlyBytes + cost > EARLY_BUDGET || !memory.take(cost))
      return this.#association.drop('over_budget');
    // Of its own: a view keeps alive whatever it is a part of.
    this.#early.push({ data: own(data), since: now });
    this.#earlyBytes += cost;
  }

  /** Delivers what was kept. */
  release(): void {
    const early = this.#early;
    this.forget();
    for (const { data } of early) this.deliver(data);
  }

  /** Forgets what was kept at `instant` or before; `why` counts it. */
  forgetUntil(instant: Instant, why: 'expired' | 'evicted'): void {
    for (let [first] = this.#early; first !== undefined && first.since <= instant; [first] = this.#early) {
      this.#early.shift();
      this.#give(first.data);
      this.#association.drop(why);
    }
  }

  forget(): void {
    for (const { data } of this.#early) this.#give(data);
    this.#early = [];
  }

  #give({ length }: Uint8Array): void {
    this.#earlyBytes -= length + PIECE_COST;
    this.#association.memory.give(length + PIECE_COST);
  }
}
