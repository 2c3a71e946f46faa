import type { PeerAddress } from '../base/peer-address.js';
import { CandidateRoutes } from './candidate-routes.js';
import { type ConnectionEntry, stateOf } from './connection-entry.js';
import { CidRoutes } from './connection-id-routes.js';

/** The associations with one address. */
export interface Route {
  readonly current: ConnectionEntry;
  /**
   * A client at the same address restarted. The current association stays until this one has proved itself (RFC 6347
   * §4.2.8).
   */
  readonly pending: ConnectionEntry | undefined;
}

/** Finds associations by the peer's address, and by connection ID. */
export class Routes {
  readonly ids = new CidRoutes<ConnectionEntry>();
  readonly candidates = new CandidateRoutes();
  readonly #byPeer = new PeerMap<Route>();
  /** Those that have moved to the address of another association, or whose address another one has now. */
  readonly #byIdAlone = new Set<ConnectionEntry>();
  #size = 0;

  /** Associations in all. */
  get size(): number {
    return this.#size;
  }

  find(address: string, port: number): Route | undefined {
    return this.#byPeer.get(address, port);
  }

  *entries(): Iterable<ConnectionEntry> {
    for (const { current, pending } of this.#byPeer.values()) {
      yield current;
      if (pending !== undefined) yield pending;
    }
    yield* this.#byIdAlone;
  }

  /** `entry` has another address now. Where there is another association, `entry` is found by its connection ID alone. */
  move(entry: ConnectionEntry): void {
    this.#unroute(entry);
    this.#byIdAlone.delete(entry);
    const { peer } = entry;
    if (this.find(peer.address, peer.port) === undefined) {
      stateOf(entry).route = peer;
      this.#byPeer.set(peer, { current: entry, pending: undefined });
    } else this.#byIdAlone.add(entry);
  }

  add(entry: ConnectionEntry): void {
    const { peer } = entry;
    const current = this.find(peer.address, peer.port)?.current;
    this.#byPeer.set(
      peer,
      current === undefined ? { current: entry, pending: undefined } : { current, pending: entry },
    );
    this.#size++;
  }

  /**
   * The same for one whose handshake does not compete: of two with one address, one with connection IDs is found by them alone.
   * The caller has made sure that there is one.
   */
  join(entry: ConnectionEntry): void {
    const { peer } = entry;
    const route = this.find(peer.address, peer.port);
    this.#size++;
    if (route === undefined) this.#byPeer.set(peer, { current: entry, pending: undefined });
    else if (hasIds(entry)) this.#leaveAddress(entry);
    else {
      this.#leaveAddress(route.current);
      this.#byPeer.set(peer, { current: entry, pending: route.pending });
    }
  }

  #leaveAddress(entry: ConnectionEntry): void {
    stateOf(entry).route = undefined;
    this.#byIdAlone.add(entry);
  }

  /**
   * A pending entry replaces the current one, which is returned. One whose peer has connection IDs stays: its NAT may have given
   * its address to another client.
   */
  promote(entry: ConnectionEntry): ConnectionEntry | undefined {
    const peer = stateOf(entry).route;
    const route = peer && this.find(peer.address, peer.port);
    if (peer === undefined || route?.pending !== entry) return undefined;
    const { current } = route;
    this.#byPeer.set(peer, { current: entry, pending: undefined });
    if (current.role === 'server' && hasIds(current)) {
      this.#leaveAddress(current);
      return undefined;
    }
    stateOf(current).route = undefined;
    this.#forgetRoutes(current);
    this.#size--;
    return current;
  }

  /** Does nothing when the entry is not there any more. */
  remove(entry: ConnectionEntry): void {
    if (this.#unroute(entry) || this.#byIdAlone.delete(entry)) this.#size--;
    this.#forgetRoutes(entry);
  }

  #forgetRoutes(entry: ConnectionEntry): void {
    this.candidates.forget(entry);
    stateOf(entry).ids?.releaseAll();
  }

  /** Returns whether it was found by address. */
  #unroute(entry: ConnectionEntry): boolean {
    const state = stateOf(entry);
    const peer = state.route;
    if (peer === undefined) return false;
    const route = this.find(peer.address, peer.port);
    if (route?.pending === entry) this.#byPeer.set(peer, { current: route.current, pending: undefined });
    else if (route?.current !== entry) return false;
    else if (route.pending === undefined) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, { current: route.pending, pending: undefined });
    state.route = undefined;
    return true;
  }
}

/** Records of its peer may have a connection ID. */
export function hasIds(entry: ConnectionEntry): boolean {
  return stateOf(entry).ids?.any === true;
}

/** The one peer with a port. */
interface Only<V> {
  readonly address: string;
  readonly value: V;
}

/**
 * Values by peer address. It is asked for every datagram. The port is already a number, but joining address and port
 * to a key costs as much as reading the record. So the port is looked up, and the address only compared: few peers
 * have the same port, unless all use a well-known one.
 */
class PeerMap<V extends object> {
  readonly #byPort = new Map<number, Only<V> | Map<string, V>>();

  get(address: string, port: number): V | undefined {
    const found = this.#byPort.get(port);
    if (found instanceof Map) return found.get(address);
    return found?.address === address ? found.value : undefined;
  }

  set({ address, port }: PeerAddress, value: V): void {
    const found = this.#byPort.get(port);
    if (found instanceof Map) found.set(address, value);
    else if (found === undefined || found.address === address) this.#byPort.set(port, { address, value });
    else {
      const both = new Map([
        [found.address, found.value],
        [address, value],
      ]);
      this.#byPort.set(port, both);
    }
  }

  delete({ address, port }: PeerAddress): void {
    const found = this.#byPort.get(port);
    if (found instanceof Map) {
      found.delete(address);
      if (found.size === 0) this.#byPort.delete(port);
    } else if (found?.address === address) this.#byPort.delete(port);
  }

  *values(): Iterable<V> {
    for (const found of this.#byPort.values()) {
      if (found instanceof Map) yield* found.values();
      else yield found.value;
    }
  }
}
