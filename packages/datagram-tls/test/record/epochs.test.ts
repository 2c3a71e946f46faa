import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type EpochSource, Epochs } from '#lib/record/epochs.js';
import { createHeader, type RecordHeader, readHeader } from '#lib/record/header.js';
import { PlainReader, PlainWriter, plainReader } from '#lib/record/plain.js';
import type { RecordReader, RecordWriter as Writer } from '#lib/record/reader-writer.js';
import { bytes, eachVersion, type Protection, sealed } from './protections.js';

const [v12, v13] = ['DTLSv1.2', 'DTLSv1.3'].map((version) =>
  eachVersion.find((protection) => protection.suite.version === version),
) as [Protection, Protection];

suite('the table of epochs', () => {
  test('a plain header finds the reader of exactly its epoch', () => {
    const epochs = new Epochs();
    const [zero, one] = [new PlainReader(), v12.reader({ epoch: 1 })];
    epochs.installReader(zero);
    epochs.installReader(one);
    assert.equal(epochs.readerFor(plain(0)), zero);
    assert.equal(epochs.readerFor(plain(1)), one);
    assert.equal(epochs.readerFor(plain(2)), undefined);
    assert.equal(epochs.readerFor(plain(5)), undefined);
    assert.equal(epochs.reader, one);
  });

  test('a unified header finds the newest reader with its two bits, and gets the full epoch', () => {
    const epochs = new Epochs();
    const readers = [2, 3, 4, 5, 6].map((epoch) => v13.reader({ epoch }));
    for (const reader of readers) epochs.installReader(reader);
    for (const [bits, epoch] of [
      [2, 6],
      [3, 3],
      [0, 4],
      [1, 5],
    ] as const) {
      const header = unified(bits);
      assert.equal(epochs.readerFor(header)?.epoch, epoch);
      assert.equal(header.epoch, epoch);
    }
  });

  test('a record in the wrong form for its epoch is not read', () => {
    const epochs = new Epochs();
    epochs.installReader(new PlainReader());
    epochs.installReader(v13.reader({ epoch: 3 }));
    assert.equal(epochs.readerFor(plain(3)), undefined);
    assert.equal(epochs.readerFor(unified(0)), undefined);
  });

  test('a forgotten reader is not found again', () => {
    const epochs = new Epochs();
    epochs.installReader(v13.reader({ epoch: 3 }));
    epochs.installReader(v13.reader({ epoch: 4 }));
    epochs.forgetReadersBefore(4);
    assert.equal(epochs.readerFor(unified(3)), undefined);
    assert.equal(epochs.readerFor(unified(0))?.epoch, 4);
  });

  test('the newest writer is current and older ones stay until forgotten', () => {
    const epochs = new Epochs();
    const [zero, one] = [new PlainWriter(), v12.writer({ epoch: 1 })];
    epochs.installWriter(one);
    epochs.installWriter(zero);
    assert.equal(epochs.writer, one);
    assert.equal(epochs.writerOf(0), zero);
    epochs.forgetWritersBefore(1);
    assert.equal(epochs.writerOf(0), undefined);
    assert.equal(epochs.writerOf(1), one);
  });

  test('a reader or writer replaces an earlier one of its epoch', () => {
    const epochs = new Epochs();
    const later: RecordReader = new PlainReader();
    epochs.installReader(new PlainReader());
    epochs.installReader(later);
    const laterWriter = new PlainWriter(7);
    epochs.installWriter(new PlainWriter());
    epochs.installWriter(laterWriter);
    assert.equal(epochs.readerFor(plain(0)), later);
    assert.equal(epochs.writer, laterWriter);
    epochs.forgetReadersBefore(1);
    assert.equal(epochs.readerFor(plain(0)), later, 'epoch 0 stays');
  });
});

suite('older readers at rest', () => {
  /** Makes readers again, and notes their epochs. */
  function sourceOf(made: number[]): EpochSource {
    const source: EpochSource = {
      ...v13.source([]),
      writer: (epoch) => v13.writer({ epoch }),
      reader: (epoch) => {
        made.push(epoch);
        const reader = v13.reader({ epoch });
        reader.rest(source);
        return reader;
      },
    };
    return source;
  }

  function epochsOf(...numbers: readonly number[]): Epochs {
    const epochs = new Epochs();
    epochs.installReader(plainReader);
    for (const epoch of numbers) epochs.installReader(v13.reader({ epoch }));
    return epochs;
  }

  function open(epochs: Epochs, datagram: Uint8Array): Uint8Array | string {
    const header = createHeader();
    assert.equal(readHeader(datagram, 0, header, { lengthAt: () => 0 }), undefined);
    return epochs.readerFor(header)?.open(header, datagram) ?? 'unknown_epoch';
  }

  test('are made again for the next record of one of them, with what has come before', () => {
    const made: number[] = [];
    const epochs = epochsOf(2, 3, 4);
    const [two, three, four] = [2, 3, 4].map((epoch) => v13.writer({ epoch })) as [Writer, Writer, Writer];
    const first = sealed(three, bytes(5));
    assert.deepEqual(open(epochs, first), bytes(5));
    epochs.rest(sourceOf(made));
    assert.deepEqual(open(epochs, sealed(four, bytes(6))), bytes(6));
    assert.equal(epochs.readerFor(plain(0)), plainReader);
    assert.deepEqual(made, []);
    assert.equal(open(epochs, first), 'replayed');
    assert.deepEqual(open(epochs, sealed(three, bytes(7))), bytes(7));
    assert.deepEqual(open(epochs, sealed(two, bytes(8))), bytes(8));
    assert.deepEqual(made, [2, 3]);
    assert.equal(epochs.readerFor(plain(0)), plainReader);
  });

  test('are replaced, forgotten, written and shown as others are', () => {
    const made: number[] = [];
    const source = sourceOf(made);
    const epochs = epochsOf(2, 3, 4);
    epochs.rest(source);
    assert.deepEqual(
      epochs.protectedReaders.map(({ epoch }) => epoch),
      [4, 3, 2],
    );
    epochs.rest(source);
    epochs.installReader(v13.reader({ epoch: 5 }));
    epochs.rest(source);
    epochs.forgetReadersBefore(4);
    epochs.rest(source);
    assert.deepEqual(
      epochs.protectedReaders.map(({ epoch }) => epoch),
      [5, 4],
    );
    assert.equal(open(epochs, sealed(v13.writer({ epoch: 3 }), bytes(1))), 'unknown_epoch');
  });

  test('stay objects while their numbers have an end, which no state knows', () => {
    const made: number[] = [];
    const epochs = epochsOf(2, 3);
    for (const reader of epochs.protectedReaders) reader.upTo = 9;
    epochs.rest(sourceOf(made));
    assert.deepEqual(
      epochs.protectedReaders.map(({ upTo }) => upTo),
      [9, 9],
    );
    assert.deepEqual(made, []);
  });
});

function plain(epoch: number): RecordHeader {
  return { ...createHeader(), epoch };
}

function unified(bits: number): RecordHeader {
  return { ...createHeader(), epoch: bits, unified: true };
}
