import { own } from '../base/bytes.js';
import { type Packed, pack, unpack } from '../base/packed.js';
import { Reader, Writer } from '../wire/cursor.js';
import type { RecordHeader } from './header.js';
import { plainReader } from './plain.js';
import type { KeySource, RecordReader, RecordWriter } from './reader-writer.js';

/** The two low bits of the epoch in a unified header (RFC 9147 §4). */
const EPOCH_BITS = 0x03;

/** Makes what protects and opens the records of one epoch. */
export interface KeyedEpochs {
  writer(epoch: number, secret: Uint8Array): RecordWriter;
  reader(epoch: number, secret: Uint8Array): RecordReader;
}

/** Makes what was let go again. */
export interface EpochSource extends KeySource, KeyedEpochs {}

/** What most associations have: nothing older than the first epoch with protection. */
const NO_WRITERS: readonly RecordWriter[] = [];
const ONLY_PLAIN: readonly RecordReader[] = [plainReader];

/** The few epochs that one connection can read and write at a time. connection/ installs and removes them. */
export class Epochs {
  /** Of the newest epoch. Nearly every record is of that: the lists of the others are not on its way. */
  #reader: RecordReader | undefined;
  #writer: RecordWriter | undefined;
  /** Newest first. */
  #olderReaders: readonly RecordReader[] = [];
  #olderWriters = NO_WRITERS;
  /**
   * Older readers with protection while they rest, as {@link save} writes them, and what makes them again: nearly none of them
   * gets another record.
   */
  #resting: Packed | undefined;
  #source: EpochSource | undefined;

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
    return this.allWriters().filter(({ epoch }) => epoch > 0);
  }

  get protectedReaders(): readonly RecordReader[] {
    return this.allReaders().filter(({ epoch }) => epoch > 0);
  }

  private allReaders(): readonly RecordReader[] {
    return this.#reader === undefined ? [] : [this.#reader, ...this.older()];
  }

  private setReaders([newest, ...older]: readonly RecordReader[]): void {
    this.#reader = newest;
    this.setOlder(older);
  }

  private setOlder(readers: readonly RecordReader[]): void {
    const isUsual = readers.length === 1 && readers[0] === plainReader;
    this.#olderReaders = isUsual ? ONLY_PLAIN : trimmed(readers);
  }

  /** Older readers, those that rest as well, which are made again. */
  private older(): readonly RecordReader[] {
    if (this.#resting !== undefined && this.#source !== undefined) {
      const woken = readReaders(new Reader(unpack(this.#resting)), this.#source);
      this.#resting = undefined;
      this.#source = undefined;
      this.setOlder(woken.reduce<readonly RecordReader[]>(newestFirst, this.#olderReaders));
    }
    return this.#olderReaders;
  }

  /** Older readers become bytes; not those with an end of their numbers, which is of this process alone. */
  private restOlder(source: EpochSource): void {
    const all = this.older();
    const resting = all.filter(({ epoch, upTo }) => epoch > 0 && upTo === Number.POSITIVE_INFINITY);
    if (resting.length === 0) return;
    const w = new Writer();
    writeReaders(w, resting, 0);
    this.#resting = pack(w.finish());
    this.#source = source;
    this.setOlder(all.filter((reader) => !resting.includes(reader)));
  }

  private allWriters(): readonly RecordWriter[] {
    return this.#writer === undefined ? [] : [this.#writer, ...this.#olderWriters];
  }

  private setWriters([newest, ...older]: readonly RecordWriter[]): void {
    this.#writer = newest;
    this.#olderWriters = older.length === 0 ? NO_WRITERS : trimmed(older);
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
      return this.setWriters(newestFirst(this.allWriters(), writer));
    this.#writer = writer;
    if (newest !== undefined) this.#olderWriters = trimmed([newest, ...this.#olderWriters]);
  }

  /** Replaces a reader of the same epoch. */
  installReader(reader: RecordReader): void {
    const newest = this.#reader;
    if (newest !== undefined && newest.epoch >= reader.epoch)
      return this.setReaders(newestFirst(this.allReaders(), reader));
    this.#reader = reader;
    if (newest !== undefined) this.setOlder([newest, ...this.older()]);
  }

  /** All records from now on have this connection ID, those of retransmissions too. */
  useConnectionId(cid: Uint8Array): void {
    for (const writer of this.allWriters()) writer.useConnectionId(cid);
  }

  /** Nothing older than `epoch` will be retransmitted. */
  forgetWritersBefore(epoch: number): void {
    this.setWriters(this.allWriters().filter((writer) => writer.epoch >= epoch));
  }

  /** Epoch 0 stays: a repeated plaintext message is distinguished from a forged protected record. */
  forgetReadersBefore(epoch: number): void {
    this.setReaders(this.allReaders().filter((reader) => reader.epoch >= epoch || reader.epoch === 0));
  }

  /** Readers of epochs before the newest one: what still comes there is repeated, or late. */
  restOlderReaders(source: EpochSource): void {
    for (const reader of this.older()) reader.rest(source);
    this.restOlder(source);
  }

  /** No record may come or go for long. */
  rest(source: EpochSource): void {
    for (const writer of this.allWriters()) writer.rest(source);
    this.#reader?.rest(source);
    this.restOlderReaders(source);
  }

  /** `ahead`: so many numbers are left to this process, in both directions of each epoch. */
  save(w: Writer, ahead: number): void {
    w.u8(this.allWriters().length);
    for (const { epoch, secret, sequence } of this.allWriters().toReversed())
      w.varint(epoch)
        .vec8(unpack(secret))
        .varint(epoch === 0 ? sequence : sequence + ahead);
    writeReaders(w, this.protectedReaders, ahead);
  }

  /** In place of the epochs of a new association, at rest. `source` makes readers and writers of an epoch with its traffic secret. */
  restore(r: Reader, source: EpochSource): void {
    let oldest: number | undefined;
    for (let count = r.u8(); count > 0; count--) {
      const epoch = r.varint();
      const secret = own(r.vec8());
      const sequence = r.varint();
      if (r.failed) return;
      oldest ??= epoch;
      if (epoch > 0) this.installWriter(source.writer(epoch, secret));
      this.writerOf(epoch)?.goOnAt(sequence);
    }
    this.forgetWritersBefore(oldest ?? 0);
    for (const reader of readReaders(r, source)) this.installReader(reader);
    this.restOlder(source);
  }

  /**
   * The reader for a record. It also writes the full epoch into the header. `undefined` when the epoch is over or has
   * no keys yet, or when the record has the wrong form for its epoch (RFC 9147 §4.1).
   */
  readerFor(header: RecordHeader): RecordReader | undefined {
    const newest = this.#reader;
    if (newest !== undefined && isShown(newest, header)) return readerOf(newest, header);
    for (const reader of this.#olderReaders) if (isShown(reader, header)) return readerOf(reader, header);
    if (this.#resting === undefined) return undefined;
    for (const reader of this.older()) if (isShown(reader, header)) return readerOf(reader, header);
    return undefined;
  }
}

/** Oldest first. `ahead`: as {@link RecordReader.save} takes it. */
function writeReaders(w: Writer, readers: readonly RecordReader[], ahead: number): void {
  w.u8(readers.length);
  for (const reader of readers.toReversed()) {
    w.varint(reader.epoch).vec8(unpack(reader.secret));
    reader.save(w, ahead);
  }
}

/** Until `r` fails. */
function readReaders(r: Reader, keyed: KeyedEpochs): readonly RecordReader[] {
  const readers: RecordReader[] = [];
  for (let count = r.u8(); count > 0; count--) {
    const epoch = r.varint();
    const secret = own(r.vec8());
    if (r.failed) break;
    const reader = keyed.reader(epoch, secret);
    reader.restore(r);
    readers.push(reader);
  }
  return readers;
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
