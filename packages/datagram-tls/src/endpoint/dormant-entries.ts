import type { Instant } from '../base/instant.js';
import { HASH_KEY_LENGTH, KeyedHash } from '../base/keyed-hash.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { EndpointLimits } from '../config/limits.js';
import { Asleep, addressOfResidue, idsOfResidue, type Residue, type Settings } from '../connection/asleep.js';
import { addressOf, asleepIn, type Connection, connectionAround } from '../connection/connection.js';
import type { CryptoProvider } from '../crypto/provider.js';
import {
  type ConnectionEntry,
  createEntry,
  type EntryState,
  type Holder,
  LEFT,
  stateOf,
} from './connection-entry.js';
import { EntryIds } from './connection-id-routes.js';
import type { Deadlines } from './deadlines.js';
import { SlotIndex, SlotOrder } from './dormant-table.js';
import { hostOf } from './peer.js';
import type { Places } from './places.js';
import type { Routes } from './routes.js';

/** What an endpoint has of its entries. */
export interface DormantHost {
  readonly routes: Routes;
  readonly places: Places;
  readonly deadlines: Deadlines<EntryState>;
  readonly limits: EndpointLimits;
  /** `entry` was made again, and is to be looked at. */
  touch(entry: ConnectionEntry): void;
}

/** No random of a client has this hash. */
const NO_RANDOM = 0;
/** Those of 8 million states are less. */
const MAX_BLOCK = 2 ** 32 - 1;
/** A number of settings takes a byte. */
const MAX_SETTINGS = 256;
const FIRST_CAPACITY = 16;
/** Bytes of a reference to an object. */
const REFERENCE = 8;
/** Slots that stay when none is used. */
const KEPT_CAPACITY = 1024;
/** Memory that is not used yet is a tenth at most. */
const GROWTH = 1.1;

/**
 * Sessions that hibernate without any object in the endpoint: their entries, connections, addresses and places in tables are
 * bytes in slots, and are made again by the next datagram, call or timer. It takes those of servers whose owner agrees, and
 * which are the only ones of their host: several of one host are ordered among themselves, see `Places`.
 */
export class DormantEntries {
  readonly #host: DormantHost;
  /** By host, which has no other: an address is found by its host, too. */
  #hosts = new SlotIndex();
  /** By connection ID, of which one may have several. */
  #ids = new SlotIndex();
  /** By the last record of their peers. */
  #ages = new SlotOrder();
  /** By when they have to wake. */
  #wakes = new SlotOrder();
  /** By slot, as all that follows. */
  #holders: (Holder | undefined)[] = [];
  /** Slots that were used. */
  #used = 0;
  #states = new Uint32Array(0);
  #randoms = new Int32Array(0);
  #settings = new Uint8Array(0);
  #free: number[] = [];
  /** Those of all slots, which are few; `undefined`: no slot has that number. */
  readonly #allSettings: (SharedSettings | undefined)[] = [];
  /** Peers choose addresses: the key keeps them from choosing hashes. */
  #hash: KeyedHash | undefined;
  #size = 0;

