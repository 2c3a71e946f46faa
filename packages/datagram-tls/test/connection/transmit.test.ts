import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Transmit } from '#lib/connection/transmit.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { Flight, FlightItem } from '#lib/handshake/flight.js';
import { Reassembler } from '#lib/handshake/reassembly.js';
import { Epochs } from '#lib/record/epochs.js';
import { createHeader, readHeader } from '#lib/record/header.js';
import { PlainWriter } from '#lib/record/plain.js';
import { RecordReader12, RecordWriter12 } from '#lib/record/protect12.js';
import { ContentType } from '#lib/wire/codes.js';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { recordsOf } from '../support/records.js';
import { aeadSuite } from '../support/suites.js';

const aead = aeadSuite('ECDHE-ECDSA-AES128-GCM-SHA256');
const keys = { key: new Uint8Array(16).fill(1), iv: new Uint8Array(4).fill(2) };
const RECORD = 13;
const HEADER = 12;

function transmit(): Transmit {
  const epochs = new Epochs();
  epochs.installWriter(new PlainWriter());
  epochs.installWriter(new RecordWriter12(nodeProvider, aead, 1, keys));
  return new Transmit(epochs);
}

function message(seq: number, length: number, epoch = 0): FlightItem {
  const body = Uint8Array.from({ length }, (_, i) => i + seq);
  return { kind: 'message', type: 11, seq, epoch, body };
}

function datagramsOf(sender: Transmit): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  for (let next = sender.poll(); next !== undefined; next = sender.poll()) datagrams.push(next);
  return datagrams;
}

function send(items: readonly FlightItem[], size: number): Uint8Array[] {
  const sender = transmit();
  const flight: Flight = { items, awaits: 'answer' };
  const told = sender.flight(flight, size);
  const datagrams = datagramsOf(sender);
  const bytes = datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
  const largest = Math.max(...datagrams.map((datagram) => datagram.length));
  assert.deepEqual(told, { datagrams: datagrams.length, bytes, largest });
  return datagrams;
}

suite('packing a flight into datagrams', () => {
  test('several messages share a datagram, each in a record of its own', () => {
    const datagrams = send([message(0, 50), message(1, 60), message(2, 0)], 1200);
    assert.equal(datagrams.length, 1);
    const records = recordsOf(datagrams[0] ?? assert.fail());
    assert.deepEqual(
      records.map(({ sequence, body }) => [sequence, body.length - HEADER]),
      [
        [0, 50],
        [1, 60],
        [2, 0],
      ],
    );
  });

  test('a message that does not fit into the rest of a datagram begins there and goes on in the next', () => {
    const datagrams = send([message(0, 100), message(1, 300)], 256);
    assert.deepEqual(
      datagrams.map((d) => d.length),
      [256, RECORD + HEADER + 300 - (256 - 125 - 25)],
    );
  });

  test('what is left of a datagram is left empty when only a scrap of a message would fit', () => {
    const room = 256 - 2 * (RECORD + HEADER);
    const datagrams = send([message(0, room - 10), message(1, 100)], 256);
    assert.deepEqual(
      datagrams.map((d) => d.length),
      [256 - 10 - 25, 125],
    );
  });

  test('ChangeCipherSpec is a record of one byte in epoch 0, and what follows is protected', () => {
    const [datagram] = send(
      [message(0, 20), { kind: 'change-cipher-spec', epoch: 0 }, message(1, 12, 1)],
      1200,
    );
    const records = recordsOf(datagram ?? assert.fail());
    assert.deepEqual(
      records.map(({ type, epoch, sequence }) => [type, epoch, sequence]),
      [
        [ContentType.handshake, 0, 0],
        [ContentType.change_cipher_spec, 0, 1],
        [ContentType.handshake, 1, 0],
      ],
    );
    assert.deepEqual(records[1]?.body, Uint8Array.of(1));
  });

  test('a message in an epoch that can no longer be written is left out', () => {
    const [datagram] = send([message(0, 20), message(1, 20, 7)], 1200);
    assert.equal(recordsOf(datagram ?? assert.fail()).length, 1);
  });

  test('no record is longer than 2^14 bytes, however large the datagram', () => {
    const datagrams = send([message(0, 40_000)], 65_000);
    for (const { body } of datagrams.flatMap(recordsOf)) assert.ok(body.length <= 0x4000);
    assert.ok(datagrams.every((datagram) => datagram.length <= 65_000));
  });

  test('every flight of any size keeps to the limit and reassembles to what it was', () => {
    const item = fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(0, 1));
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 256, max: 2000 }),
        (shapes, size) => {
          const items = shapes.map(([length, epoch], seq) => message(seq, length, epoch));
          const datagrams = send(items, size);
          assert.ok(datagrams.every((datagram) => datagram.length > 0 && datagram.length <= size));
          assert.deepEqual(
            reassembled(datagrams),
            items.map((sent) => sent.kind === 'message' && sent.body),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the same flight in smaller datagrams carries the same messages, under new record numbers', () => {
    const sender = transmit();
    const flight: Flight = { items: [message(0, 900), message(1, 40, 1)], awaits: 'answer' };
    sender.flight(flight, 1200);
    const first = datagramsOf(sender);
    sender.flight(flight, 256);
    const second = datagramsOf(sender);
    assert.deepEqual(reassembled(second), reassembled(first));
    const numbers = [...first, ...second]
      .flatMap(recordsOf)
      .map(({ epoch, sequence }) => `${epoch}/${sequence}`);
    assert.equal(new Set(numbers).size, numbers.length);
  });
});

suite('single records', () => {
  test('go out in datagrams of their own, of exactly their length', () => {
    const epochs = new Epochs();
    const writer = new PlainWriter();
    epochs.installWriter(writer);
    const sender = new Transmit(epochs);
    for (const length of [0, 2, 100]) sender.record(writer, ContentType.alert, new Uint8Array(length));
    assert.deepEqual(
      datagramsOf(sender).map((d) => d.length),
      [RECORD, RECORD + 2, RECORD + 100],
    );
  });
});

/** Bodies in order, after opening and putting together what the datagrams carry. */
function reassembled(datagrams: readonly Uint8Array[]): Uint8Array[] {
  const reader = new RecordReader12(nodeProvider, aead, 1, keys);
  const reassembler = new Reassembler(0, { maxMessage: 100_000, budget: 1_000_000 });
  const header = createHeader();
  for (const datagram of datagrams) {
    for (let offset = 0; offset < datagram.length; offset = header.end) {
      assert.equal(readHeader(datagram, offset, header), undefined);
      const plain = datagram.subarray(header.bodyStart, header.end);
      const content = header.epoch === 0 ? plain : reader.open(header, datagram);
      assert.ok(typeof content !== 'string');
      for (const fragment of readHandshakeFragments(content) ?? assert.fail())
        assert.equal(reassembler.add(fragment, header.epoch), 'stored');
    }
  }
  const bodies: Uint8Array[] = [];
  for (let whole = reassembler.take(); whole !== undefined; whole = reassembler.take())
    bodies.push(whole.body);
  return bodies;
}
