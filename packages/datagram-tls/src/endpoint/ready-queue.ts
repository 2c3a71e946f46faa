import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';
import { machineOf } from '../connection/connection.js';
import type { ConnectionEvent } from '../connection/events.js';
import { type ConnectionEntry, stateOf } from './connection-entry.js';

/**
 * One datagram to send.
 *
 * @example
 * ```ts
 * import type { Outgoing } from 'datagram-tls/core';
 *
 * function put(socket: { send(data: Uint8Array, port: number, address: string): void }, out: Outgoing): void {
 *   socket.send(out.data, out.peer.port, out.peer.address);
 * }
 * ```
 */
export interface Outgoing {
  /** Its bytes, which the caller owns; the memory around them, `data.buffer`, may hold others. */
  readonly data: Uint8Array;
  /** Where it goes. */
  readonly peer: PeerAddress;
  /** Its entry; `undefined` for an answer without an association. */
  readonly entry: ConnectionEntry | undefined;
  /** It leaves from the address that `leavePath` has left. */
  readonly fromFormer?: boolean;
  /** It answers a ClientHello that came before: that answer was not sent, see `Endpoint.handleUnsent`. */
  readonly awaited?: boolean;
}

/** The event of the endpoint for one of an entry. */
interface TellingEvent {
  readonly type: 'connection';
  readonly entry: ConnectionEntry;
  readonly event: ConnectionEvent;
}

/**
 * The entries that may have something to send or to report: each is polled until it has nothing more, and then it
 * rests.
 */
export class ReadyQueue {
  readonly #sending = new Queue<ConnectionEntry>();
  readonly #telling = new Queue<ConnectionEntry>();

  /** `entry` is to be polled. */
  touch(entry: ConnectionEntry): void {
    const state = stateOf(entry);
    if (!state.sending) {
      state.sending = true;
      this.#sending.push(entry);
    }
    if (!state.telling) {
      state.telling = true;
      this.#telling.push(entry);
    }
  }

  /** Calls `onRest` with each entry that hibernates, and has nothing more to send or to report. */
  pollTransmit(onRest: (entry: ConnectionEntry) => void): Outgoing | undefined {
    for (let entry = this.#sending.peek(); entry !== undefined; entry = this.#sending.peek()) {
      const { hibernates } = entry.connection;
      const machine = hibernates ? undefined : machineOf(entry.connection);
      const data = machine?.pollTransmit();
      if (machine !== undefined && data !== undefined) {
        const { destination: peer, fromFormer } = machine.paths;
        return fromFormer ? { data, peer, entry, fromFormer } : { data, peer, entry };
      }
      const state = stateOf(entry);
      state.sending = false;
      this.#sending.shift();
      if (hibernates && !state.telling) onRest(entry);
    }
    return undefined;
  }

  /** Calls `onRest` with each entry that has nothing more to report. */
  pollEvent(onRest: (entry: ConnectionEntry) => void): TellingEvent | undefined {
    for (let entry = this.#telling.peek(); entry !== undefined; entry = this.#telling.peek()) {
      const event = entry.connection.pollEvent();
      if (event !== undefined) return { type: 'connection', entry, event };
      stateOf(entry).telling = false;
      this.#telling.shift();
      onRest(entry);
    }
    return undefined;
  }
}
