import type { PeerAddress } from '../base/peer-address.js';
import { CandidateRoutes } from './candidate-routes.js';
import { type ConnectionEntry, type EntryState, stateOf } from './connection-entry.js';
import { CidRoutes } from './connection-id-routes.js';

/** Those that have no entry now: see `DormantEntries`. */
export interface DormantRoutes {
  readonly size: number;
  find(address: string, port: number): ConnectionEntry | undefined;
  recallAll(): void;
}

const NO_DORMANTS: DormantRoutes = { size: 0, find: () => undefined, recallAll: () => undefined };

/** Finds associations by the peer's address, and by connection ID. */
export class Routes {
  readonly ids = new CidRoutes<ConnectionEntry>();
  readonly candidates = new CandidateRoutes();
  readonly #byPeer = new PeerMap();
  /** Entries that have moved to the address of another association, or whose address another association has now. */
  readonly #byIdAlone = new Set<ConnectionEntry>();
  /** They are counted, too. */
  dormant = NO_DORMANTS;
  #size = 0;

  /** Associations in all. */
  get size(): number {
    return this.#size;
  }

  /** The association with an address, and `pending` a second one. */
  find(address: string, port: number): EntryState | undefined {
    return this.#byPeer.get(address, port) ?? this.#recalled(address, port);
  }

  /** The same where it has an entry. */
  findAwake(address: string, port: number): EntryState | undefined {
    return this.#byPeer.get(address, port);
  }

  #recalled(address: string, port: number): EntryState | undefined {
    if (this.dormant.size === 0) return undefined;
    const entry = this.dormant.find(address, port);
    return entry && stateOf(entry);
  }

  /** `entry` is found elsewhere from now on; its connection IDs stay. */
  release(entry: ConnectionEntry): void {
    const { route } = stateOf(entry);
    if (route !== undefined) this.#byPeer.delete(route);
  }

  /** `entry` takes the place of one that was released. */
  readmit(entry: ConnectionEntry): void {
    this.#set(entry, entry.peer);
  }

  *entries(): Iterable<ConnectionEntry> {
    this.dormant.recallAll();
    for (const { entry, pending } of this.#byPeer.values()) {
      yield entry;
      if (pending !== undefined) yield pending;
    }
    yield* this.#byIdAlone;
  }

  /** `entry` has another address now. Where there is another association, `entry` is found by its connection ID alone. */
  move(entry: ConnectionEntry): void {
    this.#unroute(entry);
    this.#byIdAlone.delete(entry);
    const { peer } = entry;
    if (this.find(peer.address, peer.port) === undefined) this.#set(entry, peer);
    else this.#byIdAlone.add(entry);
  }

  add(entry: ConnectionEntry): void {
    const { peer } = entry;
    const current = this.find(peer.address, peer.port);
    if (current === undefined) this.#set(entry, peer);
    else current.pending = entry;
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
    if (route === undefined) this.#set(entry, peer);
    else if (hasIds(entry)) this.#leaveAddress(entry);
    else {
      stateOf(entry).pending = route.pending;
      this.#set(entry, peer);
      this.#leaveAddress(route.entry);
    }
  }

  #set(entry: ConnectionEntry, peer: PeerAddress): void {
    const state = stateOf(entry);
    state.route = peer;
    this.#byPeer.set(peer, state);
  }

  #leaveAddress(entry: ConnectionEntry): void {
    const state = stateOf(entry);
    state.route = undefined;
    state.pending = undefined;
    this.#byIdAlone.add(entry);
  }

  /**
   * A pending entry replaces the current one, which is returned. One whose peer has connection IDs stays: its NAT may have given
   * its address to another client.
   */
  promote(entry: ConnectionEntry): ConnectionEntry | undefined {
    const peer = stateOf(entry).route;
    const former = peer && this.find(peer.address, peer.port);
    if (peer === undefined || former?.pending !== entry) return undefined;
    former.pending = undefined;
    this.#set(entry, peer);
    const current = former.entry;
    if (current.role === 'server' && hasIds(current)) {
      this.#leaveAddress(current);
      return undefined;
    }
    former.route = undefined;
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
    const current = this.find(peer.address, peer.port);
    if (current === undefined) return false;
    if (current.pending === entry) current.pending = undefined;
    else if (current !== state) return false;
    else if (state.pending === undefined) this.#byPeer.delete(peer);
    else this.#set(state.pending, peer);
    state.pending = undefined;
    state.route = undefined;
    return true;
  }
}

/** Records of its peer may have a connection ID. */
export function hasIds(entry: ConnectionEntry): boolean {
  return stateOf(entry).ids?.any === true;
}

/**
 * Associations by peer address. It is asked for every datagram. The port is already a number, but joining address and
 * port to a key costs as much as reading the record. So the port is looked up, and the address only compared: few peers
 * have the same port, unless all use a well-known one.
 */
class PeerMap {
  /** The one peer with a port, or those with it by address. */
  readonly #byPort = new Map<number, EntryState | Map<string, EntryState>>();

  get(address: string, port: number): EntryState | undefined {
    const found = this.#byPort.get(port);
    if (found instanceof Map) return found.get(address);
    return found?.route?.address === address ? found : undefined;
  }

  /** `state` has that route. */
  set({ address, port }: PeerAddress, state: EntryState): void {
    const found = this.#byPort.get(port);
    const other = found instanceof Map ? undefined : found?.route?.address;
    if (found instanceof Map) found.set(address, state);
    else if (found === undefined || other === undefined || other === address) this.#byPort.set(port, state);
    else {
      const both = new Map([
        [other, found],
        [address, state],
      ]);
      this.#byPort.set(port, both);
    }
  }

  delete({ address, port }: PeerAddress): void {
    const found = this.#byPort.get(port);
    if (found instanceof Map) {
      found.delete(address);
      if (found.size === 0) this.#byPort.delete(port);
    } else if (found?.route?.address === address) this.#byPort.delete(port);
  }

  *values(): Iterable<EntryState> {
    for (const found of this.#byPort.values()) {
      if (found instanceof Map) yield* found.values();
      else yield found;
    }
  }
}
