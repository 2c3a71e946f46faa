import { machineOf } from '../connection/connection.js';
import type { ConnectionEntry } from './connection-entry.js';
import { peerKey } from './peer.js';

/**
 * Finds the association to whose handshake plaintext from another address than its peer's may belong (ADR 57). The first
 * association with an address keeps it.
 */
export class CandidateRoutes {
  readonly #byPeer = new Map<string, ConnectionEntry>();
  readonly #keys = new Map<ConnectionEntry, string>();
  #hasAny = false;

  find(address: string, port: number): ConnectionEntry | undefined {
    return !this.#hasAny ? undefined : this.#byPeer.get(peerKey(address, port));
  }

  /**
   * Whether there are any; only a datagram from elsewhere makes one. It is a field, because it is asked for every datagram,
   * and V8 makes a call for the size of a map.
   */
  get any(): boolean {
    return this.#hasAny;
  }

  /** A datagram from elsewhere came for `entry`. */
  update(entry: ConnectionEntry): void {
    const { candidate } = machineOf(entry.connection).paths;
    if (candidate === undefined && !this.#hasAny) return;
    const key = candidate && peerKey(candidate.address, candidate.port);
    if (key === this.#keys.get(entry)) return;
    this.forget(entry);
    if (key === undefined || this.#byPeer.has(key)) return;
    this.#keys.set(entry, key);
    this.#byPeer.set(key, entry);
    this.#hasAny = true;
  }

  /** Its handshake is over. */
  forget(entry: ConnectionEntry): void {
    const key = this.#keys.get(entry);
    if (key === undefined) return;
    this.#keys.delete(entry);
    this.#byPeer.delete(key);
    this.#hasAny = this.#keys.size > 0;
  }
}
