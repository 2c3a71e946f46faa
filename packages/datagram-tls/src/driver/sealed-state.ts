import { KeyObject } from 'node:crypto';
import { own, sameBytes, toHex, utf8 } from '../base/bytes.js';
import { invalidArgType, invalidArgValue } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import { type Packed, pack, unpack } from '../base/packed.js';
import type { PeerAddress } from '../base/peer-address.js';
import { trim } from '../base/trim.js';
import { checkView } from '../config/checks.js';
import type { Role } from '../config/config.js';
import { callback, integer, kindOf } from '../config/kinds.js';
import { type OptionsOf, option, readOptions, required, withDefaults } from '../config/option-table.js';
import { MAX_RESERVE, MIN_RESERVE } from '../connection/arguments.js';
import { decodeState, stateError } from '../connection/saved-state.js';
import { derivedAead } from '../crypto/derived-aead.js';
import { Reader, Writer } from '../wire/cursor.js';
import { viewBytes } from './arguments.js';
import { platform } from './platform.js';

/**
 * Seals states of sessions, under AES-256-GCM: 32 random bytes, which all processes that exchange sessions have.
 *
 * @example
 * ```ts
 * import { createSecretKey, randomBytes } from 'node:crypto';
 * import type { DTLSSession, StateKey } from 'datagram-tls';
 *
 * const stateKey: StateKey = createSecretKey(randomBytes(32));
 * const leave = (session: DTLSSession): Uint8Array => session.export({ key: stateKey });
 * ```
 */
export type StateKey = Uint8Array | KeyObject;

const KEY_LENGTH = 32;

const stateKey = kindOf<StateKey>('32 bytes', (value, name) => {
  const isKey = value instanceof KeyObject && value.type === 'secret';
  if (!isKey && !(value instanceof Uint8Array))
    throw invalidArgType(name, 'an instance of Buffer or Uint8Array, or a secret KeyObject', value);
  const length = value instanceof KeyObject ? value.symmetricKeySize : value.byteLength;
  if (length !== KEY_LENGTH)
    throw invalidArgValue(name, `must be exactly ${KEY_LENGTH} bytes. Received ${String(length)}`);
});

/**
 * Keeps a checkpoint in place of the one before; where it returns a promise, the session goes on within the old one until that
 * resolves.
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import type { DTLSSession, StoreState } from 'datagram-tls';
 *
 * const store: StoreState = (state) => writeFileSync('session.state', state, { mode: 0o600 });
 * const keep = (session: DTLSSession) => session.checkpoint({ key: stateKey, store });
 * ```
 */
export type StoreState = (state: Buffer) => unknown;

/** Of `session.export`. */
export const EXPORT_OPTIONS = {
  /** Seals the state: 32 bytes, or a secret KeyObject of that size. */
  key: required(stateKey),
};

/** Of `endpoint.import`. */
export const IMPORT_OPTIONS = {
  ...EXPORT_OPTIONS,
  /**
   * Refuse older states, by default those older than a day. Clocks of both processes count.
   * @defaultValue 86400000
   */
  maxAge: option(integer(0, Number.MAX_SAFE_INTEGER), { default: 86_400_000, unit: 'ms' }),
};

/** Of `session.checkpoint`. */
export const CHECKPOINT_OPTIONS = {
  ...EXPORT_OPTIONS,
  /**
   * Records of each direction for which one checkpoint lasts. The next is made when half of them are used. After a crash as many
   * messages of the peer are lost at most; in DTLS 1.3 only those of one round trip.
   * @defaultValue 256
   */
  reserve: option(integer(MIN_RESERVE, MAX_RESERVE), { default: 256, unit: 'records' }),
  /** Keeps each checkpoint; required. Where it throws or rejects, the session fails with that error. */
  store: required(callback<StoreState>()),
};

/**
 * What `session.export` takes.
 *
 * @example
 * ```ts
 * import type { DTLSSession, ExportOptions } from 'datagram-tls';
 *
 * const options: ExportOptions = { key: stateKey };
 * const leave = (session: DTLSSession): Uint8Array => session.export(options);
 * ```
 */
export type ExportOptions = OptionsOf<typeof EXPORT_OPTIONS>;

/**
 * What `endpoint.import` takes.
 *
 * @example
 * ```ts
 * import type { DTLSEndpoint, ImportOptions } from 'datagram-tls';
 *
 * const options: ImportOptions = { key: stateKey, maxAge: 60_000 };
 * const goOn = (endpoint: DTLSEndpoint, state: Uint8Array) => endpoint.import(state, options);
 * ```
 */
