import { isLateAnswer } from '../base/awaitable.js';
import { EMPTY, own, sameBytes } from '../base/bytes.js';
import { DTLSError, invalidReturn, outOfRange, textOf } from '../base/errors.js';
import { NONE_PACKED, type Packed, pack, unpack } from '../base/packed.js';
import type { ConnectionIdPolicy } from '../config/config.js';
import { MAX_CID_LENGTH } from '../config/connection-ids.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { ConnectionIdPair } from '../extensions/connection-id.js';
import type { CidIssuer } from '../handshake/context.js';
import type { CidLengths } from '../record/header.js';
import type { Reader, Writer } from '../wire/cursor.js';

/** Finds associations by connection ID: an endpoint, which has many. */
export interface CidRegistry {
  /** Records with this ID go to this association from now on; false where another association has it. */
  claim(cid: Packed): boolean;
  /** Records with this ID go to no association any more. */
  release(cid: Packed): void;
}

/** IDs that the peer may have at a time, and spare ones of the peer that we keep. */
const MAX_IDS = 8;
/** IDs that are made until one is found that no other association has. */
const MAX_TRIES = 8;

/** Nearly all associations have no spare ones. */
const NO_SPARES: readonly Uint8Array[] = [];
const NO_IDS: readonly Packed[] = [];

/** The connection IDs of one association. */
export class ConnectionIds implements CidIssuer, CidLengths {
  readonly #policy: ConnectionIdPolicy;
  readonly #provider: CryptoProvider;
  readonly #registry: CidRegistry | undefined;
  /** The one that the peer's records have; empty for none. */
  #current = NONE_PACKED;
  /** The same while records come: each is compared with it. */
  #bytes: Uint8Array | undefined;
  /** Spare ones that the peer's records may have, in the order in which they were given. */
  #others = NO_IDS;
  /** The one that they had before, for records that are late; empty for none. */
  #former = NONE_PACKED;
  /** Which of {@link own} the record at hand has; -1 for {@link #former}. */
  #matched = 0;
  /** Of the peer, in its order. */
  #spares = NO_SPARES;
  #send: Uint8Array = EMPTY;
  /** The one on our records before, for a path that we have left; empty for none. */
  formerSend: Uint8Array = EMPTY;
  /** The peer has given spare ones, or has asked for some: it answers requests. One that gave none is not asked again. */
  #answersRequests = false;
  /** The peer was given spare ones of ours, or none was free. */
  #hasGiven = false;
  #expected = false;
  /** Both sides have agreed on them. */
  #agreed = false;
  #checksPaths = false;

  /** Without `registry` no other association is found by ID. */
  constructor(policy: ConnectionIdPolicy, provider: CryptoProvider, registry: CidRegistry | undefined) {
    this.#policy = policy;
    this.#provider = provider;
    this.#registry = registry;
  }

  /** On our protected records; empty for none. */
  get send(): Uint8Array {
    return this.#send;
  }

  /** The peer's protected records have one of ours. */
  get expected(): boolean {
    return this.#expected;
  }

  /** Both sides check a new path of the peer (RFC 9853). */
  get checksPaths(): boolean {
    return this.#checksPaths;
  }

  /** The newest; `undefined` until both sides have agreed on them, and where they have not. */
  get pair(): ConnectionIdPair | undefined {
    return this.#agreed ? { send: this.#send, receive: unpack(this.#current) } : undefined;
  }

  /** No record has come for some time. */
  rest(): void {
    this.#bytes = undefined;
  }

  /** All that the peer's records may have, the current one first. */
  private get own(): readonly Packed[] {
    return this.#current.length === 0 ? NO_IDS : [this.#current, ...this.#others];
  }

  private set own([current = NONE_PACKED, ...others]: readonly Packed[]) {
    this.#current = current;
    this.#bytes = undefined;
    this.#others = others.length === 0 ? NO_IDS : others.slice();
  }

