// Siege cases A5, A8, C1.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MemoryAccount, MemoryPool, PIECE_COST } from '#lib/base/memory.js';
import { type Discarded, Reassembler } from '#lib/connection/reassembly.js';
import { Random } from '../support/random.js';
import { fragment } from './fragment.js';

const LIMITS = { maxMessage: 0x10200, budget: 0x18000 };
const EPOCHS = [0, 2] as const;

function message(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31) >> 3);
}

const ORDERS: readonly [string, (pieces: number[], random: Random) => number[]][] = [
  ['in order', (pieces) => pieces],
  ['backwards', (pieces) => pieces.toReversed()],
  ['from the middle to both ends', (pieces) => fromTheMiddle(pieces)],
  ['shuffled', (pieces, random) => random.shuffled(pieces)],
];

function fromTheMiddle(pieces: readonly number[]): number[] {
  const middle = pieces.length >> 1;
  const below = pieces.slice(0, middle).reverse();
  return pieces.slice(middle).flatMap((piece, i) => [piece, ...below.slice(i, i + 1)]);
}

for (const epoch of EPOCHS) {
  suite(`fragments in epoch ${epoch}`, () => {
    for (const [order, arranged] of ORDERS) {
      test(`the longest message is reassembled from fragments of 250 bytes, ${order}`, () => {
        const body = message(0x10200);
        const pieces = Array.from({ length: Math.ceil(body.length / 250) }, (_, i) => i * 250);
        const reassembler = new Reassembler(0, LIMITS);
        for (const at of arranged(pieces, new Random(1))) {
          const end = Math.min(at + 250, body.length);
          assert.equal(reassembler.add(fragment(0, body, at, end), epoch, 0), 'stored');
        }
        assert.deepEqual(reassembler.take()?.body, body);
        assert.equal(reassembler.held, 0);
      });
    }

    for (const [order, arranged] of ORDERS.slice(0, 3)) {
      test(`20,000 fragments of one byte cost little more than their bytes, ${order}`, () => {
        const body = message(20_000);
        const pieces = Array.from({ length: body.length }, (_, i) => i);
        const reassembler = new Reassembler(0, LIMITS);
        for (const at of arranged(pieces, new Random(1))) {
          assert.equal(reassembler.add(fragment(0, body, at, at + 1), epoch, 0), 'stored');
          assert.ok(reassembler.held <= body.length + 2 * 2048 + 2 * PIECE_COST);
        }
        assert.deepEqual(reassembler.take()?.body, body);
      });
    }

    test('a whole message replaces its fragments, however many there are', () => {
      const body = message(600);
      const reassembler = new Reassembler(0, LIMITS);
      for (let at = 0; at < 600; at += 2) reassembler.add(fragment(0, body, at, at + 1), epoch, 0);
      assert.equal(reassembler.take(), undefined);
      assert.equal(reassembler.add(fragment(0, body), epoch, 0), 'stored');
      assert.deepEqual(reassembler.take()?.body, body);
      assert.equal(reassembler.held, 0);
    });

    test('a whole message finds room though its fragments have spent the budget', () => {
      const body = message(0x10000);
      const reassembler = new Reassembler(0, LIMITS);
      for (let at = 0; at < 2000; at += 2) reassembler.add(fragment(0, body, at, at + 1), epoch, 0);
      assert.ok(reassembler.held > LIMITS.budget - 2 * PIECE_COST);
      assert.equal(reassembler.add(fragment(0, body), epoch, 0), 'stored');
      assert.deepEqual(reassembler.take()?.body, body);
    });

    test('the charged cost is what is held, to the last byte', () => {
      const piece = fc.record({
        seq: fc.nat(17),
        kind: fc.nat(2),
        at: fc.nat(2000),
        size: fc.nat(600),
        fill: fc.nat(1),
      });
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 80 }), (pieces) => {
          const pool = new MemoryPool(0);
          const account = new MemoryAccount(pool, { onEvict: () => assert.fail() });
          const reassembler = new Reassembler(0, { maxMessage: 3000, budget: 9000 }, account);
          for (const { seq, kind, at, size, fill } of pieces) {
            const body = new Uint8Array([900, 901, 2500][kind] ?? 0).fill(fill);
            const from = Math.min(at, body.length - 1);
            const to = Math.min(from + size + 1, body.length);
            reassembler.add(fragment(seq, body, from, to), epoch, 0);
            assert.ok(reassembler.held >= 0 && reassembler.held <= 9000);
            assert.equal(account.held, reassembler.held);
            assert.equal(pool.held, reassembler.held);
            while (reassembler.take() !== undefined);
          }
          reassembler.forgetAll();
          assert.deepEqual(
            [reassembler.held, account.held, pool.held, reassembler.oldest],
            [0, 0, 0, undefined],
          );
        }),
      );
    });
  });
}

