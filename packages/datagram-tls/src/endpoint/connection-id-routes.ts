import { type Packed, pack, unpack } from '../base/packed.js';
import type { Behaviour, Role } from '../config/config.js';
import type { CidRegistry } from '../connection/connection-ids.js';
import { cidStartOf, firstCidOf } from '../record/header.js';

/** Of very many entries, whose peers want none. */
const NO_IDS: readonly Packed[] = [];

/** The connection IDs of one entry. */
export class EntryIds<Entry extends object = object> implements CidRegistry {
  readonly #routes: CidRoutes<Entry>;
  #own = NO_IDS;
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
    return this.#own.length > 0;
  }

  bind(entry: Entry): void {
    this.#entry = entry;
  }

  /** True also for an ID that this association has already: one that hibernated claims its own again. */
  claim(cid: Uint8Array): boolean {
    const packed = pack(cid);
    if (this.#own.includes(packed)) return true;
    if (!this.#routes.add(cid, packed, this)) return false;
    this.#own = [...this.#own, packed];
    return true;
  }

  release(cid: Uint8Array): void {
    const packed = pack(cid);
    const left = this.#own.filter((own) => own !== packed);
    if (left.length === this.#own.length) return;
    this.#own = left;
    this.#routes.delete(cid);
  }

  releaseAll(): void {
    for (const cid of this.#own) this.#routes.delete(unpack(cid));
    this.#own = NO_IDS;
  }

  /** The endpoint lets go of the entry: from now on its IDs are among {@link DormantIds}. */
  leave(): void {
    for (const cid of this.#own) this.#routes.leave(cid);
    this.#own = NO_IDS;
  }

  /** They were among {@link DormantIds}, and are of this entry now. */
  readmit(cids: readonly Uint8Array[]): void {
    this.#own = cids.map(pack);
    for (const cid of cids) this.#routes.readmit(cid, pack(cid), this);
  }
}

/** The IDs of entries that the endpoint let go of: see `DormantEntries`. */
export interface DormantIds<Entry extends object> {
  /** The entry with the ID of this length that stands there, made again. */
  findId(bytes: Uint8Array, at: number, length: number): Entry | undefined;
  hasId(cid: Uint8Array, length: number): boolean;
  allIds(): Iterable<Uint8Array>;
}

const NO_DORMANTS: DormantIds<never> = {
  findId: () => undefined,
  hasId: () => false,
  allIds: () => [],
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

/** IDs with the same hash are in a chain. */
interface Slot<Entry extends object> {
  readonly cid: Packed;
  readonly ids: EntryIds<Entry>;
  readonly next: Slot<Entry> | undefined;
}

/**
 * Entries by connection ID. A look-up makes no objects: the bytes in the datagram are hashed to an integer, and compared. IDs are
 * ours, so that nobody chooses which of them meet. None is the beginning of another one: bytes after an ID are the peer's.
 */
export class CidRoutes<Entry extends object = object> {
  /** Their lengths and beginnings are counted here, too. */
  dormant: DormantIds<Entry> = NO_DORMANTS;
  readonly #slots = new Map<number, Slot<Entry>>();
  /** How many IDs of each length there are: a header does not tell it. Nearly always there is one length. */
  readonly #lengths = new Map<number, number>();
  /** That one; 0 where there are none, or several. */
  #onlyLength = 0;
  /** What the last look-up found: records of one peer often follow each other. */
  #last: Slot<Entry> | undefined;
  /** How many longer IDs begin with bytes of a hash, by the lengths of which there have been shorter ones. */
  readonly #beginnings = new Map<number, Map<number, number>>();

  /** Whether there are any. */
  get any(): boolean {
    return this.#lengths.size > 0;
  }

  /**
   * `packed`: the same ID. Returns false where this ID is there already, or one of which either is the beginning of the other.
   * The beginnings of longer IDs are known by their hashes alone, and an equal hash is enough to refuse.
   */
  add(cid: Uint8Array, packed: Packed, ids: EntryIds<Entry>): boolean {
    for (const length of this.#lengths.keys())
      if (this.#find(cid, 0, length) !== undefined || this.dormant.hasId(cid, length)) return false;
    if (this.#isBeginning(cid)) return false;
    this.readmit(cid, packed, ids);
    this.#countLength(cid, 1);
    this.#countBeginnings(cid, 1);
    return true;
  }

  /** As {@link add}, of one that is among {@link DormantIds} no more. */
  readmit(cid: Uint8Array, packed: Packed, ids: EntryIds<Entry>): void {
    const key = hashOf(cid, 0, cid.length);
    this.#slots.set(key, { cid: packed, ids, next: this.#slots.get(key) });
  }

  /** As {@link delete}, of one that is among {@link DormantIds} from now on. */
  leave(packed: Packed): void {
    const cid = unpack(packed);
    const key = hashOf(cid, 0, cid.length);
    const rest = without(this.#slots.get(key), packed);
    this.#last = undefined;
    if (rest === undefined) this.#slots.delete(key);
    else this.#slots.set(key, rest);
  }

  delete(cid: Uint8Array): void {
    this.leave(pack(cid));
    this.#countLength(cid, -1);
    this.#countBeginnings(cid, -1);
    if (this.#lengths.size < 2) this.#beginnings.clear();
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
    const last = this.#last;
    if (last !== undefined && standsAt(datagram, at, last.cid)) return last.ids.entry;
    const found = this.#slotAt(datagram, at);
    if (found === undefined) return this.#dormantAt(datagram, at);
    this.#last = found;
    return found.ids.entry;
  }

  #dormantAt(datagram: Uint8Array, at: number): Entry | undefined {
    if (this.#onlyLength > 0) return this.dormant.findId(datagram, at, this.#onlyLength);
    for (const length of this.#lengths.keys()) {
      const entry = this.dormant.findId(datagram, at, length);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #slotAt(datagram: Uint8Array, at: number): Slot<Entry> | undefined {
    if (this.#onlyLength > 0) return this.#find(datagram, at, this.#onlyLength);
    for (const length of this.#lengths.keys()) {
      const slot = this.#find(datagram, at, length);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  #countLength({ length }: Uint8Array, change: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + change;
    if (count === 0) this.#lengths.delete(length);
    else this.#lengths.set(length, count);
    const [only = 0] = this.#lengths.keys();
    this.#onlyLength = this.#lengths.size === 1 ? only : 0;
  }

  /** A longer ID begins with these bytes. The first of a length counts the beginnings of all that are longer. */
  #isBeginning(cid: Uint8Array): boolean {
    const { length } = cid;
    if (![...this.#lengths.keys()].some((other) => other > length)) return false;
    if (!this.#beginnings.has(length)) {
      this.#beginnings.set(length, new Map());
      for (const slot of this.#slots.values())
        for (let each: Slot<Entry> | undefined = slot; each !== undefined; each = each.next)
          this.#countBeginning(unpack(each.cid), length, 1);
      for (const each of this.dormant.allIds()) this.#countBeginning(each, length, 1);
    }
    return (this.#beginnings.get(length)?.get(hashOf(cid, 0, length)) ?? 0) > 0;
  }

  #countBeginnings(cid: Uint8Array, change: 1 | -1): void {
    for (const length of this.#beginnings.keys()) this.#countBeginning(cid, length, change);
  }

  #countBeginning(cid: Uint8Array, length: number, change: 1 | -1): void {
    const counts = this.#beginnings.get(length);
    if (counts === undefined || cid.length <= length) return;
    const hash = hashOf(cid, 0, length);
    const count = (counts.get(hash) ?? 0) + change;
    if (count === 0) counts.delete(hash);
    else counts.set(hash, count);
  }

  #find(bytes: Uint8Array, at: number, length: number): Slot<Entry> | undefined {
    if (at + length > bytes.length) return undefined;
    let slot = this.#slots.get(hashOf(bytes, at, length));
    while (slot !== undefined && !(slot.cid.length === length && standsAt(bytes, at, slot.cid)))
      slot = slot.next;
    return slot;
  }
}

function standsAt(bytes: Uint8Array, at: number, cid: Packed): boolean {
  for (let i = 0; i < cid.length; i++) if (bytes[at + i] !== cid.charCodeAt(i)) return false;
  return true;
}

function without<Entry extends object>(slot: Slot<Entry> | undefined, cid: Packed): Slot<Entry> | undefined {
  if (slot === undefined) return undefined;
  const rest = without(slot.next, cid);
  return slot.cid === cid ? rest : { cid: slot.cid, ids: slot.ids, next: rest };
}

/** FNV-1a, and the length. */
function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5 ^ length;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash | 0;
}
