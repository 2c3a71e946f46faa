import type { PeerAddress } from '../base/peer-address.js';
import type { DropCounts } from '../connection/events.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { CHANNELS } from './channels.js';
import type { SendKind } from './send-queue.js';

/** An association, and what it had dropped before. */
export interface Seen {
  readonly entry: ConnectionEntry;
  readonly dropped: DropCounts;
}

/** Of a session, or without `entry`, of none. */
export type OnDrop = (entry: ConnectionEntry | undefined, reason: string, count: number) => void;

/**
 * Tells the channels of diagnostics what an endpoint drops: the core only counts, so that its counts are looked at before and
 * after. Nothing is made while no channel has subscribers.
 */
export class DropWatch {
  readonly #core: Endpoint;
  readonly #onDrop: OnDrop;

  constructor(core: Endpoint, onDrop: OnDrop) {
    this.#core = core;
    this.#onDrop = onDrop;
  }

  /** For {@link tell}. */
  look(entry: ConnectionEntry | undefined): Seen | undefined {
    if (entry === undefined || !CHANNELS.sessionDrop.hasSubscribers) return undefined;
    return { entry, dropped: { ...entry.connection.counters.dropped } };
  }

  /** What a session has dropped since it was looked at. */
  tell(seen: Seen | undefined): void {
    if (seen === undefined) return;
    const { entry, dropped: before } = seen;
    for (const [reason, count = 0] of Object.entries(entry.connection.counters.dropped)) {
      const more = count - (before[reason as keyof DropCounts] ?? 0);
      if (more > 0) this.#onDrop(entry, reason, more);
    }
  }

  /** A datagram without a session, or one that found no room in the send queue, was dropped. */
  tellOne(
    reason: 'busy' | 'not_client_hello' | 'unknown_connection_id' | 'answer_rate' | `send_queue_${SendKind}`,
  ): void {
    this.tellSome(reason, 1);
  }

  /** So many datagrams without a session were dropped. */
  tellSome(reason: string, count: number): void {
    if (count > 0 && CHANNELS.endpointDrop.hasSubscribers) this.#onDrop(undefined, reason, count);
  }

  /** Before a datagram is received. Returns a function that tells what was dropped until it is called. */
  watch(datagram: Uint8Array, from: PeerAddress): (() => void) | undefined {
    if (!CHANNELS.sessionDrop.hasSubscribers && !CHANNELS.endpointDrop.hasSubscribers) return undefined;
    const { counters } = this.#core;
    const { busy, rejected, overRate, unknownConnectionIds } = counters;
    const seen = this.look(this.#core.entryFor(datagram, from));
    return () => {
      this.tell(seen);
      if (counters.busy > busy) this.tellOne('busy');
      if (counters.rejected > rejected) this.tellOne('not_client_hello');
      if (counters.unknownConnectionIds > unknownConnectionIds) this.tellOne('unknown_connection_id');
      if (counters.overRate > overRate) this.tellOne('answer_rate');
    };
  }
}
