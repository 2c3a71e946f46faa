import type { RecordHeader } from './header.js';
import type { RecordReader, RecordWriter } from './reader-writer.js';

/** The two low bits of the epoch in a unified header (RFC 9147 §4). */
const EPOCH_BITS = 0x03;

/** The few epochs that one connection can read and write at a time. connection/ installs and removes them. */
export class Epochs {
  /** Newest first, because nearly every record belongs there. */
  #readers: RecordReader[] = [];
  #writers: RecordWriter[] = [];

  /** Of the newest epoch; the caller installs epoch 0 before it writes. */
  get writer(): RecordWriter {
    return this.#writers[0] as RecordWriter;
  }

  /** `undefined` before any epoch is installed. */
  get reader(): RecordReader | undefined {
    return this.#readers[0];
  }

  /** Older writers are kept, because a retransmitted flight uses the epochs of its first transmission. */
  writerOf(epoch: number): RecordWriter | undefined {
    for (const writer of this.#writers) if (writer.epoch === epoch) return writer;
    return undefined;
  }

  /** Replaces a writer of the same epoch. */
  installWriter(writer: RecordWriter): void {
    this.#writers = newestFirst(this.#writers, writer);
  }

  /** Replaces a reader of the same epoch. */
  installReader(reader: RecordReader): void {
    this.#readers = newestFirst(this.#readers, reader);
  }

  /** Nothing older than `epoch` will be retransmitted. */
  forgetWritersBefore(epoch: number): void {
    this.#writers = trimmed(this.#writers.filter((writer) => writer.epoch >= epoch));
  }

  /** Epoch 0 stays: a repeated plaintext message is distinguished from a forged protected record. */
  forgetReadersBefore(epoch: number): void {
    this.#readers = trimmed(this.#readers.filter((reader) => reader.epoch >= epoch || reader.epoch === 0));
  }

  /**
   * The reader for a record. It also writes the full epoch into the header. `undefined` when the epoch is over or has
   * no keys yet, or when the record has the wrong form for its epoch (RFC 9147 §4.1).
   */
  readerFor(header: RecordHeader): RecordReader | undefined {
    for (const reader of this.#readers) {
      if (reader.unified !== header.unified) continue;
      const shown = header.unified ? reader.epoch & EPOCH_BITS : reader.epoch;
      if (shown !== header.epoch) continue;
      header.epoch = reader.epoch;
      return reader;
    }
    return undefined;
  }
}

function newestFirst<T extends { readonly epoch: number }>(items: readonly T[], added: T): T[] {
  const list = items.filter(({ epoch }) => epoch > added.epoch);
  list.push(added);
  for (const item of items) if (item.epoch < added.epoch) list.push(item);
  return trimmed(list);
}

/** Without the room that V8 reserves in a list that grows: 17 places, in every association. */
function trimmed<T>(list: T[]): T[] {
  return list.slice();
}
