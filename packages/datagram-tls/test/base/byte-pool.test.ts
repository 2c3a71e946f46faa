import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BytePool, withOwnMemory } from '#lib/base/byte-pool.js';
import { Random } from '../support/random.js';

suite('byte pool', () => {
  test('arrays that are kept never overlap, whatever their lengths and however many are not kept', () => {
    const random = new Random(0x65);
    const pool = new BytePool();
    const kept: { array: Uint8Array; mark: number }[] = [];
    for (let i = 0; i < 5000; i++) {
      const length = random.below(10) === 0 ? random.below(20_000) : random.below(300);
      const array = pool.room(length);
      assert.equal(array.length, length);
      array.fill(0xff);
      if (random.below(3) === 0) continue;
      pool.keep();
      const mark = i & 0x7f;
      array.fill(mark);
      kept.push({ array, mark });
    }
    for (const { array, mark } of kept) assert.ok(array.every((byte) => byte === mark));
    assert.ok(new Set(kept.map(({ array }) => array.buffer)).size < kept.length / 4);
  });

  test('room that is not kept is offered again', () => {
    const pool = new BytePool();
    const first = pool.room(100);
    const second = pool.room(50);
    assert.equal(second.buffer, first.buffer);
    assert.equal(second.byteOffset, first.byteOffset);
    pool.keep();
    pool.keep();
    assert.equal(pool.room(1).byteOffset, 50);
  });

  test('memory that one of its arrays took to another thread is replaced', () => {
    const pool = new BytePool();
    for (const length of [0, 1, 64]) {
      const lost = pool.room(length);
      pool.keep();
      structuredClone(lost, { transfer: [lost.buffer] });
      for (const next of [0, 1, 64]) {
        const room = pool.room(next);
        assert.equal(room.length, next);
        assert.equal(room.buffer.byteLength > 0, true);
      }
    }
  });

  test('each piece of memory is shown once, before any array of it', () => {
    const shown: ArrayBuffer[] = [];
    const pool = new BytePool((memory) => shown.push(memory));
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 100; i++) {
      const { buffer } = pool.room(1000);
      pool.keep();
      assert.equal(shown.at(-1), buffer);
      buffers.add(buffer);
    }
    assert.deepEqual([...buffers], shown);
  });

  test('an array keeps alive at most 8 KiB, or 32 times its length', () => {
    const pool = new BytePool();
    for (let length = 0; length < 20_000; length = Math.ceil((length + 1) * 1.1)) {
      const { buffer } = pool.room(length);
      pool.keep();
      assert.ok(buffer.byteLength <= Math.max(0x2000, length * 32), `${buffer.byteLength} for ${length}`);
    }
  });

  test('long arrays share memory with fewer others than short ones, but share it', () => {
    const pool = new BytePool();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 500; i++) {
      buffers.add(pool.room(1200).buffer);
      pool.keep();
    }
    assert.ok(buffers.size <= 40);
  });

  test('bytes with memory of their own are not copied, and others are', () => {
    const alone = new Uint8Array(10);
    assert.equal(withOwnMemory(alone), alone);
    const part = Uint8Array.of(1, 2, 3).subarray(1);
    const copy = withOwnMemory(part);
    assert.deepEqual(copy, part);
    assert.equal(copy.buffer.byteLength, 2);
    const buffer = withOwnMemory(Buffer.from(part.buffer, 1, 2));
    assert.equal(buffer.buffer.byteLength, 2);
  });
});
