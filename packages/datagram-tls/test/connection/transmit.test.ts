import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MAX_SEQUENCE } from '#lib/base/sequence.js';
import { Delivery } from '#lib/connection/delivery.js';
import { Reassembler } from '#lib/connection/reassembly.js';
import { giveBack, type Manner, Transmit } from '#lib/connection/transmit.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { Flight, FlightItem } from '#lib/handshake/flight.js';
import { Epochs } from '#lib/record/epochs.js';
import { createHeader, readHeader } from '#lib/record/header.js';
import { PlainWriter } from '#lib/record/plain.js';
import { RecordReader12, RecordWriter12 } from '#lib/record/protect12.js';
import { ContentType } from '#lib/wire/codes.js';
import { Reader, Writer } from '#lib/wire/cursor.js';
import { type HandshakeFragment, readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { recordsOf } from '../support/records.js';
import { aeadSuite } from '../support/suites.js';

const aead = aeadSuite('ECDHE-ECDSA-AES128-GCM-SHA256');
const keys = { key: new Uint8Array(16).fill(1), iv: new Uint8Array(4).fill(2) };
const RECORD = 13;
const HEADER = 12;
/** Of a protected record: its header, the explicit part of the nonce, and the tag. */
const OVERHEAD = RECORD + 8 + 16;

function transmit(): Transmit {
  const epochs = new Epochs();
  epochs.installWriter(new PlainWriter());
  for (const epoch of [1, 2]) epochs.installWriter(new RecordWriter12(nodeProvider, aead, epoch, keys));
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

/** All of a flight at once. */
function whole(size: number): Manner {
  return { size, content: 0x4000, records: Number.POSITIVE_INFINITY, part: 'sendable' };
}

function send(items: readonly FlightItem[], size: number): Uint8Array[] {
  const sender = transmit();
  const flight: Flight = { items, awaits: 'answer' };
  const { datagrams: count, bytes: sent, largest } = sender.flight(flight, whole(size), new Delivery(flight));
  const datagrams = datagramsOf(sender);
  const bytes = datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
  assert.deepEqual(
    [count, sent, largest],
    [datagrams.length, bytes, Math.max(...datagrams.map((d) => d.length))],
  );
  return datagrams;
}

suite('packing a flight into datagrams', () => {
  test('only the record that was made last lends its memory to another, of its length, once', () => {
    const epochs = new Epochs();
    const writer = new RecordWriter12(nodeProvider, aead, 1, keys);
    epochs.installWriter(writer);
    const sender = new Transmit(epochs);
    const record = (length: number): Uint8Array =>
      sender.record(writer, ContentType.application_data, new Uint8Array(length));
    const [first, second] = [record(20), record(20)];
    const before = first.slice();
    giveBack(first);
    const third = record(20);
    assert.deepEqual([third === first, third === second], [false, false]);
    giveBack(third);
    assert.notEqual(record(21), third);
    const fourth = record(20);
    assert.notEqual(fourth, third);
    giveBack(fourth);
    assert.equal(record(20), fourth);
    assert.notEqual(record(20), fourth);
    assert.deepEqual(first, before);
    // Not a view of it, nor one like it.
    giveBack(fourth.subarray());
    assert.notEqual(record(20), fourth);
  });

  test('a flight that fits goes out as a whole in the bytes that it has in parts, and nothing of one that does not', () => {
    const items: readonly FlightItem[] = [
      message(0, 50),
      message(1, 0),
      { kind: 'change-cipher-spec', epoch: 0 },
      message(2, 700),
    ];
    const flight: Flight = { items, awaits: 'answer' };
    const [parts = assert.fail(), ...others] = send(items, 1200);
    assert.deepEqual(others, []);
    const { length } = parts;
    const sender = transmit();
    assert.equal(sender.whole(flight, length - 1, 0x4000), 0);
    assert.equal(sender.whole(flight, length, 711), 0);
    assert.deepEqual(datagramsOf(sender), []);
    assert.equal(sender.whole(flight, length, 712), length);
    assert.deepEqual(datagramsOf(sender), [parts]);
  });

  test('a flight goes out as a whole only while there are numbers for all of its records', () => {
    const flight: Flight = { items: [message(0, 50), message(1, 50)], awaits: 'answer' };
    for (const [first, length] of [
      [MAX_SEQUENCE, 0],
      [MAX_SEQUENCE - 1, 0],
      [MAX_SEQUENCE - 2, 2 * (13 + 12 + 50)],
    ] as const) {
      const epochs = new Epochs();
      epochs.installWriter(new PlainWriter(first));
      assert.equal(new Transmit(epochs).whole(flight, 1200, 0x4000), length, `${MAX_SEQUENCE - first}`);
    }
  });

  test('several messages share a datagram, each in its own record', () => {
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

  test('a message that does not fit into the rest of a datagram begins there and continues in the next', () => {
    const datagrams = send([message(0, 100), message(1, 300)], 256);
    assert.deepEqual(
      datagrams.map((d) => d.length),
      [256, RECORD + HEADER + 300 - (256 - 125 - 25)],
    );
  });

  test('the rest of a datagram stays empty when only a tiny fragment would fit', () => {
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

  test('a message in an epoch that can no longer be written is omitted', () => {
    const [datagram] = send([message(0, 20), message(1, 20, 7)], 1200);
    assert.equal(recordsOf(datagram ?? assert.fail()).length, 1);
  });

  test('no record is longer than 2^14 bytes, however large the datagram', () => {
    const datagrams = send([message(0, 40_000)], 65_000);
    for (const { body } of datagrams.flatMap(recordsOf)) assert.ok(body.length <= 0x4000);
    assert.ok(datagrams.every((datagram) => datagram.length <= 65_000));
  });

  test('no record exceeds the limit of the peer, and several of them fill a datagram', () => {
    const sender = transmit();
    const flight: Flight = { items: [message(0, 700), message(1, 30)], awaits: 'answer' };
    sender.flight(flight, { ...whole(400), content: 64 }, new Delivery(flight));
    const datagrams = datagramsOf(sender);
    const bodies = datagrams.flatMap(recordsOf).map(({ body }) => body.length);
    assert.equal(Math.max(...bodies), 64);
    assert.equal(bodies.length, Math.ceil(700 / (64 - HEADER)) + 1);
    assert.ok(datagrams.every(({ length }) => length <= 400) && datagrams.length <= 4);
    assert.deepEqual(
      reassembled(datagrams),
      flight.items.map((item) => item.kind === 'message' && item.body),
    );
  });

  test('messages that follow one another in epoch 2 share a record, up to the limit of the peer', () => {
    const items = [message(0, 50), message(1, 60, 2), message(2, 0, 2), message(3, 70, 2), message(4, 30, 2)];
    assert.deepEqual(shapeOf(items, whole(1200)), [['1:0', '2:0', '3:0', '4:0']]);
    const limit = 2 * HEADER + 100;
    assert.deepEqual(shapeOf(items, { ...whole(1200), content: limit }), [
      ['1:0', '2:0', '3:0'],
      ['3:28', '4:0'],
    ]);
  });

  test('a message in epoch 2 begins in the record of the one before, unless only a tiny fragment would fit', () => {
    const room = 256 - OVERHEAD;
    const split = [message(0, room - 2 * HEADER - 16, 2), message(1, 40, 2)];
    assert.deepEqual(shapeOf(split, whole(256)), [['0:0', '1:0'], ['1:16']]);
    const whole15 = [message(0, room - 2 * HEADER - 15, 2), message(1, 40, 2)];
    assert.deepEqual(shapeOf(whole15, whole(256)), [['0:0'], ['1:0']]);
  });

  test('messages in other epochs have records of their own', () => {
    const items = [message(0, 50), message(1, 60), message(2, 50, 1), message(3, 60, 1)];
    const [datagram] = send(items, 1200);
    assert.deepEqual(
      recordsOf(datagram ?? assert.fail()).map(({ epoch }) => epoch),
      [0, 0, 1, 1],
    );
  });

  test('no message follows a later one in a record, because that may change keys', () => {
    const flight: Flight = { items: [message(0, 300, 2), message(1, 40, 2)], awaits: 'ack' };
    const sender = transmit();
    const delivery = new Delivery(flight);
    const windowed: Manner = { ...whole(256), records: 1, part: 'from-cursor' };
    const { items } = sender.flight(flight, windowed, delivery);
    assert.deepEqual([...items], [0], 'a part of it was sent');
    datagramsOf(sender);
    sender.flight(flight, { ...windowed, records: 4, size: 1200 }, delivery);
    const first = 256 - OVERHEAD - HEADER;
    assert.deepEqual(fragmentsOf(datagramsOf(sender)), [[`0:${first}`, '1:0'], ['0:0']]);
  });

  test('flights of any size keep to the limit and reassemble to the original messages', () => {
    const item = fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(0, 1, 2));
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
    const delivery = new Delivery(flight);
    assert.equal(sender.flight(flight, whole(1200), delivery).repeats, false);
    const first = datagramsOf(sender);
    delivery.lose();
    assert.equal(sender.flight(flight, whole(256), delivery).repeats, true);
    const second = datagramsOf(sender);
    assert.deepEqual(reassembled(second), reassembled(first));
    const numbers = [...first, ...second]
      .flatMap(recordsOf)
      .map(({ epoch, sequence }) => `${epoch}/${sequence}`);
    assert.equal(new Set(numbers).size, numbers.length);
  });
});

suite('an ACK of a record with several messages', () => {
  const items = [message(0, 100, 2), message(1, 100, 2), message(2, 200, 2), message(3, 10, 2)];

  /** All of it in two records: the first ends in the middle of message 2. */
  function sent(): { sender: Transmit; flight: Flight; delivery: Delivery } {
    const sender = transmit();
    const flight: Flight = { items, awaits: 'ack' };
    const delivery = new Delivery(flight);
    sender.flight(flight, whole(OVERHEAD + 3 * HEADER + 250), delivery);
    assert.deepEqual(fragmentsOf(datagramsOf(sender)), [
      ['0:0', '1:0', '2:0'],
      ['2:50', '3:0'],
    ]);
    return { sender, flight, delivery };
  }

  test('counts as one record, and all of its messages are not missing any more', () => {
    const { delivery } = sent();
    assert.equal(delivery.inFlight, 2);
    assert.equal(delivery.acknowledge([{ epoch: 2, sequenceNumber: 0 }], 10), 1);
    assert.deepEqual(delivery.missing, [
      { item: 2, start: 50, end: 200 },
      { item: 3, start: 0, end: 10 },
    ]);
    assert.equal(delivery.acknowledge([{ epoch: 2, sequenceNumber: 0 }], 10), 0);
    assert.equal(delivery.acknowledge([{ epoch: 2, sequenceNumber: 1 }], 10), 1);
    assert.equal(delivery.complete, true);
  });

  test('leaves only what other records hold to be sent again, and an ACK of either transmission counts', () => {
    const { sender, flight, delivery } = sent();
    delivery.acknowledge([{ epoch: 2, sequenceNumber: 1 }], 10);
    sender.flight(flight, whole(OVERHEAD + 2 * HEADER + 130), delivery);
    assert.deepEqual(fragmentsOf(datagramsOf(sender)), [
      ['0:0', '1:0'],
      ['1:30', '2:0'],
    ]);
    assert.equal(delivery.inFlight, 2);
    assert.equal(delivery.acknowledge([{ epoch: 2, sequenceNumber: 0 }], 10), 1);
    assert.equal(delivery.complete, true);
  });

  test('is known after the state has moved', () => {
    const { flight, delivery } = sent();
    const w = new Writer();
    delivery.save(w, 5);
    const moved = new Delivery(flight);
    moved.restore(new Reader(w.finish()), 5);
    assert.equal(moved.inFlight, 2);
    assert.equal(moved.acknowledge([{ epoch: 2, sequenceNumber: 0 }], 10), 1);
    delivery.acknowledge([{ epoch: 2, sequenceNumber: 0 }], 10);
    assert.deepEqual(moved.missing, delivery.missing);
  });

  test('any ACKs of any transmissions leave exactly what no named record holds', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 });
    const rounds = fc.array(
      fc.record({ size: fc.integer({ min: 256, max: 900 }), records: fc.integer({ min: 1, max: 5 }) }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(shape, rounds, fc.func(fc.boolean()), (lengths, transmissions, arrives) => {
        const flight: Flight = {
          items: lengths.map((length, seq) => message(seq, length, 2)),
          awaits: 'ack',
        };
        const sender = transmit();
        const delivery = new Delivery(flight);
        const lacking = lengths.map((length) => new Set(Array.from({ length: length + 1 }, (_, at) => at)));
        const reader = new RecordReader12(nodeProvider, aead, 2, keys);
        for (const manner of transmissions) {
          delivery.lose();
          sender.flight(
            flight,
            { ...whole(manner.size), records: manner.records, part: 'from-cursor' },
            delivery,
          );
          const records = openedRecords(datagramsOf(sender), reader);
          assert.ok(records.length <= manner.records);
          const arrived = records.filter(({ sequence }) => arrives(sequence));
          delivery.acknowledge(
            arrived.map(({ sequence }) => ({ epoch: 2, sequenceNumber: sequence })),
            0,
          );
          for (const { fragments } of arrived)
            for (const { messageSeq, fragmentOffset, fragmentLength, length } of fragments) {
              for (let at = 0; at < fragmentLength; at++) lacking[messageSeq]?.delete(fragmentOffset + at);
              // An empty message is one place.
              if (length === 0) lacking[messageSeq]?.delete(0);
            }
        }
        const left = lengths.flatMap((length, seq) =>
          [...(lacking[seq] ?? [])].filter((at) => at < length || length === 0).map((at) => `${seq}:${at}`),
        );
        const missing = delivery.missing.flatMap(({ item, start, end }) =>
          Array.from({ length: Math.max(end - start, 1) }, (_, at) => `${item}:${start + at}`),
        );
        assert.deepEqual(missing, left);
      }),
      { numRuns: 100 },
    );
  });
});

suite('a flight with a limited number of records per transmission', () => {
  /** Offsets of the fragments sent, by transmission; each transmission has 4 records of 231 bytes. */
  function transmissions(
    items: readonly FlightItem[],
    count: number,
    part: Manner['part'] = 'from-cursor',
    between: (delivery: Delivery) => void = () => undefined,
  ): string[][] {
    const sender = transmit();
    const flight: Flight = { items, awaits: 'ack' };
    const delivery = new Delivery(flight);
    return Array.from({ length: count }, () => {
      const { repeats } = sender.flight(flight, { ...whole(256), records: 4, part }, delivery);
      between(delivery);
      const fragments = datagramsOf(sender).flatMap((data) =>
        recordsOf(data).flatMap(({ body }) => readHandshakeFragments(body) ?? assert.fail()),
      );
      const places = fragments.map(({ messageSeq, fragmentOffset }) => `${messageSeq}:${fragmentOffset}`);
      return repeats ? [...places, 'again'] : places;
    });
  }

  test('a windowed flight without ACKs goes out in turn, and then from the start', () => {
    const [first, second, third] = transmissions([message(0, 231 * 4), message(1, 231 * 2)], 3);
    assert.deepEqual(first, ['0:0', '0:231', '0:462', '0:693']);
    assert.deepEqual(second, ['1:0', '1:231', '0:0', '0:231', 'again']);
    assert.deepEqual(third, ['0:462', '0:693', '1:0', '1:231', 'again']);
  });

  test('a windowed flight continues in the middle of a message, and counts as retransmitted only from the start on', () => {
    const [first, second] = transmissions([message(0, 231 * 8)], 2);
    assert.deepEqual(first, ['0:0', '0:231', '0:462', '0:693']);
    assert.deepEqual(second, ['0:924', '0:1155', '0:1386', '0:1617']);
  });

  test('a windowed flight begins with the first missing record after an ACK', () => {
    const sent = transmissions([message(0, 231 * 6)], 2, 'sendable', (delivery) =>
      delivery.acknowledge(
        [0, 2, 3].map((sequenceNumber) => ({ epoch: 0, sequenceNumber })),
        10,
      ),
    );
    assert.deepEqual(sent[1], ['0:231', '0:924', '0:1155', 'again']);
  });

  test('a windowed flight of empty messages goes out in turn, each once', () => {
    const items = Array.from({ length: 6 }, (_, seq) => message(seq, 0));
    const [first, second] = transmissions(items, 2);
    assert.deepEqual(first, ['0:0', '1:0', '2:0', '3:0']);
    assert.deepEqual(second, ['4:0', '5:0', '0:0', '1:0', 'again']);
  });

  test('a windowed flight reassembles for any sizes and numbers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 256, max: 700 }),
        (lengths, records, size) => {
          const items = lengths.map((length, seq) => message(seq, length));
          const sender = transmit();
          const flight: Flight = { items, awaits: 'ack' };
          const delivery = new Delivery(flight);
          const datagrams: Uint8Array[] = [];
          for (let again = false; !again; ) {
            const { repeats, bytes } = sender.flight(
              flight,
              { ...whole(size), records, part: 'from-cursor' },
              delivery,
            );
            assert.ok(bytes > 0);
            again = repeats;
            const sent = datagramsOf(sender);
            assert.ok(sent.flatMap(recordsOf).length <= records);
            datagrams.push(...sent);
          }
          assert.deepEqual(
            reassembled(datagrams),
            items.map((item) => item.kind === 'message' && item.body),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

suite('single records', () => {
  test('single records are sent in their own datagrams, of exactly their length', () => {
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

/** The fragments of each record of a flight in epoch 2. */
function shapeOf(items: readonly FlightItem[], manner: Manner): string[][] {
  const sender = transmit();
  const flight: Flight = { items, awaits: 'answer' };
  sender.flight(flight, manner, new Delivery(flight));
  return fragmentsOf(datagramsOf(sender));
}

function fragmentsOf(datagrams: readonly Uint8Array[]): string[][] {
  const reader = new RecordReader12(nodeProvider, aead, 2, keys);
  return openedRecords(datagrams, reader).map(({ fragments }) =>
    fragments.map(({ messageSeq, fragmentOffset }) => `${messageSeq}:${fragmentOffset}`),
  );
}

function openedRecords(
  datagrams: readonly Uint8Array[],
  reader: RecordReader12,
): { sequence: number; fragments: readonly HandshakeFragment[] }[] {
  const records = [];
  const header = createHeader();
  for (const datagram of datagrams)
    for (let offset = 0; offset < datagram.length; offset = header.end) {
      assert.equal(readHeader(datagram, offset, header), undefined);
      if (header.epoch !== 2) continue;
      const content = reader.open(header, datagram);
      assert.ok(typeof content !== 'string');
      records.push({
        sequence: header.sequence,
        fragments: readHandshakeFragments(content) ?? assert.fail(),
      });
    }
  return records;
}

/** Bodies in order, after opening and putting together what the datagrams carry. */
function reassembled(datagrams: readonly Uint8Array[]): Uint8Array[] {
  const readers = [1, 2].map((epoch) => new RecordReader12(nodeProvider, aead, epoch, keys));
  const reassembler = new Reassembler(0, { maxMessage: 100_000, budget: 1_000_000 });
  const header = createHeader();
  for (const datagram of datagrams) {
    for (let offset = 0; offset < datagram.length; offset = header.end) {
      assert.equal(readHeader(datagram, offset, header), undefined);
      const plain = datagram.subarray(header.bodyStart, header.end);
      const reader = readers[header.epoch - 1];
      const content = reader === undefined ? plain : reader.open(header, datagram);
      assert.ok(typeof content !== 'string');
      for (const fragment of readHandshakeFragments(content) ?? assert.fail())
        assert.notEqual(reassembler.add(fragment, header.epoch, 0), 'conflicting_fragment');
    }
  }
  const bodies: Uint8Array[] = [];
  for (let whole = reassembler.take(); whole !== undefined; whole = reassembler.take())
    bodies.push(whole.body);
  return bodies;
}