  /** For the peer's records. Where no free one is found its records have none, which costs it a changed address. */
  issue(): Uint8Array {
    if (this.#policy.length === 0) return EMPTY;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const cid = this.make();
      const packed = pack(cid);
      if (this.has(packed) || this.#registry?.claim(packed) === false) continue;
      this.own = [...this.own, packed];
      return cid;
    }
    return EMPTY;
  }

  issueMore(count: number): readonly Uint8Array[] {
    this.#hasGiven = true;
    return this.issueUpTo(count, MAX_IDS);
  }

  /** Each peer that checks paths may be given one: such a message is less likely to be unknown to it than a request. */
  issueFirstSpare(): readonly Uint8Array[] {
    return this.#hasGiven || !this.#checksPaths || !this.#expected ? [] : this.issueMore(1);
  }

  onRequest(): void {
    this.#answersRequests = true;
  }

  /** Beside those that the peer may have: it gives up one of them for this. */
  issueSuccessor(): readonly Uint8Array[] {
    return this.issueUpTo(1, MAX_IDS + 1);
  }

  private issueUpTo(count: number, most: number): readonly Uint8Array[] {
    const made: Uint8Array[] = [];
    while (made.length < count && this.own.length < most) {
      const cid = this.issue();
      if (cid.length === 0) break;
      made.push(cid);
    }
    return made;
  }

  /** Some peers end the session on a request: only those are asked that are known to have such messages. */
  get lacksSpare(): boolean {
    return (
      this.#agreed &&
      this.#checksPaths &&
      this.#send.length > 0 &&
      this.#spares.length === 0 &&
      this.#answersRequests
    );
  }

  /**
   * Keeps IDs that the peer has given. Where they are `immediate`, the first is to be used at once, and this returns whether it
   * differs from the one in use. IDs beyond {@link MAX_IDS} are dropped.
   */
  keep(given: readonly Uint8Array[], immediate: boolean): boolean {
    this.#answersRequests = given.length > 0;
    const all = immediate ? [...given, ...this.#spares] : [...this.#spares, ...given];
    const kept: Uint8Array[] = [];
    for (const cid of all) {
      if (kept.length === MAX_IDS) break;
      // An ID that is in use, or given twice, does not count again.
      if (![this.#send, ...kept].some((other) => sameBytes(other, cid))) kept.push(cid);
    }
    this.#spares = kept;
    return immediate && kept[0] === given[0];
  }

  /** The next of the peer, which our records have from now on. */
  takeSpare(): Uint8Array | undefined {
    const [next, ...rest] = this.#spares;
    if (next === undefined) return undefined;
    this.#spares = rest.length === 0 ? NO_SPARES : rest;
    this.formerSend = this.#send;
    this.#send = next;
    return next;
  }

  /** A process before may have used the peer's spare ones, which the peer may have forgotten since: the one in use stays. */
  forgetSpares(): void {
    this.#spares = NO_SPARES;
  }

  /** The record at hand is authentic: where it has another ID, the peer uses that from now on. `isNewest`: it is not late. */
  onUsed(isNewest: boolean): void {
    if (this.#matched < 0 && isNewest) return this.goBack();
    if (this.#matched <= 0) return;
    const { own } = this;
    const used = own[this.#matched];
    const [current] = own;
    this.#matched = 0;
    if (used === undefined || current === undefined) return;
    if (this.#former.length > 0) this.#registry?.release(this.#former);
    this.#former = current;
    this.own = [used, ...own.filter((cid) => cid !== used && cid !== current)];
  }

  /** A process of the peer goes on from a checkpoint of before its last ID: it may do so again after the next one. */
  private goBack(): void {
    const [current, ...spares] = this.own;
    if (this.#former.length === 0 || current === undefined) return;
    this.own = [this.#former, ...spares];
    this.#former = current;
    this.#matched = 0;
  }

  /** Both hellos are known; `undefined`: no connection IDs. */
  use(ids: ConnectionIdPair | undefined, checksPaths: boolean): void {
    if (ids === undefined) return this.forget();
    this.#checksPaths = checksPaths;
    this.#agreed = true;
    // An empty array would take as much memory as one with an ID.
    this.#send = ids.send.length === 0 ? EMPTY : ids.send;
    this.#expected = ids.receive.length > 0;
  }

  /** None of ours is read any more. */
  forget(): void {
    for (const cid of this.own) this.#registry?.release(cid);
    if (this.#former.length > 0) this.#registry?.release(this.#former);
    this.#former = NONE_PACKED;
    this.own = NO_IDS;
    this.#expected = false;
  }

  /** That of ours that stands there; 0 where there is none. */
  lengthAt(datagram: Uint8Array, at: number): number {
    if (this.#current.length === 0) return 0;
    const current = this.#bytes ?? this.wake();
    if (!standsAt(datagram, at, current)) return this.otherLengthAt(datagram, at);
    this.#matched = 0;
    return current.length;
  }

  private wake(): Uint8Array {
    this.#bytes = unpack(this.#current);
    return this.#bytes;
  }

  private otherLengthAt(datagram: Uint8Array, at: number): number {
    for (const [i, packed] of this.#others.entries()) {
      if (!standsAt(datagram, at, unpack(packed))) continue;
      this.#matched = i + 1;
      return packed.length;
    }
    if (this.#former.length === 0 || !standsAt(datagram, at, unpack(this.#former))) return 0;
    this.#matched = -1;
    return this.#former.length;
  }

  /** The IDs that both sides have agreed on. */
  save(w: Writer): void {
    const count = this.#current.length === 0 ? 0 : 1 + this.#others.length;
    w.u8((this.#checksPaths ? 1 : 0) | (this.#answersRequests ? 2 : 0) | (this.#hasGiven ? 4 : 0))
      .vec8(this.#send)
      .u8(count);
    if (count > 0) w.vec8(unpack(this.#current));
    for (const cid of this.#others) w.vec8(unpack(cid));
    w.vec8(unpack(this.#former)).u8(this.#spares.length);
    for (const cid of this.#spares) w.vec8(cid);
  }

  /** Returns whether ours are free. */
  restore(r: Reader): boolean {
    const { flags, send, ours, former, spares } = readSaved(r);
    this.#answersRequests = (flags & 2) !== 0;
    this.#hasGiven = (flags & 4) !== 0;
    if (spares.length > 0) this.#spares = spares;
    const packedFormer = pack(former);
    if (former.length > 0 && this.#registry?.claim(packedFormer) !== false) this.#former = packedFormer;
    const [current = NONE_PACKED, ...others] = ours.map(pack);
    this.#current = current;
    // Without the room that V8 reserves in a list that grows.
    if (others.length > 0) this.#others = others.slice();
    if (this.own.some((cid) => this.#registry?.claim(cid) === false)) {
      this.forget();
      return false;
    }
    this.use({ send, receive: ours[0] ?? EMPTY }, (flags & 1) !== 0);
    return true;
  }

  /** One of this association is the same, or begins alike. */
  private has(cid: Packed): boolean {
    const isAlike = (own: Packed): boolean => own.startsWith(cid) || cid.startsWith(own);
    return this.own.some(isAlike) || (this.#former.length > 0 && isAlike(this.#former));
  }

  private make(): Uint8Array {
    const { length = 0, generate } = this.#policy;
    return generate === undefined
      ? this.#provider.randomBytes(length)
      : generated(generate, this.#policy.length);
  }
}

function standsAt(datagram: Uint8Array, at: number, cid: Uint8Array): boolean {
  const { length } = cid;
  for (let i = 0; i < length; i++) if (datagram[at + i] !== cid[i]) return false;
  return true;
}

const NAME = 'options.connectionId.generate';

/** `length`: what it has to be, if anything. */
function generated(generate: () => Uint8Array, length: number | undefined): Uint8Array {
  let made: unknown;
  try {
    made = generate();
  } catch (cause) {
    throw new DTLSError('ERR_DTLS_CALLBACK', textOf(cause), { alert: 'internal_error', cause });
  }
  const cid = copyOf(made);
  if (cid === undefined) throw nonsense(invalidReturn(NAME, 'an instance of Uint8Array', made));
  const fits = length === undefined ? cid.length >= 1 && cid.length <= MAX_CID_LENGTH : cid.length === length;
  if (!fits) {
    const range = length === undefined ? `>= 1 && <= ${MAX_CID_LENGTH}` : `${length}`;
    throw nonsense(outOfRange(`${NAME}().length`, range, cid.length));
  }
  return cid;
}

/**
 * `undefined` unless the application's value is bytes. No code of the application runs, except that of a proxy or a getter.
 */
function copyOf(made: unknown): Uint8Array | undefined {
  try {
    return isLateAnswer(made) || !(made instanceof Uint8Array) ? undefined : new Uint8Array(made);
  } catch {
    return undefined;
  }
}

function nonsense(cause: Error): DTLSError {
  return new DTLSError('ERR_DTLS_CALLBACK', cause.message, { alert: 'internal_error', cause });
}

const NONE: ConnectionIdPolicy = { length: 0, generate: undefined };

/** Of an open session: whether there are any, and which. */
export function saveIds(ids: ConnectionIds | undefined, w: Writer): void {
  const agreed = ids?.pair !== undefined;
  w.u8(agreed ? 1 : 0);
  if (agreed) ids.save(w);
}

interface SavedIds {
  /** As `save` writes them. */
  readonly flags: number;
  readonly send: Uint8Array;
  readonly ours: readonly Uint8Array[];
  /** Empty for none. */
  readonly former: Uint8Array;
  readonly spares: readonly Uint8Array[];
}

/** What `save` wrote. */
function readSaved(r: Reader): SavedIds {
  const flags = r.u8();
  const send = own(r.vec8());
  const ours = readList(r);
  // Every record begins with the empty one.
  if (ours.some(({ length }) => length === 0)) r.fail();
  return { flags, send, ours, former: own(r.vec8()), spares: readList(r) };
}

function readList(r: Reader): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let left = r.u8(); left > 0 && !r.failed; left--) list.push(own(r.vec8()));
  return list;
}

/** Those in a state, which {@link saveIds} wrote, to look at. */
export interface IdsInState {
  /** The newest. */
  readonly pair: ConnectionIdPair;
  /** All that the peer's records may have. */
  readonly ours: readonly Uint8Array[];
}

/** `undefined` where both sides have not agreed on any. */
export function lookForIds(r: Reader): IdsInState | undefined {
  if (r.u8() === 0) return undefined;
  const { send, ours, former } = readSaved(r);
  return {
    pair: { send, receive: ours[0] ?? EMPTY },
    ours: former.length === 0 ? ours : [...ours, former],
  };
}

/** `ids`: of the settings here, which may differ from those of the saved session; `taken`: another session has one of them. */
export function restoreIds(
  ids: ConnectionIds | undefined,
  provider: CryptoProvider,
  registry: CidRegistry | undefined,
  r: Reader,
): ConnectionIds | 'taken' | undefined {
  if (r.u8() === 0) return undefined;
  const restored = ids ?? new ConnectionIds(NONE, provider, registry);
  return restored.restore(r) ? restored : 'taken';
}
