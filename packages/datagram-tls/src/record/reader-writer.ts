import type { Packed } from '../base/packed.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { DropReason, RecordHeader } from './header.js';

/** Opens the records of one epoch in one direction. connection/ does not depend on the version. */
export interface RecordReader {
  readonly epoch: number;
  /** The form of this epoch's headers. */
  readonly unified: boolean;
  /** Its records have a connection ID of ours, whose bytes the caller checks. */
  readonly expectsCid: boolean;
  /** So many forgeries were tried that new keys are due: half of the limit that ends the session (RFC 9147 §4.5.3). */
  readonly worn: boolean;
  /** The traffic secret of its keys; empty in DTLS 1.2, whose keys come from the master secret. */
  readonly secret: Packed;
  /** Of the newest authentic record; -1 before the first. */
  readonly newest: number;
  /**
   * The numbers of records whose messages may be delivered: greater than `after`, and at most `upTo`. A process that has
   * ended may have delivered those up to `after`; one that will go on after this one takes those up to `upTo` for delivered.
   */
  after: number;
  upTo: number;
  /**
   * The content of the record that `header` describes, which may be a view into the datagram. Then `header` holds the
   * real content type, epoch and sequence number. Only authentic records move the replay window.
   */
  open(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason;
  /** No record of it may come for long: it lets go of its ciphers, and takes its keys from `source` when one does. */
  rest(source: KeySource): void;
  /** Which records came, and how many failed to open. `ahead`: more of them may come, which the next process has to know. */
  save(w: Writer, ahead: number): void;
  restore(r: Reader): void;
}

/**
 * Whether a writer can go on: `update-due` requests new keys in good time, `last` has one record left for the alert
 * that ends the session, `exhausted` forbids another record; `held` forbids it until more numbers are reserved.
 */
export type WriterState = 'open' | 'update-due' | 'last' | 'exhausted' | 'held';

/** Another record may be written. */
export function mayWrite({ state }: Pick<RecordWriter, 'state'>): boolean {
  return state !== 'exhausted' && state !== 'held';
}

/** Protects the records of one epoch in one direction. connection/ does not depend on the version. */
export interface RecordWriter {
  readonly epoch: number;
  /** Of the next record. */
  readonly sequence: number;
  readonly state: WriterState;
  /** The traffic secret of its keys; empty in DTLS 1.2, whose keys come from the master secret. */
  readonly secret: Packed;
  /** The first number that is not reserved: a process that goes on after this one begins there. */
  reserved: number;
  /** The most bytes by which a record exceeds its plaintext; it changes with {@link useConnectionId}. */
  readonly overhead: number;
  /** The longest plaintext whose record has at most `size` bytes. `size` must leave room for the overhead. */
  capacity(size: number): number;
  /**
   * Writes one record into `out` at `at` and returns its length. The caller has checked the state, the room
   * (plaintext and overhead) and that the plaintext is at most 2^14 bytes; `plaintext` must not overlap that room.
   */
  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number;
  /** Goes on with number `sequence`, before which all may have been used. */
  goOnAt(sequence: number): void;
  /** From now on records have this connection ID, at most 255 bytes; an empty one is none. */
  useConnectionId(cid: Uint8Array): void;
  /** As {@link RecordReader.rest}. */
  rest(source: KeySource): void;
}

/** Keys of one direction of one epoch, whatever the suite and the version. */
export interface RecordKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Of a CBC suite; empty where an AEAD needs none. */
  readonly mac: Uint8Array;
  /** Record number key (RFC 9147 §4.2.3); empty in DTLS 1.2, which has none. */
  readonly sn: Uint8Array;
  /** The traffic secret that the others come from; empty in DTLS 1.2. */
  readonly secret: Uint8Array;
}

/** Keys that are made again, and what they are for. */
export interface SourcedKeys {
  readonly crypto: CryptoProvider;
  readonly suite: CipherSuite;
  readonly keys: RecordKeys;
}

/** Makes keys again. An object, because a closure for each association would cost 100 bytes. */
export interface KeySource {
  /** `secret`: the traffic secret of their epoch, where the version has those. */
  keysOf(direction: 'read' | 'write', secret: Packed): SourcedKeys;
}

/** Of one that rests from the beginning. */
export interface RestingKeys {
  readonly secret: Uint8Array;
  readonly source: KeySource;
}

/** How a version protects its records: what protects and opens those of one epoch in one direction. */
export interface RecordProtection {
  /** Its records have no connection ID until it is told one. */
  writer(
    crypto: CryptoProvider,
    suite: CipherSuite,
    epoch: number,
    keys: RecordKeys | RestingKeys,
  ): RecordWriter;
  /** `expectsCid`: of its records. */
  reader(
    crypto: CryptoProvider,
    suite: CipherSuite,
    epoch: number,
    keys: RecordKeys | RestingKeys,
    expectsCid: boolean,
  ): RecordReader;
}