suite('forged fragments in epoch 0', () => {
  const honest = message(3000);
  const parts = [0, 1000, 2000].map((at) => fragment(0, honest, at, at + 1000));

  function withForgeries(forge: (reassembler: Reassembler, round: number) => void, rounds = 1) {
    const discarded: Discarded[] = [];
    const reassembler = new Reassembler(0, LIMITS, undefined, {
      onDiscard: (why) => discarded.push(why),
    });
    for (let round = 0; round < rounds; round++) {
      for (const part of parts) {
        forge(reassembler, round);
        reassembler.add(part, 0, 0);
      }
    }
    return { reassembler, discarded };
  }

  test('another length or type begins a separate candidate, and the first complete one is used', () => {
    for (const lie of [{ length: 60_000 }, { length: 2999 }, { type: 14 }]) {
      const { reassembler, discarded } = withForgeries((r) => {
        r.add({ ...fragment(0, new Uint8Array(3000), 100, 101), ...lie }, 0, 0);
      });
      const taken = reassembler.take();
      assert.deepEqual([taken?.type, taken?.body], [11, honest]);
      assert.deepEqual(discarded, ['conflicting_fragment']);
      assert.equal(reassembler.held, 0);
    }
  });

  test('forged bytes of the right length are replaced when the flight is repeated', () => {
    for (const at of [0, 999, 1000, 1500, 2999]) {
      const wrong = new Uint8Array(3000).fill(0xee);
      const { reassembler } = withForgeries(
        (r, round) => round === 0 && r.add(fragment(0, wrong, at, at + 1), 0, 0),
        2,
      );
      assert.deepEqual(reassembler.take()?.body, honest);
    }
  });

  test('a forged whole message for later is replaced by the one that comes after it', () => {
    const reassembler = new Reassembler(0, LIMITS);
    reassembler.add(fragment(1, new Uint8Array(50)), 0, 0);
    reassembler.add(fragment(1, honest), 0, 0);
    for (const part of parts) reassembler.add(part, 0, 0);
    assert.deepEqual(reassembler.take()?.body, honest);
    assert.deepEqual(reassembler.take()?.body, honest);
  });

  test('a budget that forgeries spent is free for later fragments', () => {
    const { reassembler, discarded } = withForgeries((r) => {
      for (let seq = 0; seq < 16; seq++)
        for (let i = 0; i < 10; i++) r.add(fragment(seq, new Uint8Array(5000 + i), 0, 3000), 0, 0);
    });
    // Each part of the honest message finds it displaced.
    assert.equal(reassembler.take(), undefined);
    assert.ok(discarded.length > 0 && reassembler.held <= LIMITS.budget);
    for (const part of parts) assert.equal(reassembler.add(part, 0, 0), 'stored');
    assert.deepEqual(reassembler.take()?.body, honest);
  });
});

suite('what is held for later', () => {
  test('held fragments expire, and are counted', () => {
    const discarded: Discarded[] = [];
    const reassembler = new Reassembler(0, LIMITS, undefined, {
      onDiscard: (why) => discarded.push(why),
    });
    const body = message(300);
    reassembler.add(fragment(0, body, 0, 10), 2, 1000);
    reassembler.add(fragment(1, body, 0, 10), 2, 2000);
    reassembler.add(fragment(0, body, 20, 30), 2, 5000);
    assert.equal(reassembler.oldest, 1000);
    reassembler.forgetUntil(1000);
    assert.deepEqual([reassembler.oldest, discarded], [2000, ['expired_message']]);
    reassembler.forgetUntil(5000);
    assert.equal(reassembler.held, 0);
  });
});

suite('memory of an endpoint', () => {
  test('the association that has held something for the longest time drops it', () => {
    const pool = new MemoryPool(100);
    const evicted: number[] = [];
    const accounts = [0, 1, 2].map((i) => {
      const account: MemoryAccount = new MemoryAccount(pool, {
        onEvict: () => {
          evicted.push(i);
          account.give(account.held);
        },
      });
      return account;
    });
    const [a, b, c] = accounts as [MemoryAccount, MemoryAccount, MemoryAccount];
    assert.ok(a.take(40) && b.take(40) && a.take(10));
    assert.ok(c.take(30));
    assert.deepEqual([evicted, pool.held, pool.evictions, a.held], [[0], 70, 1, 0]);
    assert.ok(a.take(20) && c.take(50));
    assert.deepEqual([evicted, pool.held], [[0, 1], 100]);
    assert.equal(c.take(1), false, 'it is the oldest itself');
    assert.equal(a.take(101), false);
    assert.equal(a.held, 20);
  });

  test('without a limit no association drops what it holds', () => {
    const pool = new MemoryPool(0);
    const account = new MemoryAccount(pool, { onEvict: () => assert.fail() });
    assert.ok(account.take(1e9));
    account.give(1e9);
    assert.equal(pool.held, 0);
  });
});
