// Siege case A11: a peer sends and the application does not read.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Inbox, UnreadBudget } from '#lib/driver/inbox.js';
import { connect } from '#lib/index.js';

const COST = 512;
const LOOSE = { messages: 1_000_000, bytes: 1_000_000 };

function filled(budget: UnreadBudget, messages: number, size = 488): Inbox {
  const inbox = new Inbox(LOOSE, budget);
  for (let i = 0; i < messages; i++) inbox.push(Buffer.alloc(size).fill(i));
  return inbox;
}

/** The first bytes of what waits. */
async function read(inbox: Inbox): Promise<number[]> {
  const seen: number[] = [];
  inbox.end();
  for await (const [first = -1] of inbox.iterate(() => undefined)) seen.push(first);
  return seen;
}

suite('messages that are not read', () => {
  test('a session holds a limited cost of unread messages, and loses the oldest', async () => {
    const budget = new UnreadBudget(1_000_000);
    const inbox = new Inbox({ messages: 256, bytes: 3 * (COST + 100) }, budget);
    for (let i = 0; i < 5; i++) inbox.push(Buffer.alloc(100).fill(i));
    assert.deepEqual([inbox.dropped, budget.held], [2, 3 * (COST + 100)]);
    assert.deepEqual(await read(inbox), [2, 3, 4]);
    assert.equal(budget.held, 0);
  });

  test('a loop that is left releases its unread messages, and accepts no more', async () => {
    const budget = new UnreadBudget(1_000_000);
    const inbox = filled(budget, 5);
    for await (const _ of inbox.iterate(() => undefined)) break;
    inbox.push(Buffer.alloc(100));
    assert.equal(budget.held, 0);
  });

  test('empty unread messages have a cost, too', () => {
    const budget = new UnreadBudget(1_000_000);
    const inbox = new Inbox({ messages: 256, bytes: 10 * COST }, budget);
    for (let i = 0; i < 1000; i++) inbox.push(Buffer.alloc(0));
    assert.deepEqual([inbox.dropped, budget.held], [990, 10 * COST]);
  });

  test('a message above the limit is lost without displacing others', async () => {
    const budget = new UnreadBudget(1_000_000);
    const inbox = new Inbox({ messages: 256, bytes: 2000 }, budget);
    inbox.push(Buffer.alloc(5000).fill(1));
    inbox.push(Buffer.alloc(10).fill(2));
    assert.equal(inbox.dropped, 1);
    assert.deepEqual(await read(inbox), [2]);
  });

  test('all sessions together hold a limited cost: sessions that are not read lose messages first', async () => {
    const budget = new UnreadBudget(10_000);
    const silent = filled(budget, 6);
    const live = new Inbox(LOOSE, budget);
    const reader = live.iterate(() => undefined);
    for (let i = 0; i < 50; i++) {
      // Two messages arrive for each one read: the reader is slow, but it reads.
      live.push(Buffer.alloc(488).fill(i));
      if (i % 2 === 1) assert.equal((await reader.next()).done, false);
      assert.ok(budget.held <= 10_000);
    }
    assert.equal(silent.dropped, 6);
    assert.ok(live.dropped > 0 && live.dropped <= 50 - 25 - 10 + 1);
  });

  test('a session gets its messages through while a hostile crowd fills the budget', async () => {
    const budget = new UnreadBudget(100_000);
    const crowd = Array.from({ length: 200 }, () => filled(budget, 5));
    const live = new Inbox(LOOSE, budget);
    const reader = live.iterate(() => undefined);
    for (let i = 0; i < 100; i++) {
      live.push(Buffer.alloc(488).fill(i));
      crowd[i]?.push(Buffer.alloc(488));
      const { value } = await reader.next();
      assert.equal(value?.[0], i);
      assert.ok(budget.held <= 100_000);
    }
    assert.equal(live.dropped, 0);
  });

  test('a session that is over releases its messages, unless a reader is active', async () => {
    const budget = new UnreadBudget(100_000);
    const unread = filled(budget, 3);
    unread.end();
    unread.leave();
    assert.equal(budget.held, 0);
    const beingRead = filled(budget, 3);
    const reader = beingRead.iterate(() => undefined);
    beingRead.end();
    beingRead.leave();
    assert.equal(budget.held, 3000);
    for (let i = 0; i < 3; i++) await reader.next();
    assert.deepEqual([budget.held, (await reader.next()).done], [0, true]);
    // What waited in the session that is over is still there.
    assert.deepEqual(await read(unread), [0, 1, 2]);
    assert.equal(budget.held, 0);
  });

  test('a handler receives the waiting messages, and the inbox is then empty', () => {
    const budget = new UnreadBudget(100_000);
    const inbox = filled(budget, 4);
    assert.equal(inbox.handOver().length, 4);
    assert.equal(budget.held, 0);
    inbox.push(Buffer.alloc(10));
    assert.equal(budget.held, 0);
  });

  for (const name of ['maxUnreadBytes', 'maxUnreadBytesInAll']) {
    test(`${name} that is not a positive integer is a mistake of the caller`, () => {
      for (const value of [0, -1, 1.5, Number.NaN]) {
        const options = { [name]: value };
        assert.throws(() => connect('127.0.0.1', 4433, options), { code: 'ERR_OUT_OF_RANGE' });
      }
      assert.throws(() => connect('127.0.0.1', 4433, { [name]: '1' }), { code: 'ERR_INVALID_ARG_TYPE' });
    });
  }
});

// Case D6.
suite('a loop over the messages of a session', () => {
  test('it throws the error of a session that failed, after the messages that had arrived', async () => {
    const inbox = filled(new UnreadBudget(1_000_000), 2);
    const error = new Error('mine');
    inbox.end(error);
    const loop = inbox.iterate(() => undefined);
    assert.deepEqual([(await loop.next()).done, (await loop.next()).done], [false, false]);
    await assert.rejects(loop.next(), error);
    assert.equal((await loop.next()).done, true);
  });

  test('every loop that waits throws the error', async () => {
    const inbox = filled(new UnreadBudget(1_000_000), 0);
    const error = new Error('mine');
    const loops = [inbox.iterate(() => undefined), inbox.iterate(() => undefined)];
    const waiting = loops.map((loop) => loop.next());
    inbox.end(error);
    inbox.end();
    for (const result of waiting) await assert.rejects(result, error);
    for (const loop of loops) assert.equal((await loop.next()).done, true);
  });
});
