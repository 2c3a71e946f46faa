import { own } from '../base/bytes.js';
import { unpack } from '../base/packed.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { RecordHeader } from './header.js';
import type { KeySource, RecordReader, RecordWriter } from './reader-writer.js';

/** The two low bits of the epoch in a unified header (RFC 9147 §4). */
const EPOCH_BITS = 0x03;

/** Makes what protects and opens the records of one epoch. */
export interface KeyedEpochs {
  writer(epoch: number, secret: Uint8Array): RecordWriter;
  reader(epoch: number, secret: Uint8Array): RecordReader;
}

/** The few epochs that one connection can read and write at a time. connection/ installs and removes them. */
export class Epochs {
  /** Of the newest epoch. Nearly every record is of that: the lists of the others are not on its way. */
  #reader: RecordReader | undefined;
  #writer: RecordWriter | undefined;
  /** Newest first. */
  #olderReaders: readonly RecordReader[] = [];
  #olderWriters: readonly RecordWriter[] = [];

  /** Of the newest epoch; the caller installs epoch 0 before it writes. */
  get writer(): RecordWriter {
    return this.#writer as RecordWriter;
  }

  /** `undefined` before any epoch is installed. */
  get reader(): RecordReader | undefined {
    return this.#reader;
  }

  /** All but that of epoch 0. */
  get protectedWriters(): readonly RecordWriter[] {
    return this.#allWriters().filter(({ epoch }) => epoch > 0);
  }

  get protectedReaders(): readonly RecordReader[] {
    return this.#allReaders().filter(({ epoch }) => epoch > 0);
  }

  #allReaders(): readonly RecordReader[] {
    return this.#reader === undefined ? [] : [this.#reader, ...this.#olderReaders];
  }

  #setReaders([newest, ...older]: readonly RecordReader[]): void {
    this.#reader = newest;
    this.#olderReaders = trimmed(older);
  }

  #allWriters(): readonly RecordWriter[] {
    return this.#writer === undefined ? [] : [this.#writer, ...this.#olderWriters];
  }

  #setWriters([newest, ...older]: readonly RecordWriter[]): void {
    this.#writer = newest;
    this.#olderWriters = trimmed(older);
  }

  /** Older writers are kept, because a retransmitted flight uses the epochs of its first transmission. */
  writerOf(epoch: number): RecordWriter | undefined {
    if (this.#writer?.epoch === epoch) return this.#writer;
    for (const writer of this.#olderWriters) if (writer.epoch === epoch) return writer;
    return undefined;
  }

  /** Replaces a writer of the same epoch. */
  installWriter(writer: RecordWriter): void {
    const newest = this.#writer;
    if (newest !== undefined && newest.epoch >= writer.epoch)
      return this.#setWriters(newestFirst(this.#allWriters(), writer));
    this.#writer = writer;
    if (newest !== undefined) this.#olderWriters = trimmed([newest, ...this.#olderWriters]);
  }

  /** Replaces a reader of the same epoch. */
  installReader(reader: RecordReader): void {
    const newest = this.#reader;
    if (newest !== undefined && newest.epoch >= reader.epoch)
      return this.#setReaders(newestFirst(this.#allReaders(), reader));
    this.#reader = reader;
    if (newest !== undefined) this.#olderReaders = trimmed([newest, ...this.#olderReaders]);
  }

  /** All records from now on have this connection ID, those of retransmissions too. */
  useConnectionId(cid: Uint8Array): void {
    for (const writer of this.#allWriters()) writer.useConnectionId(cid);
  }

  /** Nothing older than `epoch` will be retransmitted. */
  forgetWritersBefore(epoch: number): void {
    this.#setWriters(this.#allWriters().filter((writer) => writer.epoch >= epoch));
  }

  /** Epoch 0 stays: a repeated plaintext message is distinguished from a forged protected record. */
  forgetReadersBefore(epoch: number): void {
    this.#setReaders(this.#allReaders().filter((reader) => reader.epoch >= epoch || reader.epoch === 0));
  }

  /** Readers of epochs before `epoch`: what still comes there is repeated, or late. */
  restReadersBefore(epoch: number, source: KeySource): void {
    for (const reader of this.#allReaders()) if (reader.epoch < epoch) reader.rest(source);
  }

  /** No record may come or go for long. */
  rest(source: KeySource): void {
    for (const reader of this.#allReaders()) reader.rest(source);
    for (const writer of this.#allWriters()) writer.rest(source);
  }

  /** `ahead`: so many numbers are left to this process, in both directions of each epoch. */
  save(w: Writer, ahead: number): void {
    w.u8(this.#allWriters().length);
    for (const { epoch, secret, sequence } of this.#allWriters().toReversed())
      w.varint(epoch)
        .vec8(unpack(secret))
        .varint(epoch === 0 ? sequence : sequence + ahead);
    const readers = this.#allReaders().filter(({ epoch }) => epoch > 0);
    w.u8(readers.length);
    for (const reader of readers.toReversed()) {
      w.varint(reader.epoch).vec8(unpack(reader.secret));
      reader.save(w, ahead);
    }
  }

  /** In place of the epochs of a new association. `keyed` makes readers and writers of an epoch with its traffic secret. */
  restore(r: Reader, keyed: KeyedEpochs): void {
    let oldest: number | undefined;
    for (let count = r.u8(); count > 0; count--) {
      const epoch = r.varint();
      const secret = own(r.vec8());
      const sequence = r.varint();
      if (r.failed) return;
      oldest ??= epoch;
      if (epoch > 0) this.installWriter(keyed.writer(epoch, secret));
      this.writerOf(epoch)?.goOnAt(sequence);
    }
    this.forgetWritersBefore(oldest ?? 0);
    for (let count = r.u8(); count > 0; count--) {
      const epoch = r.varint();
      const secret = own(r.vec8());
      if (r.failed) return;
      const reader = keyed.reader(epoch, secret);
      reader.restore(r);
      this.installReader(reader);
    }
  }

  /**
   * The reader for a record. It also writes the full epoch into the header. `undefined` when the epoch is over or has
   * no keys yet, or when the record has the wrong form for its epoch (RFC 9147 §4.1).
   */
  readerFor(header: RecordHeader): RecordReader | undefined {
    const newest = this.#reader;
    if (newest !== undefined && isShown(newest, header)) return readerOf(newest, header);
    for (const reader of this.#olderReaders) if (isShown(reader, header)) return readerOf(reader, header);
    return undefined;
  }
}

function isShown({ epoch, unified }: RecordReader, header: RecordHeader): boolean {
  return unified === header.unified && (unified ? epoch & EPOCH_BITS : epoch) === header.epoch;
}

function readerOf(reader: RecordReader, header: RecordHeader): RecordReader {
  header.epoch = reader.epoch;
  return reader;
}

function newestFirst<T extends { readonly epoch: number }>(items: readonly T[], added: T): T[] {
  const list = items.filter(({ epoch }) => epoch > added.epoch);
  list.push(added);
  for (const item of items) if (item.epoch < added.epoch) list.push(item);
  return list;
}

/** Without the room that V8 reserves in a list that grows: 17 places, in every association. */
function trimmed<T>(list: readonly T[]): readonly T[] {
  return list.slice();
}