export type ImportOptions = OptionsOf<typeof IMPORT_OPTIONS>;

/**
 * What `session.checkpoint` takes.
 *
 * @example
 * ```ts
 * import type { CheckpointOptions, DTLSSession } from 'datagram-tls';
 *
 * const options: CheckpointOptions = { key: stateKey, reserve: 1024, store: () => undefined };
 * const keep = (session: DTLSSession) => session.checkpoint(options);
 * ```
 */
export type CheckpointOptions = OptionsOf<typeof CHECKPOINT_OPTIONS>;

/** A session through all its processes: each state of it has a greater generation. */
export interface Lineage {
  readonly id: Packed;
  readonly generation: number;
}

const ID_LENGTH = 16;

function newLineage(): Lineage {
  return { id: pack(platform.provider.randomBytes(ID_LENGTH)), generation: 0 };
}

/** For sessions that keep it for long. */
export function packLineage({ id, generation }: Lineage): Packed {
  return pack(new Writer().bytes(unpack(id)).varint(generation).finish());
}

export function unpackLineage(packed: Packed): Lineage {
  const r = new Reader(unpack(packed));
  return { id: pack(r.bytes(ID_LENGTH)), generation: r.varint() };
}

/** What a driver adds to the state of an association. */
export interface DriverState {
  readonly lineage: Lineage;
  /** Messages that the application has not read. */
  readonly unread: readonly Uint8Array[];
  /** Of the core. */
  readonly state: Uint8Array;
}

/** A state that was opened. */
export interface OpenedState extends DriverState {
  readonly age: Duration;
  /** When it was made, ms since 1970. */
  readonly madeAt: number;
  readonly role: Role;
  readonly peer: PeerAddress;
}

const FORMAT = utf8('\0datagram-tls:state:1\0');
/** All formats have this in common. */
const FAMILY = FORMAT.subarray(0, FORMAT.length - 2);
const SEED_LENGTH = 16;
const TIME_LENGTH = 6;
const HEAD_LENGTH = FORMAT.length + SEED_LENGTH + TIME_LENGTH;
const AEAD = 'aes-256-gcm';
/** Separates the keys of states from all else that may be derived from the same bytes. */
const PURPOSE = utf8('datagram-tls state of a session 1');

/**
 * A format, a random seed, the time, and the content under a key and nonce that are derived from the seed: a key that many
 * processes share for years never comes near the limits of random nonces.
 */
export function sealState(key: StateKey, { lineage, unread, state }: DriverState, time: number): Uint8Array {
  const { provider } = platform;
  const head = new Writer().bytes(FORMAT).bytes(provider.randomBytes(SEED_LENGTH)).u48(time).finish();
  const w = new Writer().bytes(unpack(lineage.id)).varint(lineage.generation).varint(unread.length);
  for (const message of unread) w.vec24(message);
  const content = w.bytes(state).finish();
  const aead = derivedAead(provider, 'sha256', AEAD);
  const sealed = new Uint8Array(head.length + content.length + aead.tagLength);
  sealed.set(head);
  aead.seal(rootOf(key), [PURPOSE, head], [head], content, sealed, head.length);
  return sealed;
}

/** Throws `ERR_DTLS_STATE` for bytes that {@link sealState} did not make with this key. */
export function openState(sealed: Uint8Array, key: StateKey, time: number): OpenedState {
  const bytes = own(sealed);
  const head = bytes.subarray(0, HEAD_LENGTH);
  if (!sameBytes(head.subarray(0, FORMAT.length), FORMAT)) throw unknownFormat(head);
  const aead = derivedAead(platform.provider, 'sha256', AEAD);
  const content = aead.open(rootOf(key), [PURPOSE, head], [head], bytes.subarray(HEAD_LENGTH));
  if (content === undefined)
    throw stateError('UNREADABLE', 'it was sealed with another key, or its bytes are cut off or changed');
  const madeAt = new Reader(head, HEAD_LENGTH - TIME_LENGTH).u48();
  return { ...readContent(content), madeAt, age: Math.max(0, time - madeAt) };
}