  constructor(host: DormantHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  /** Of the memory of its slots, without states. */
  get bytes(): number {
    const tables = [this.#hosts, this.#ids, this.#ages, this.#wakes];
    const arrays = [this.#states, this.#randoms, this.#settings];
    const inArrays = arrays.reduce(
      (sum, { byteLength }) => sum + byteLength,
      REFERENCE * this.#holders.length,
    );
    return tables.reduce((sum, { bytes }) => sum + bytes, inArrays);
  }

  /** Lets go of `entry`, which hibernates and rests. Returns false where it stays as it is. */
  take(entry: ConnectionEntry): boolean {
    const asleep = asleepIn(entry.connection);
    const { holder, ids, clientRandom } = stateOf(entry);
    if (asleep === undefined || holder?.mayLetGo !== true || !this.#isAlone(entry)) return false;
    const { state, settings, lastHeard, wakesAt } = asleep;
    if (typeof state !== 'number' || state > MAX_BLOCK) return false;
    const shared = this.#share(settings);
    if (shared === undefined) return false;
    const hash = this.#hashFor(settings.service.provider);
    const { host } = stateOf(entry);
    this.#release(entry);
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= this.#states.length) this.#grow();
    this.#holders[slot] = holder;
    this.#states[slot] = state;
    this.#randoms[slot] = randomOf(hash, clientRandom);
    this.#settings[slot] = shared;
    ids?.leave(slot);
    for (const cid of idsOfResidue(asleep)?.ours ?? []) this.#ids.add(slot, hash.ofBytes(cid, 0, cid.length));
    this.#hosts.add(slot, hash.of(host, 0));
    this.#ages.add(slot, lastHeard);
    if (wakesAt !== undefined) this.#wakes.add(slot, wakesAt);
    this.#size++;
    holder.onDormant(slot);
    return true;
  }

  /** Makes the entry of a slot again. It hibernates still. */
  recall(slot: number): ConnectionEntry {
    const { routes, places, deadlines, limits } = this.#host;
    const residue = this.#residue(slot);
    const cids = idsOfResidue(residue)?.ours;
    const ids = cids && new EntryIds(routes.ids);
    const connection = connectionAround(new Asleep({ ...residue, registry: ids }));
    const holder = this.#holders[slot];
    const random = this.#randoms[slot];
    const since = this.#ages.atOf(slot);
    const wakesAt = connection.pollTimeout();
    const peer = addressOf(connection);
    const host = hostOf(peer, limits.hostPrefix);
    this.#remove(slot, residue.settings, host, cids);
    ids?.readmit(cids ?? [], slot);
    const clientRandom = random === NO_RANDOM ? undefined : random;
    const entry = createEntry(connection, { peer, host, began: since, clientRandom, ids }, routes);
    const state = stateOf(entry);
    state.holder = holder;
    routes.readmit(entry);
    places.readmit(entry);
    deadlines.set(state, wakesAt);
    holder?.onRecalled(entry);
    this.#host.touch(entry);
    return entry;
  }

  /** The connection of a slot, to look at: it is not that of an entry. */
  look(slot: number): Connection {
    return connectionAround(new Asleep(this.#residue(slot)));
  }

  /** Whether a random is that of the ClientHello of an entry with this one. */
  isRandom(clientRandom: string | number | undefined, random: string): boolean {
    if (typeof clientRandom !== 'number') return clientRandom === random;
    return this.#hash !== undefined && randomOf(this.#hash, random) === clientRandom;
  }

  /** What {@link isRandom} compares where the random is not there any more. */
  hashOf(clientRandom: string | number, provider: CryptoProvider): number {
    return randomOf(this.#hashFor(provider), clientRandom);
  }

  /** The entry with an address, made again. */
  find(address: string, port: number): ConnectionEntry | undefined {
    const slot = this.#slotAt(address, port);
    return slot < 0 ? undefined : this.recall(slot);
  }

  /** What {@link isRandom} compares for the one with an address, which stays as it is; `undefined` where there is none. */
  randomAt(address: string, port: number): number | undefined {
    const slot = this.#slotAt(address, port);
    return slot < 0 ? undefined : this.#randoms[slot];
  }

  #slotAt(address: string, port: number): number {
    if (this.#size === 0) return -1;
    const { hostPrefix } = this.#host.limits;
    const isIt = (peer: PeerAddress): boolean => peer.port === port && peer.address === address;
    // The address of an IP, or that of another network, which is its own host.
    const host = hostOf({ address, family: 'IPv6' }, hostPrefix);
    const slot = this.#slotOf(host, isIt);
    return slot < 0 && host !== address ? this.#slotOf(address, isIt) : slot;
  }

  findId(bytes: Uint8Array, at: number, length: number): ConnectionEntry | undefined {
    const slot = this.#slotOfId(bytes, at, length);
    return slot < 0 ? undefined : this.recall(slot);
  }

  hasId(cid: Uint8Array, length: number): boolean {
    return this.#slotOfId(cid, 0, length) >= 0;
  }

  get slots(): number {
    return this.#used;
  }

  idsAt(slot: number): readonly Uint8Array[] {
    if (this.#holders[slot] === undefined) return [];
    return idsOfResidue(this.#residue(slot))?.ours ?? [];
  }

  #slotOfId(bytes: Uint8Array, at: number, length: number): number {
    if (this.#size === 0 || this.#hash === undefined || at + length > bytes.length) return -1;
    const isThere = (cid: Uint8Array): boolean =>
      cid.length === length && cid.every((byte, i) => bytes[at + i] === byte);
    return this.#ids.find(
      this.#hash.ofBytes(bytes, at, length),
      (slot) => idsOfResidue(this.#residue(slot))?.ours.some(isThere) === true,
    );
  }

  hasHost(host: string): boolean {
    return this.#slotOfHost(host) >= 0;
  }

  /** The entry with that host is made again. */
  recallHost(host: string): void {
    const slot = this.#slotOfHost(host);
    if (slot >= 0) this.recall(slot);
  }

  /** The one that was silent for the longest time is made again, if that is longer than since `instant`. */
  recallOlder(instant: Instant | undefined): void {
    const { first, firstAt } = this.#ages;
    if (firstAt !== undefined && (instant === undefined || firstAt < instant)) this.recall(first);
  }

  /** It may go without an entry now. */
  onAlone(entry: ConnectionEntry): void {
    this.#host.touch(entry);
  }

  /** When the next one has to wake. */
  get nextWake(): Instant | undefined {
    return this.#wakes.firstAt;
  }

  /** One that has to wake at `now`, made again, and without a deadline. */
  takeDue(now: Instant): ConnectionEntry | undefined {
    const { first, firstAt } = this.#wakes;
    if (firstAt === undefined || firstAt > now) return undefined;
    const entry = this.recall(first);
    this.#host.deadlines.set(stateOf(entry), undefined);
    return entry;
  }

  /** All are made again. */
  recallAll(): void {
    for (const slot of this.#holders.keys()) if (this.#holders[slot] !== undefined) this.recall(slot);
  }

  /** It is the only session of its host, and the only one at its address. */
  #isAlone(entry: ConnectionEntry): boolean {
    const { route, pending, sending, telling } = stateOf(entry);
    if (route === undefined || pending !== undefined || sending || telling || entry.role !== 'server')
      return false;
    const { routes, places, limits } = this.#host;
    // On a path that is not validated it counts for its former host, which its state does not name.
    if (stateOf(entry).host !== hostOf(entry.peer, limits.hostPrefix)) return false;
    return routes.find(route.address, route.port)?.entry === entry && places.isAlone(entry);
  }

  #release(entry: ConnectionEntry): void {
    const { routes, places, deadlines } = this.#host;
    deadlines.set(stateOf(entry), undefined);
    places.forget(entry);
    routes.release(entry);
    stateOf(entry).route = LEFT;
  }

  #remove(slot: number, settings: Settings, host: string, cids: readonly Uint8Array[] = []): void {
    const number = this.#settings[slot] as number;
    const shared = this.#allSettings[number];
    // Keys of a context that was replaced go with its last session.
    if (shared !== undefined && --shared.count === 0) this.#allSettings[number] = undefined;
    const hash = this.#hashFor(settings.service.provider);
    this.#hosts.delete(slot, hash.of(host, 0));
    for (const cid of cids) this.#ids.delete(slot, hash.ofBytes(cid, 0, cid.length));
    this.#ages.delete(slot);
    this.#wakes.delete(slot);
    this.#holders[slot] = undefined;
    this.#free.push(slot);
    this.#size--;
    if (this.#size === 0 && this.#states.length > KEPT_CAPACITY) this.#shrink();
  }

  /** Otherwise tables would not shrink: the memory for a crowd of sessions would stay when they are gone. */
  #shrink(): void {
    this.#hosts = new SlotIndex();
    this.#ids = new SlotIndex();
    this.#ages = new SlotOrder();
    this.#wakes = new SlotOrder();
    this.#holders = [];
    this.#used = 0;
    this.#free = [];
    this.#states = new Uint32Array(0);
    this.#randoms = new Int32Array(0);
    this.#settings = new Uint8Array(0);
  }

  #residue(slot: number): Residue {
    const { settings } = this.#allSettings[this.#settings[slot] as number] as SharedSettings;
    return {
      settings,
      registry: undefined,
      state: this.#states[slot] as number,
      lastHeard: this.#ages.atOf(slot),
      wakesAt: this.#wakes.has(slot) ? this.#wakes.atOf(slot) : undefined,
    };
  }

  #slotOfHost(host: string): number {
    const { hostPrefix } = this.#host.limits;
    return this.#slotOf(host, (peer) => hostOf(peer, hostPrefix) === host);
  }

  /** The slot of a host whose peer `is`; -1 where there is none. */
  #slotOf(host: string, is: (peer: PeerAddress) => boolean): number {
    if (this.#size === 0 || this.#hash === undefined) return -1;
    return this.#hosts.find(this.#hash.of(host, 0), (slot) => is(addressOfResidue(this.#residue(slot))));
  }

  #hashFor(provider: CryptoProvider): KeyedHash {
    this.#hash ??= new KeyedHash(provider.randomBytes(HASH_KEY_LENGTH));
    return this.#hash;
  }

  /** The number of these settings; `undefined` where there are too many of them. */
  #share(settings: Settings): number | undefined {
    const all = this.#allSettings;
    const known = all.findIndex((each) => each !== undefined && areSame(each.settings, settings));
    const free = known < 0 ? all.indexOf(undefined) : known;
    const number = free < 0 ? all.length : free;
    if (number === MAX_SETTINGS) return undefined;
    const shared = all[number] ?? { settings, count: 0 };
    shared.count++;
    all[number] = shared;
    return number;
  }

  #grow(): void {
    const capacity = Math.ceil(this.#states.length * GROWTH) + FIRST_CAPACITY;
    const { 0: states, 1: randoms, 2: settings } = [this.#states, this.#randoms, this.#settings] as const;
    // An array that grows by itself takes half as much again.
    const holders = new Array<Holder | undefined>(capacity).fill(undefined);
    for (const [slot, holder] of this.#holders.entries()) holders[slot] = holder;
    this.#holders = holders;
    this.#states = new Uint32Array(capacity);
    this.#randoms = new Int32Array(capacity);
    this.#settings = new Uint8Array(capacity);
    this.#states.set(states);
    this.#randoms.set(randoms);
    this.#settings.set(settings);
  }
}

/** What some of the slots have in common. */
interface SharedSettings {
  readonly settings: Settings;
  /** How many of them. */
  count: number;
}

function areSame(a: Settings, b: Settings): boolean {
  return a === b || (a.service === b.service && a.security === b.security && a.behaviour === b.behaviour);
}

/** 32 bits are enough: by chance one client in 2^32 that restarts has to do it once more. */
function randomOf(hash: KeyedHash, clientRandom: string | number | undefined): number {
  if (typeof clientRandom === 'string') return hash.of(clientRandom, 0) || 1;
  return clientRandom ?? NO_RANDOM;
}
