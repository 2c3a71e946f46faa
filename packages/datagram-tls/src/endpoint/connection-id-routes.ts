import { NONE_PACKED, type Packed, pack, unpack } from '../base/packed.js';
import type { Behaviour, Role } from '../config/config.js';
import { MAX_CID_LENGTH } from '../config/connection-ids.js';
import type { CidRegistry } from '../connection/connection-ids.js';
import { cidStartOf, firstCidOf } from '../record/header.js';

/** Of very many entries, whose peers want none. */
const NO_IDS: readonly Packed[] = [];

/** The connection IDs of one entry. */
export class EntryIds<Entry extends object = object> implements CidRegistry {
  readonly #routes: CidRoutes<Entry>;
  /** Mostly there is one: a list for it would take twice its memory. */
  #first = NONE_PACKED;
  #others = NO_IDS;
  #entry: Entry | undefined;

  constructor(routes: CidRoutes<Entry>) {
    this.#routes = routes;
  }

  /** `undefined` until it is made. */
  get entry(): Entry | undefined {
    return this.#entry;
  }

  /** There are some. */
  get any(): boolean {
    return this.#first.length > 0;
  }

  get all(): readonly Packed[] {
    return this.any ? [this.#first, ...this.#others] : NO_IDS;
  }

  private keep([first = NONE_PACKED, ...others]: readonly Packed[]): void {
    this.#first = first;
    this.#others = others.length === 0 ? NO_IDS : others.slice();
  }

  /** Whether one of this length stands at `at`. */
  standAt(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#first.length === length && standsAt(bytes, at, this.#first)) return true;
    for (const cid of this.#others) if (cid.length === length && standsAt(bytes, at, cid)) return true;
    return false;
  }

  bind(entry: Entry): void {
    this.#entry = entry;
  }

  /** True also for an ID that this association has already: one that hibernated claims its own again. */
  claim(cid: Packed): boolean {
    if (this.all.includes(cid)) return true;
    if (!this.#routes.add(cid, this)) return false;
    this.keep([...this.all, cid]);
    return true;
  }

  release(cid: Packed): void {
    const { all } = this;
    const left = all.filter((own) => own !== cid);
    if (left.length === all.length) return;
    this.keep(left);
    this.#routes.delete(cid, this);
  }

  releaseAll(): void {
    for (const cid of this.all) this.release(cid);
  }

  /** The endpoint lets go of the entry: from now on its IDs are among {@link DormantIds}, in this slot. */
  leave(slot: number): void {
    const { all } = this;
    this.keep(NO_IDS);
    for (const cid of all) this.#routes.leave(cid, this, slot);
  }

  /** They were among {@link DormantIds}, in this slot, and are of this entry now. */
  readmit(cids: readonly Uint8Array[], slot: number): void {
    this.keep(cids.map(pack));
    for (const cid of this.all) this.#routes.readmit(cid, this, slot);
  }
}

/** The IDs of entries that the endpoint let go of: see `DormantEntries`. */
export interface DormantIds<Entry extends object> {
  /** The entry with the ID of this length that stands there, made again. */
  findId(bytes: Uint8Array, at: number, length: number): Entry | undefined;
  hasId(cid: Uint8Array, length: number): boolean;
  /** Slots that there are. */
  readonly slots: number;
  /** Those of the entry in a slot. */
  idsAt(slot: number): readonly Uint8Array[];
}

const NO_DORMANTS: DormantIds<never> = {
  findId: () => undefined,
  hasId: () => false,
  slots: 0,
  idsAt: () => [],
};

/** For an entry whose peer may be asked for connection IDs. */
export function idsFor<Entry extends object>(
  { connectionIds }: Behaviour,
  role: Role,
  { ids }: { readonly ids: CidRoutes<Entry> },
): EntryIds<Entry> | undefined {
  const policy = connectionIds[role];
  return policy === undefined || policy.length === 0 ? undefined : new EntryIds(ids);
}

/** Of one hash: nearly always the IDs of one entry. */
type Place<Entry extends object> = EntryIds<Entry> | readonly EntryIds<Entry>[];

/** How many IDs begin with the bytes of a hash, of those that are longer. */
interface Beginnings {
  readonly counts: Map<number, number>;
  /** Those of dormant entries are counted in slots before this one; infinite when all of them are. */
  next: number;
}

/** Slots of dormant entries that are read in one go, some 3 µs each. */
const COUNTED_AT_ONCE = 500;

/**
 * Entries by connection ID. A look-up makes no objects: the bytes in the datagram are hashed to an integer, and compared.
 * We make the IDs, so a peer cannot choose IDs with equal hashes. No ID is the beginning of another one, because the bytes
 * after an ID are the peer's. The first ID of a shorter length is compared with all longer ones, in steps. Until that is
 * done it may be the beginning of an ID that was not read yet; while that is in doubt, the longest ID that a datagram
 * begins with is found.
 */
export class CidRoutes<Entry extends object = object> {
  /** Their lengths and beginnings are counted here, too. */
  dormant: DormantIds<Entry> = NO_DORMANTS;
  readonly #places = new Map<number, Place<Entry>>();
  /** How many IDs of each length there are: a header does not tell it. Nearly always there is one length. */
  readonly #lengths = new Map<number, number>();
  /** That one; 0 where there are none, or several. */
  #onlyLength = 0;
  #hasAny = false;
  /** What the last look-up found, and its ID: records of one peer often follow each other. */
  #last: EntryIds<Entry> | undefined;
  readonly #lastId = new Uint8Array(MAX_CID_LENGTH);
  #lastLength = 0;
  /** By the lengths of which there have been shorter ones. */
  readonly #beginnings = new Map<number, Beginnings>();
  /** IDs that may be, or are, the beginning of a longer one. Nearly always there are none. */
  readonly #doubtful = new Set<Packed>();

  /**
   * Whether there are any. It is a field, because it is asked for every datagram, and V8 makes a call for the size of a
   * map.
   */
  get any(): boolean {
    return this.#hasAny;
  }

  /**
   * `ids` gets it. Returns false where this ID is there already, or one of which either is the beginning of the other.
   * The beginnings of longer IDs are known by their hashes alone, and an equal hash is enough to refuse.
   */
  add(packed: Packed, ids: EntryIds<Entry>): boolean {
    const cid = unpack(packed);
    for (const length of this.#lengths.keys())
      if (this.#find(cid, 0, length) !== undefined || this.dormant.hasId(cid, length)) return false;
    if (this.#isBeginning(cid)) return false;
    this.#put(cid, ids);
    this.#countLength(cid, 1);
    this.#countBeginnings(cid, 1);
    if (this.#isUnderWay(cid.length)) this.#doubtful.add(packed);
    return true;
  }

  /** As {@link add}, of one that is no more among {@link DormantIds} in `slot`. */
  readmit(packed: Packed, ids: EntryIds<Entry>, slot: number): void {
    const cid = unpack(packed);
    this.#put(cid, ids);
    this.#countBeginnings(cid, 1, slot);
  }

  /** As {@link delete}, of one that is among {@link DormantIds} in `slot` from now on. */
  leave(packed: Packed, ids: EntryIds<Entry>, slot: number): void {
    const cid = unpack(packed);
    this.#take(cid, ids);
    this.#countBeginnings(cid, -1, slot);
  }

  /** `ids` has it no more. */
  delete(packed: Packed, ids: EntryIds<Entry>): void {
    const cid = unpack(packed);
    this.#take(cid, ids);
    this.#doubtful.delete(packed);
    this.#countLength(cid, -1);
    this.#countBeginnings(cid, -1);
    if (this.#lengths.size > 1) return;
    this.#beginnings.clear();
    this.#doubtful.clear();
  }

  /** The beginnings of IDs are being counted: {@link goOnCounting} is to be called, in each turn of the caller's loop. */
  get isCounting(): boolean {
    if (this.#beginnings.size === 0) return false;
    return [...this.#beginnings.values()].some(({ next }) => next !== ALL);
  }

  /** A part of it. */
  goOnCounting(): void {
    for (const [length, beginnings] of this.#beginnings) {
      if (beginnings.next === ALL) continue;
      const end = Math.min(beginnings.next + COUNTED_AT_ONCE, this.dormant.slots);
      for (let slot = beginnings.next; slot < end; slot++)
        for (const cid of this.dormant.idsAt(slot)) countBeginning(beginnings, cid, length, 1);
      beginnings.next = end;
      if (end < this.dormant.slots) return;
      beginnings.next = ALL;
      for (const packed of this.#doubtful)
        if (packed.length === length && !hasBeginning(beginnings, unpack(packed)))
          this.#doubtful.delete(packed);
    }
  }

  /** Not all IDs that are longer than `length` are counted. */
  #isUnderWay(length: number): boolean {
    return (this.#beginnings.get(length)?.next ?? ALL) !== ALL;
  }

  #put(cid: Uint8Array, ids: EntryIds<Entry>): void {
    const key = hashOf(cid, 0, cid.length);
    const others = listOf(this.#places.get(key)).filter((each) => each !== ids);
    this.#places.set(key, others.length === 0 ? ids : [ids, ...others]);
  }

  /** Another ID of `ids` may have the same hash. */
  #take(cid: Uint8Array, ids: EntryIds<Entry>): void {
    const key = hashOf(cid, 0, cid.length);
    this.#last = undefined;
    if (ids.all.some((other) => hashOfPacked(other) === key)) return;
    const [first, ...others] = listOf(this.#places.get(key)).filter((each) => each !== ids);
    if (first === undefined) this.#places.delete(key);
    else this.#places.set(key, others.length === 0 ? first : [first, ...others]);
  }

  /** The entry that the first record of a datagram names; `undefined` where it names none. */
  entryOf(datagram: Uint8Array): Entry | undefined {
    return datagram.length === 0 ? undefined : this.#entryAt(datagram, cidStartOf(datagram, 0));
  }

  /** The same, of the first record that has a connection ID, behind plaintext. */
  entryBehindPlaintext(datagram: Uint8Array): Entry | undefined {
    return this.#entryAt(datagram, firstCidOf(datagram));
  }

  #entryAt(datagram: Uint8Array, at: number | undefined): Entry | undefined {
    if (at === undefined) return undefined;
    if (this.#doubtful.size > 0) return this.#longestAt(datagram, at);
    const last = this.#last;
    if (last !== undefined && this.#isLastAt(datagram, at)) return last.entry;
    if (this.#onlyLength > 0) return this.#entryOf(datagram, at, this.#onlyLength);
    for (const length of this.#lengths.keys()) {
      const entry = this.#entryOf(datagram, at, length);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** The one with the ID of this length that stands at `at`. */
  #entryOf(datagram: Uint8Array, at: number, length: number): Entry | undefined {
    const ids = this.#find(datagram, at, length);
    if (ids === undefined) return this.dormant.findId(datagram, at, length);
    this.#last = ids;
    this.#lastLength = length;
    for (let i = 0; i < length; i++) this.#lastId[i] = datagram[at + i] as number;
    return ids.entry;
  }

  #isLastAt(datagram: Uint8Array, at: number): boolean {
    const id = this.#lastId;
    const length = this.#lastLength;
    for (let i = 0; i < length; i++) if (datagram[at + i] !== id[i]) return false;
    return true;
  }

  #longestAt(datagram: Uint8Array, at: number): Entry | undefined {
    for (const length of [...this.#lengths.keys()].sort((one, other) => other - one)) {
      const entry = this.#find(datagram, at, length)?.entry ?? this.dormant.findId(datagram, at, length);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #countLength({ length }: Uint8Array, change: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + change;
    if (count === 0) this.#lengths.delete(length);
    else this.#lengths.set(length, count);
    const [only = 0] = this.#lengths.keys();
    this.#onlyLength = this.#lengths.size === 1 ? only : 0;
    this.#hasAny = this.#lengths.size > 0;
  }

  /** A longer ID begins with these bytes. The first of a length counts the beginnings of all that are longer. */
  #isBeginning(cid: Uint8Array): boolean {
    const { length } = cid;
    if (![...this.#lengths.keys()].some((other) => other > length)) return false;
    const known = this.#beginnings.get(length);
    const beginnings: Beginnings = known ?? { counts: new Map(), next: 0 };
    if (known === undefined) {
      this.#beginnings.set(length, beginnings);
      for (const longer of this.#allIds()) countBeginning(beginnings, unpack(longer), length, 1);
      this.goOnCounting();
    }
    return hasBeginning(beginnings, cid);
  }

  /** `slot`: where the ID is, or was, among those of dormant entries, which are counted up to some slot. */
  #countBeginnings(cid: Uint8Array, change: 1 | -1, slot?: number): void {
    for (const [length, beginnings] of this.#beginnings)
      if (slot === undefined || slot >= beginnings.next) countBeginning(beginnings, cid, length, change);
  }

  *#allIds(): Iterable<Packed> {
    for (const [key, place] of this.#places)
      for (const ids of listOf(place)) for (const cid of ids.all) if (hashOfPacked(cid) === key) yield cid;
  }

  #find(bytes: Uint8Array, at: number, length: number): EntryIds<Entry> | undefined {
    if (at + length > bytes.length) return undefined;
    const place = this.#places.get(hashOf(bytes, at, length));
    if (place === undefined) return undefined;
    if (place instanceof EntryIds) return place.standAt(bytes, at, length) ? place : undefined;
    return place.find((ids) => ids.standAt(bytes, at, length));
  }
}

function listOf<Entry extends object>(place: Place<Entry> | undefined): readonly EntryIds<Entry>[] {
  if (place === undefined) return [];
  return place instanceof EntryIds ? [place] : place;
}

/** In place of a slot: those of all are counted. */
const ALL = Number.POSITIVE_INFINITY;

/** One that is longer than `length`. */
function countBeginning({ counts }: Beginnings, cid: Uint8Array, length: number, change: 1 | -1): void {
  if (cid.length <= length) return;
  const hash = hashOf(cid, 0, length);
  const count = (counts.get(hash) ?? 0) + change;
  if (count === 0) counts.delete(hash);
  else counts.set(hash, count);
}

/** Of those that are counted one begins with `cid`, or with bytes of the same hash. */
function hasBeginning({ counts }: Beginnings, cid: Uint8Array): boolean {
  return (counts.get(hashOf(cid, 0, cid.length)) ?? 0) > 0;
}

function standsAt(bytes: Uint8Array, at: number, cid: Packed): boolean {
  for (let i = 0; i < cid.length; i++) if (bytes[at + i] !== cid.charCodeAt(i)) return false;
  return true;
}

/** FNV-1a, and the length. */
function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5 ^ length;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash | 0;
}

function hashOfPacked(cid: Packed): number {
  return hashOf(unpack(cid), 0, cid.length);
}