function readContent(content: Uint8Array): Omit<OpenedState, 'age' | 'madeAt'> {
  const r = new Reader(content);
  const lineage = { id: pack(r.bytes(ID_LENGTH)), generation: r.varint() };
  const unread: Uint8Array[] = [];
  for (let left = r.varint(); left > 0 && !r.failed; left--) unread.push(own(r.vec24()));
  const state = own(r.rest());
  const { role, peer } = decodeState(state);
  return { lineage, unread, state, role, peer };
}

function unknownFormat(head: Uint8Array): Error {
  return sameBytes(head.subarray(0, FAMILY.length), FAMILY)
    ? stateError('UNSUPPORTED', 'another version of this library made it')
    : stateError('UNREADABLE', 'these bytes are no state of a session');
}

/** The keys of all states under `key` are made of it. */
function rootOf(key: StateKey): Uint8Array {
  const secret = key instanceof KeyObject ? key.export() : key;
  return platform.provider.mac('sha256', PURPOSE).sign(secret);
}

/**
 * What a sealed state says of itself.
 *
 * @example
 * ```ts
 * import { type StateInfo, describeState } from 'datagram-tls';
 *
 * function tell(state: Uint8Array): void {
 *   const info: StateInfo = describeState(state, { key: stateKey });
 *   console.log(info.id, info.generation);
 * }
 * ```
 */
export interface StateInfo {
  /** Of the session, through all its processes; 32 hexadecimal digits. */
  readonly id: string;
  /** Grows with each state of the session. Nothing but the greatest may ever go on. */
  readonly generation: number;
  /** When it was made, ms since 1970. */
  readonly madeAt: number;
  /** Our role in the session. */
  readonly role: Role;
  /** Of the peer. */
  readonly remoteAddress: PeerAddress;
}

/**
 * Reads what a sealed state says of itself, without going on with it: to look into a store that all processes share whether its
 * generation is the newest, before `endpoint.import` takes it. Throws `ERR_DTLS_STATE`, `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE`.
 *
 * @example
 * ```ts
 * import { type DTLSEndpoint, describeState } from 'datagram-tls';
 *
 * const taken = new Map<string, number>(); // in a store of all processes, in one step with the check
 * function goOn(endpoint: DTLSEndpoint, state: Uint8Array): void {
 *   const { id, generation } = describeState(state, { key: stateKey });
 *   if (generation <= (taken.get(id) ?? 0)) return;
 *   taken.set(id, generation);
 *   endpoint.import(state, { key: stateKey });
 * }
 * ```
 */
export function describeState(state: ArrayBufferView, given: ExportOptions): StateInfo {
  checkView(state, 'state');
  const { key } = readOptions(given, EXPORT_OPTIONS);
  const { lineage, madeAt, role, peer } = openState(viewBytes(state), key, Date.now());
  return { id: toHex(unpack(lineage.id)), generation: lineage.generation, madeAt, role, remoteAddress: peer };
}

/** Sessions whose newest generations are remembered, at least, and at most a sixteenth more. */
const MIN_LINEAGES = 65_536;

/** What this process knows of the generations of sessions, so that it does not go on with one twice. */
class Generations {
  readonly #newest = new Map<Packed, number>();

  /** Throws `ERR_DTLS_STATE` where a state of this generation, or a later one, was taken or made. */
  check({ id, generation }: Lineage): void {
    if (generation <= (this.#newest.get(id) ?? -1))
      throw stateError('USED', 'this process has gone on with it, or with a newer one of the same session');
  }

  /** The next generation; nothing before it goes on any more. */
  next(before = newLineage()): Lineage {
    this.note(before);
    return { ...before, generation: before.generation + 1 };
  }

  /** Nothing up to this goes on any more. */
  note({ id, generation }: Lineage): void {
    const newest = Math.max(generation, this.#newest.get(id) ?? -1);
    this.#newest.delete(id);
    this.#newest.set(id, newest);
    trim(this.#newest, MIN_LINEAGES);
  }
}

export const generations = new Generations();

/** Opens a state for `endpoint.import`, unless it is too old or was used. */
export function takeState(state: ArrayBufferView, given: ImportOptions): OpenedState {
  checkView(state, 'state');
  const { key, maxAge } = withDefaults(readOptions(given, IMPORT_OPTIONS), IMPORT_OPTIONS);
  const opened = openState(viewBytes(state), key, Date.now());
  if (opened.age > maxAge)
    throw stateError('EXPIRED', `it is ${opened.age} ms old, and maxAge allows ${maxAge} ms`);
  generations.check(opened.lineage);
  return opened;
}
