import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MAX_SEQUENCE } from '#lib/base/sequence.js';
import { PlainReader, PlainWriter } from '#lib/record/plain.js';
import { bytes, received, sealed } from './protections.js';

suite('epoch 0', () => {
  test('records carry version 1.2 and count from zero', () => {
    const writer = new PlainWriter();
    assert.deepEqual(
      sealed(writer, bytes(2), 22),
      Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, ...bytes(2)),
    );
    assert.equal(writer.sequence, 1);
  });

  test('a writer continues from a given number under a given version', () => {
    const record = sealed(new PlainWriter(0x0102, 0xfeff), bytes(1), 22);
    assert.deepEqual(record.slice(0, 11), Uint8Array.of(22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 1, 2));
  });

  test('content is a view into the datagram', () => {
    const record = sealed(new PlainWriter(3), bytes(5), 22);
    const { header, result } = received(new PlainReader(), record);
    assert.ok(typeof result !== 'string');
    assert.equal(result.buffer, record.buffer);
    assert.deepEqual(result, bytes(5));
    assert.deepEqual([header.type, header.epoch, header.sequence], [22, 0, 3]);
  });

  test('a repeated plaintext record is read again, because a forged one must not lock out the genuine one', () => {
    const record = sealed(new PlainWriter(), bytes(5), 22);
    const reader = new PlainReader();
    for (let i = 0; i < 2; i++) assert.deepEqual(received(reader, record).result, bytes(5));
  });

  test('more than 2^14 bytes are refused', () => {
    const record = sealed(new PlainWriter(), bytes(0x4001), 22);
    assert.equal(received(new PlainReader(), record).result, 'too_long');
  });

  test('the last sequence number is used and nothing after it', () => {
    const writer = new PlainWriter(MAX_SEQUENCE);
    assert.equal(writer.state, 'open');
    sealed(writer, bytes(1), 22);
    assert.equal(writer.state, 'exhausted');
  });

  test('application data are never sealed', () => {
    assert.throws(() => sealed(new PlainWriter(), bytes(1), 23), /no place in epoch 0/);
  });
});
