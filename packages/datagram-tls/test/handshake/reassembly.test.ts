import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { PIECE_COST } from '#lib/base/memory.js';
import { type FragmentFate, Reassembler } from '#lib/connection/reassembly.js';
import { fragment } from './fragment.js';

const LIMITS = { maxMessage: 1000, budget: 4000 };
/** What a message costs beside its runs of bytes. */
const MESSAGE_COST = 256;
const WINDOW = 16;

const body = Uint8Array.from({ length: 300 }, (_, i) => i);

suite('reassembly of handshake messages', () => {
  test('a message in one fragment is delivered unchanged, in its own memory', () => {
    const reassembler = new Reassembler(0, LIMITS);
    const datagram = body.slice();
    assert.equal(reassembler.add(fragment(0, datagram), 0, 0), 'stored');
    datagram.fill(0);
    assert.deepEqual(reassembler.take(), { type: 11, seq: 0, epoch: 0, body });
    assert.equal(reassembler.held, 0);
  });

  test('a message without a body is delivered', () => {
    const reassembler = new Reassembler(0, LIMITS);
    assert.equal(reassembler.add(fragment(0, new Uint8Array(0)), 0, 0), 'stored');
    assert.equal(reassembler.take()?.body.length, 0);
    assert.equal(reassembler.next, 1);
  });

  test('messages are delivered in the order of their numbers only', () => {
    const reassembler = new Reassembler(5, LIMITS);
    for (const seq of [7, 6]) reassembler.add(fragment(seq, body), 0, 0);
    assert.equal(reassembler.take(), undefined);
    reassembler.add(fragment(5, body), 0, 0);
    assert.deepEqual([reassembler.take()?.seq, reassembler.take()?.seq, reassembler.take()?.seq], [5, 6, 7]);
    assert.equal(reassembler.take(), undefined);
    assert.equal(reassembler.add(fragment(6, body), 0, 0), 'old');
  });

  test('any covering set of fragments gives the message, in any order and with overlaps', () => {
    const range = fc
      .tuple(fc.nat(299), fc.nat(299))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b) + 1] as const);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
        const reassembler = new Reassembler(0, { maxMessage: 1000, budget: 100_000 });
        const covered = new Set<number>();
        for (const [from, to] of ranges) {
          assert.equal(reassembler.add(fragment(0, body, from, to), 0, 0), 'stored');
          for (let i = from; i < to; i++) covered.add(i);
          if (covered.size < body.length) assert.equal(reassembler.take(), undefined);
          else break;
        }
        for (let i = 0; i < body.length; i++) {
          if (!covered.has(i)) reassembler.add(fragment(0, body, i, i + 1), 0, 0);
        }
        assert.deepEqual(reassembler.take()?.body, body);
        assert.equal(reassembler.held, 0);
      }),
    );
  });

  test('the first bytes stay when others overlap them in an epoch with keys', () => {
    const reassembler = new Reassembler(0, LIMITS);
    reassembler.add(fragment(0, body, 100, 200), 1, 0);
    for (const [from, to] of [
      [0, 150],
      [150, 300],
    ] as const)
      assert.equal(reassembler.add(fragment(0, new Uint8Array(300), from, to), 1, 0), 'stored');
    const whole = reassembler.take()?.body ?? assert.fail();
    assert.deepEqual(whole.subarray(100, 200), body.subarray(100, 200));
    assert.ok(
      whole.subarray(0, 100).every((byte) => byte === 0) && whole.subarray(200).every((byte) => byte === 0),
    );
  });

  test('a fragment of another type, length or epoch than the first is a conflict in an epoch with keys', () => {
    const reassembler = new Reassembler(0, LIMITS);
    reassembler.add(fragment(0, body, 0, 10), 2, 0);
    const rest = fragment(0, body, 10, 300);
    assert.equal(reassembler.add({ ...rest, type: 12 }, 2, 0), 'conflicting_fragment');
    assert.equal(reassembler.add({ ...rest, length: 301 }, 2, 0), 'conflicting_fragment');
    for (const epoch of [0, 1]) assert.equal(reassembler.add(rest, epoch, 0), 'conflicting_fragment');
    assert.equal(reassembler.add(rest, 2, 0), 'stored');
    assert.deepEqual(reassembler.take()?.body, body);
  });

  test('messages beyond the window are discarded as too far ahead', () => {
    const reassembler = new Reassembler(3, LIMITS);
    assert.equal(reassembler.add(fragment(3 + WINDOW - 1, body), 0, 0), 'stored');
    assert.equal(reassembler.add(fragment(3 + WINDOW, body), 0, 0), 'too_far_ahead');
    assert.equal(reassembler.add(fragment(0xffff, body), 0, 0), 'too_far_ahead');
  });

  test('a message above the limit is refused with its first fragment', () => {
    const reassembler = new Reassembler(0, LIMITS);
    assert.equal(reassembler.add(fragment(0, new Uint8Array(1001), 0, 1), 0, 0), 'over_budget');
    assert.equal(reassembler.add(fragment(0, new Uint8Array(1000), 0, 1), 0, 0), 'stored');
  });

  test('held bytes never exceed the budget, add up, and are released', () => {
    const piece = fc.record({
      seq: fc.nat(20),
      length: fc.integer({ min: 1, max: 1200 }),
      at: fc.nat(1200),
      size: fc.nat(400),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const reassembler = new Reassembler(0, LIMITS);
        const fates = new Set<FragmentFate>();
        for (const { seq, length, at, size } of pieces) {
          const whole = new Uint8Array(length);
          const from = Math.min(at, length - 1);
          fates.add(reassembler.add(fragment(seq, whole, from, Math.min(from + size + 1, length)), 0, 0));
          assert.ok(reassembler.held >= 0 && reassembler.held <= LIMITS.budget);
          while (reassembler.take() !== undefined);
        }
        reassembler.onlyEpoch(1);
        assert.equal(reassembler.held, 0);
      }),
    );
  });

  test('each run of bytes costs more than its bytes', () => {
    const reassembler = new Reassembler(0, LIMITS);
    for (let i = 0; i < 5; i++) reassembler.add(fragment(0, body, 2 * i, 2 * i + 1), 0, 0);
    assert.equal(reassembler.held, MESSAGE_COST + 5 * (1 + PIECE_COST));
  });

  test('a repeated fragment costs nothing', () => {
    const reassembler = new Reassembler(0, LIMITS);
    for (let i = 0; i < 100; i++) assert.equal(reassembler.add(fragment(0, body, 0, 100), 0, 0), 'stored');
    assert.equal(reassembler.held, MESSAGE_COST + 100 + PIECE_COST);
  });

  test('a key change drops what was held of other epochs, and returns how much that was', () => {
    const reassembler = new Reassembler(0, LIMITS);
    reassembler.add(fragment(1, body), 0, 0);
    reassembler.add(fragment(2, body, 0, 9), 0, 0);
    reassembler.add(fragment(3, body), 1, 0);
    assert.equal(reassembler.onlyEpoch(1), 2);
    assert.equal(reassembler.held, MESSAGE_COST + body.length + PIECE_COST);
    assert.equal(reassembler.add(fragment(1, body), 1, 0), 'stored');
  });
});
