import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { PassingQueue, Queue } from '#lib/base/queue.js';

suite('the queue', () => {
  test('a queue behaves like an array under any operations', () => {
    const action = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('push' as const), count: fc.integer({ min: 1, max: 400 }) }),
      },
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 400 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), count: fc.constant(1) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('takeAll' as const), count: fc.integer({ min: 1, max: 9 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const queue = new Queue<number>();
        let model: number[] = [];
        let next = 0;
        for (const { do: what, count } of actions) {
          for (let i = 0; i < count; i++) {
            if (what === 'push') {
              queue.push(next);
              model.push(next++);
            } else if (what === 'shift') {
              assert.equal(queue.shift(), model.shift());
            } else if (what === 'takeAll') {
              const isMeant = (item: number): boolean => item % count === 0;
              assert.deepEqual(queue.takeAll(isMeant), model.filter(isMeant));
              model = model.filter((item) => !isMeant(item));
            } else {
              queue.clear();
              model = [];
            }
          }
          assert.equal(queue.length, model.length);
          assert.equal(queue.peek(), model[0]);
        }
      }),
    );
  });

  test('queues with an item that passes behave like arrays, whichever of them is used next', () => {
    const action = fc.record({
      which: fc.nat({ max: 2 }),
      do: fc.constantFrom('push', 'push', 'shift', 'shift', 'clear'),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const sides = Array.from({ length: 3 }, () => ({
          queue: new PassingQueue<number>(),
          model: [] as number[],
        }));
        let next = 0;
        for (const { which, do: what } of actions) {
          const { queue, model } = sides[which] ?? assert.fail('no such queue');
          if (what === 'push') {
            queue.push(next);
            model.push(next++);
          } else if (what === 'shift') assert.equal(queue.shift(), model.shift());
          else {
            queue.clear();
            model.length = 0;
          }
          for (const side of sides) {
            assert.equal(side.queue.length, side.model.length);
            assert.equal(side.queue.peek(), side.model[0]);
          }
        }
      }),
    );
  });

  test('an empty queue returns undefined', () => {
    const queue = new Queue<string>();
    assert.deepEqual([queue.length, queue.peek(), queue.shift()], [0, undefined, undefined]);
    queue.push('a');
    queue.shift();
    assert.deepEqual([queue.length, queue.peek(), queue.shift()], [0, undefined, undefined]);
  });

  test('a million items that pass through one at a time cost no more each than the first', () => {
    const queue = new Queue<number>();
    for (let i = 0; i < 1000; i++) queue.push(i);
    for (let i = 0; i < 1_000_000; i++) {
      queue.push(i);
      queue.shift();
    }
    assert.equal(queue.length, 1000);
  });
});
