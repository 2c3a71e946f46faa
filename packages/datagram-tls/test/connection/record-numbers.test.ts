// How many record numbers an association remembers: the limits of SECURITY.md.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryAccount, MemoryPool } from '#lib/base/memory.js';
import { Acks } from '#lib/connection/acks.js';
import type { Association } from '#lib/connection/association.js';
import { Delivery } from '#lib/connection/delivery.js';
import { HandshakeReceiver } from '#lib/connection/handshake-receiver.js';
import { Timers } from '#lib/connection/timers.js';
import { decodeAck, type RecordNumber } from '#lib/wire/messages/ack.js';

const LARGE = 60_000;

/** What the parts under test read of an association, and the numbers of the ACKs that they send. */
function association() {
  const sent: RecordNumber[][] = [];
  const transmit = {
    records: (_writer: unknown, _type: number, contents: readonly Uint8Array[]) => {
      sent.push(contents.flatMap((body) => [...(decodeAck(body)?.recordNumbers ?? assert.fail())]));
    },
  };
  const parts = {
    timers: new Timers(),
    epochs: { writer: { state: 'open', capacity: (size: number) => size } },
    transmit,
    path: { validated: true, size: { forFlights: LARGE } },
    recordLimits: { send: LARGE },
    life: { at: 'handshaking', undecided: false },
    memory: new MemoryAccount(new MemoryPool(0), { onEvict: () => undefined }),
    trace: () => undefined,
  };
  return { of: parts as unknown as Association, sent };
}

function numbersOf(numbers: readonly RecordNumber[]): number[] {
  return numbers.map(({ sequenceNumber }) => sequenceNumber);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

suite('record numbers that are remembered', () => {
  test('an ACK names the last 128 records of a flight', () => {
    const { of, sent } = association();
    const acks = new Acks(of);
    for (const number of range(0, 200)) acks.onRecord(2, number);
    acks.send();
    assert.deepEqual(sent.map(numbersOf), [range(72, 200)]);
  });

  test('an ACK without news repeats the last 32', () => {
    const { of, sent } = association();
    const acks = new Acks(of);
    for (const number of range(0, 200)) acks.onRecord(2, number);
    acks.send();
    acks.send();
    assert.deepEqual(numbersOf(sent[1] ?? []), range(168, 200));
  });

  test('an ACK of one of the last 512 records of a flight counts, and an ACK of an older one does not', () => {
    const body = new Uint8Array(600);
    const flight = { items: [{ kind: 'message', type: 11, seq: 0, epoch: 2, body }], awaits: 'ack' } as const;
    const delivery = new Delivery(flight);
    for (const at of range(0, 513)) delivery.onSent([{ item: 0, start: at, end: at + 1 }], 2, at);
    assert.equal(delivery.acknowledge([{ epoch: 2, sequenceNumber: 0 }], 0), 0);
    assert.equal(delivery.acknowledge([{ epoch: 2, sequenceNumber: 1 }], 0), 1);
  });

  test('the last 64 plaintext records are known again, and an older one is not', () => {
    const { of } = association();
    const receiver = new HandshakeReceiver(of, {} as never, {} as never, {} as never, 0);
    for (const number of range(0, 64)) assert.equal(receiver.isDuplicate(0, number), false);
    assert.equal(receiver.isDuplicate(0, 0), true);
    assert.equal(receiver.isDuplicate(0, 64), false);
    assert.equal(receiver.isDuplicate(0, 0), false);
    assert.equal(receiver.isDuplicate(0, 64), true);
  });
});
