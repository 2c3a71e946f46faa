import type { Epochs } from '../record/epochs.js';
import type { RecordReader, RecordWriter } from '../record/reader-writer.js';
import type { Reader, Writer } from '../wire/cursor.js';

/** A writer or a reader with the number up to which a kept checkpoint lets it go. */
interface Share {
  readonly writer: RecordWriter | undefined;
  readonly reader: RecordReader | undefined;
  readonly upTo: number;
}

/** Flags of a saved reservation; {@link IS_TAKEN}: a checkpoint is on its way into its store. */
const IS_STALE = 1;
const IS_TOLD = 2;
const IS_TAKEN = 4;
/** Of {@link Reservation.onConnectionId}: since the kept checkpoint, and since the taken one. */
const HAS_OTHER_ID = 8;
const HAS_OTHER_ID_SINCE = 16;

/**
 * The numbers of records that are left to this process, while checkpoints of its association are kept elsewhere. A process
 * that goes on from the kept checkpoint takes all numbers before its reservation for used, and all messages before it for
 * delivered. So this process writes no record and delivers no message beyond its reservation, and answers no handshake
 * message that the kept checkpoint does not contain. It uses at most one connection ID that the checkpoint does not
 * contain.
 */
export class Reservation {
  readonly #epochs: Epochs;
  readonly #onDue: () => void;
  #ahead = 0;
  /** Of the checkpoint that is not known to be kept yet. */
  #taken: Share[] = [];
  /** The association has changed in a way that no checkpoint knows. */
  #isStale = false;
  #isTold = false;
  /** Our records have another connection ID than the kept checkpoint, and than the taken one. */
  #hasOtherId = false;
  #hasOtherIdSince = false;

  /** `onDue`: another checkpoint is to be taken. */
  constructor(epochs: Epochs, onDue: () => void) {
    this.#epochs = epochs;
    this.#onDue = onDue;
  }

  /** A checkpoint is taken, with `ahead` numbers for this process. Until it is kept, the one before may be what goes on. */
  take(ahead: number): void {
    this.#ahead = ahead;
    this.#isStale = false;
    this.#isTold = true;
    this.#hasOtherIdSince = false;
    this.#taken = [];
    for (const writer of this.#epochs.protectedWriters) {
      const upTo = writer.sequence + ahead;
      writer.reserved = Math.min(writer.reserved, upTo);
      this.#taken.push({ writer, reader: undefined, upTo });
    }
    for (const reader of this.#epochs.protectedReaders) {
      const upTo = reader.newest + ahead;
      reader.upTo = Math.min(reader.upTo, upTo);
      this.#taken.push({ writer: undefined, reader, upTo });
    }
  }

  /** The last checkpoint is kept, and the one before is not any more. */
  confirm(): void {
    const taken = this.#taken;
    this.#taken = [];
    this.#isTold = false;
    this.#hasOtherId = this.#hasOtherIdSince;
    if (this.#isStale) return this.#tell();
    for (const { writer, reader, upTo } of taken) {
      if (writer !== undefined) writer.reserved = upTo;
      if (reader !== undefined) reader.upTo = upTo;
    }
    this.look();
  }

  /** The handshake goes on: what it causes is written once a checkpoint knows of it. An alert may still end the session. */
  hold(): void {
    this.#isStale = true;
    for (const writer of this.#epochs.protectedWriters)
      writer.reserved = Math.min(writer.reserved, writer.sequence + 1);
    this.#tell();
  }

  /**
   * Our records have another connection ID. The peer knows the one before, with which another process may go on, but none of
   * before that: nothing is written with a second one until a checkpoint has it.
   */
  onConnectionId(): void {
    const isSecond = this.#hasOtherId;
    this.#hasOtherId = true;
    this.#hasOtherIdSince = true;
    if (isSecond) this.hold();
  }

  /** Keys are installed that no checkpoint knows. */
  onKeys(epoch: number): void {
    const writer = this.#epochs.protectedWriters.find((each) => each.epoch === epoch && each.sequence === 0);
    const reader = this.#epochs.protectedReaders.find((each) => each.epoch === epoch && each.newest < 0);
    if (writer !== undefined) writer.reserved = 0;
    if (reader !== undefined) reader.upTo = -1;
    this.hold();
  }

  /** Half of the numbers are used in time for the next checkpoint. */
  look(): void {
    const half = this.#ahead / 2;
    const { writer, reader } = this.#epochs;
    const used =
      writer.sequence + half >= writer.reserved ||
      (reader !== undefined && reader.newest + half >= reader.upTo);
    if (used) this.#tell();
  }

  /** While the association hibernates in this process; no other one may have what is left to this one. */
  save(w: Writer): void {
    const taken = new Map(this.#taken.map(({ writer, reader, upTo }) => [writer ?? reader, upTo]));
    const flags = [
      this.#isStale ? IS_STALE : 0,
      this.#isTold ? IS_TOLD : 0,
      taken.size > 0 ? IS_TAKEN : 0,
      this.#hasOtherId ? HAS_OTHER_ID : 0,
      this.#hasOtherIdSince ? HAS_OTHER_ID_SINCE : 0,
    ];
    w.varint(this.#ahead).u8(flags.reduce((all, flag) => all | flag));
    for (const writer of this.#epochs.protectedWriters) {
      writeBound(w, writer.reserved);
      if (taken.size > 0) writeBound(w, taken.get(writer) ?? 0);
    }
    for (const reader of this.#epochs.protectedReaders) {
      writeBound(w, reader.upTo);
      if (taken.size > 0) writeBound(w, taken.get(reader) ?? -1);
    }
  }

  /** The epochs are restored before, in the order in which they were. */
  restore(r: Reader): void {
    this.#ahead = r.varint();
    const flags = r.u8();
    const isTaken = (flags & IS_TAKEN) !== 0;
    this.#isStale = (flags & IS_STALE) !== 0;
    this.#isTold = (flags & IS_TOLD) !== 0;
    this.#hasOtherId = (flags & HAS_OTHER_ID) !== 0;
    this.#hasOtherIdSince = (flags & HAS_OTHER_ID_SINCE) !== 0;
    this.#taken = [];
    for (const writer of this.#epochs.protectedWriters) {
      writer.reserved = readBound(r);
      if (isTaken) this.#taken.push({ writer, reader: undefined, upTo: readBound(r) });
    }
    for (const reader of this.#epochs.protectedReaders) {
      reader.upTo = readBound(r);
      if (isTaken) this.#taken.push({ writer: undefined, reader, upTo: readBound(r) });
    }
  }

  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#onDue();
  }
}

/** 0 for no bound; others are -1 at the least. */
function writeBound(w: Writer, bound: number): void {
  w.varint(bound === Number.POSITIVE_INFINITY ? 0 : bound + 2);
}

function readBound(r: Reader): number {
  const written = r.varint();
  return written === 0 ? Number.POSITIVE_INFINITY : written - 2;
}
