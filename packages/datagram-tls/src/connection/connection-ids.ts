import { isLateAnswer } from '../base/awaitable.js';
import { EMPTY, own, sameBytes } from '../base/bytes.js';
import { DTLSError, invalidReturn, outOfRange, textOf } from '../base/errors.js';
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
  claim(cid: Uint8Array): boolean;
  /** Records with this ID go to no association any more. */
  release(cid: Uint8Array): void;
}

/** IDs that the peer may have at a time, and spare ones of the peer that we keep. */
const MAX_IDS = 8;
/** IDs that are made until one is found that no other association has. */
const MAX_TRIES = 8;

/** The connection IDs of one association. */
export class ConnectionIds implements CidIssuer, CidLengths {
  readonly #policy: ConnectionIdPolicy;
  readonly #provider: CryptoProvider;
  readonly #registry: CidRegistry | undefined;
  /** What the peer's records may have: the one that they have, then spare ones in the order in which they were given. */
  #own: Uint8Array[] = [];
  /** The one that they had before, for records that are late. */
  #former: Uint8Array | undefined;
  /** Which of {@link #own} the record at hand has; -1 for {@link #former}. */
  #matched = 0;
  /** Of the peer, in its order. */
  #spares: readonly Uint8Array[] = [];
  #send: Uint8Array = EMPTY;
  /** The one on our records before, for a path that we have left; empty for none. */
  formerSend: Uint8Array = EMPTY;
  /** The peer was asked for spare ones, and has given none. */
  #isRefused = false;
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
    return this.#agreed ? { send: this.#send, receive: this.#own[0] ?? EMPTY } : undefined;
  }

  /** For the peer's records. Where no free one is found its records have none, which costs it a changed address. */
  issue(): Uint8Array {
    if (this.#policy.length === 0) return EMPTY;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const cid = this.#make();
      if (this.#has(cid) || this.#registry?.claim(cid) === false) continue;
      this.#own = [...this.#own, cid];
      return cid;
    }
    return EMPTY;
  }

  issueMore(count: number): readonly Uint8Array[] {
    return this.#issueUpTo(count, MAX_IDS);
  }

  /** Beside those that the peer may have: it gives up one of them for this. */
  issueSuccessor(): readonly Uint8Array[] {
    return this.#issueUpTo(1, MAX_IDS + 1);
  }

  #issueUpTo(count: number, most: number): readonly Uint8Array[] {
    const made: Uint8Array[] = [];
    while (made.length < count && this.#own.length < most) {
      const cid = this.issue();
      if (cid.length === 0) break;
      made.push(cid);
    }
    return made;
  }

  /** A peer that checks paths knows what DTLS 1.3 has for connection IDs; others may end the session on a request. */
  get lacksSpare(): boolean {
    return (
      this.#agreed &&
      this.#checksPaths &&
      this.#send.length > 0 &&
      this.#spares.length === 0 &&
      !this.#isRefused
    );
  }

  /**
   * Keeps IDs that the peer has given. Where they are `immediate`, the first is to be used at once, and this returns whether it
   * differs from the one in use. IDs beyond {@link MAX_IDS} are dropped.
   */
  keep(given: readonly Uint8Array[], immediate: boolean): boolean {
    this.#isRefused = given.length === 0;
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
    this.#spares = rest;
    this.formerSend = this.#send;
    this.#send = next;
    return next;
  }

  /** A process before may have used the peer's spare ones, which the peer may have forgotten since: the one in use stays. */
  forgetSpares(): void {
    this.#spares = [];
  }

  /** The record at hand is authentic: where it has another ID, the peer uses that from now on. `isNewest`: it is not late. */
  onUsed(isNewest: boolean): void {
    if (this.#matched < 0 && isNewest) return this.#goBack();
    if (this.#matched <= 0) return;
    const used = this.#own[this.#matched];
    const [current] = this.#own;
    this.#matched = 0;
    if (used === undefined || current === undefined) return;
    if (this.#former !== undefined) this.#registry?.release(this.#former);
    this.#former = current;
    this.#own = [used, ...this.#own.filter((cid) => cid !== used && cid !== current)];
  }

  /** A process of the peer goes on from a checkpoint of before its last ID: it may do so again after the next one. */
  #goBack(): void {
    const [current, ...spares] = this.#own;
    if (this.#former === undefined || current === undefined) return;
    this.#own = [this.#former, ...spares];
    this.#former = current;
    this.#matched = 0;
  }

  /** Both hellos are known; `undefined`: no connection IDs. */
  use(ids: ConnectionIdPair | undefined, checksPaths: boolean): void {
    if (ids === undefined) return this.forget();
    this.#checksPaths = checksPaths;
    this.#agreed = true;
    this.#send = ids.send;
    this.#expected = ids.receive.length > 0;
  }

  /** None of ours is read any more. */
  forget(): void {
    for (const cid of this.#own) this.#registry?.release(cid);
    if (this.#former !== undefined) this.#registry?.release(this.#former);
    this.#former = undefined;
    this.#own = [];
    this.#expected = false;
  }

  /** That of ours that stands there; 0 where there is none. */
  lengthAt(datagram: Uint8Array, at: number): number {
    for (let i = 0; i < this.#own.length; i++) {
      const cid = this.#own[i] as Uint8Array;
      if (!standsAt(datagram, at, cid)) continue;
      this.#matched = i;
      return cid.length;
    }
    if (this.#former === undefined || !standsAt(datagram, at, this.#former)) return 0;
    this.#matched = -1;
    return this.#former.length;
  }

  /** The IDs that both sides have agreed on. */
  save(w: Writer): void {
    w.u8((this.#checksPaths ? 1 : 0) | (this.#isRefused ? 2 : 0))
      .vec8(this.#send)
      .u8(this.#own.length);
    for (const cid of this.#own) w.vec8(cid);
    w.vec8(this.#former ?? EMPTY).u8(this.#spares.length);
    for (const cid of this.#spares) w.vec8(cid);
  }

  /** Returns whether ours are free. */
  restore(r: Reader): boolean {
    const { flags, send, ours, former, spares } = readSaved(r);
    this.#isRefused = (flags & 2) !== 0;
    this.#spares = spares;
    if (former.length > 0 && this.#registry?.claim(former) !== false) this.#former = former;
    for (const cid of ours) {
      if (this.#registry?.claim(cid) === false) {
        this.forget();
        return false;
      }
      this.#own = [...this.#own, cid];
    }
    this.use({ send, receive: this.#own[0] ?? EMPTY }, (flags & 1) !== 0);
    return true;
  }

  /** One of this association is the same, or begins alike. */
  #has(cid: Uint8Array): boolean {
    const isAlike = (own: Uint8Array): boolean =>
      own.length < cid.length ? standsAt(cid, 0, own) : standsAt(own, 0, cid);
    return this.#own.some(isAlike) || (this.#former !== undefined && isAlike(this.#former));
  }

  #make(): Uint8Array {
    const { length = 0, generate } = this.#policy;
    return generate === undefined
      ? this.#provider.randomBytes(length)
      : generated(generate, this.#policy.length);
  }
}

function standsAt(datagram: Uint8Array, at: number, cid: Uint8Array): boolean {
  for (let i = 0; i < cid.length; i++) if (datagram[at + i] !== cid[i]) return false;
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

/** `undefined` unless the application's value is bytes. No code of the application runs but that of a strange object. */
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
