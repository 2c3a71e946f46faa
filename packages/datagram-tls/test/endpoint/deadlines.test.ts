import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Deadlines, type Sleeper } from '#lib/endpoint/deadlines.js';

interface Named extends Sleeper {
  readonly name: number;
}

function sleepers(count: number): Named[] {
  return Array.from({ length: count }, (_, name) => ({ name, deadline: undefined, place: -1 }));
}

suite('deadlines of many sleepers', () => {
  test('deadlines behave like a sorted list, whatever is set, moved, stopped and taken', () => {
    const SLEEPERS = 12;
    const set = fc.record({
      do: fc.constant('set' as const),
      who: fc.nat(SLEEPERS - 1),
      at: fc.option(fc.nat(100), { nil: undefined }),
    });
    const take = fc.record({ do: fc.constant('take' as const), now: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(fc.oneof(set, take), { maxLength: 200 }), (actions) => {
        const deadlines = new Deadlines<Named>();
        const all = sleepers(SLEEPERS);
        const model = new Map<number, number>();
        const earliest = () => (model.size === 0 ? undefined : Math.min(...model.values()));
        for (const action of actions) {
          if (action.do === 'set') {
            deadlines.set(all[action.who] as Named, action.at);
            if (action.at === undefined) model.delete(action.who);
            else model.set(action.who, action.at);
          } else {
            const next = earliest();
            const taken = deadlines.takeDue(action.now);
            if (next === undefined || next > action.now) assert.equal(taken, undefined);
            else {
              assert.ok(taken);
              assert.equal(model.get(taken.name), next);
              assert.equal(taken.deadline, undefined);
              model.delete(taken.name);
            }
          }
          assert.equal(deadlines.next(), earliest());
          for (const { name, deadline } of all) assert.equal(deadline, model.get(name));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('all due sleepers are taken in order, and no others', () => {
    const deadlines = new Deadlines<Named>();
    const all = sleepers(1000);
    for (const sleeper of all) deadlines.set(sleeper, (sleeper.name * 7919) % 1000);
    for (let expected = 0; expected < 500; expected++)
      assert.equal(((deadlines.takeDue(499)?.name ?? -1) * 7919) % 1000, expected);
    assert.equal(deadlines.takeDue(499), undefined);
    assert.equal(deadlines.next(), 500);
  });

  test('a sleeper that is set to the same time again is taken once', () => {
    const deadlines = new Deadlines<Named>();
    const [sleeper] = sleepers(1) as [Named];
    for (let i = 0; i < 5; i++) deadlines.set(sleeper, 3);
    deadlines.set(sleeper, 4);
    deadlines.set(sleeper, 3);
    assert.equal(deadlines.takeDue(10), sleeper);
    assert.equal(deadlines.takeDue(10), undefined);
  });
});
