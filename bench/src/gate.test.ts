import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agree, doubted, judge } from './gate.js';
import type { Entry } from './history.js';

const RUN: Entry = {
  form: 'short',
  commit: 'abcdef01',
  date: '2026-11-29',
  machine: '2 x Processor',
  node: 'v20.20.2',
  ratios: { echo: 2 },
  counts: { bytes: 1000 },
};

function runs(...changes: Partial<Entry>[]): Entry[] {
  return changes.map((change) => ({ ...RUN, ...change }));
}

const outcomes = (history: readonly Entry[], run: Entry) =>
  Object.fromEntries(judge(history, run).map(({ what, outcome }) => [what, outcome]));

test('a ratio passes up to a tenth above the median of three runs, and not beyond', () => {
  const history = runs({ ratios: { echo: 1.9 } }, { ratios: { echo: 2 } }, { ratios: { echo: 2.1 } });
  assert.equal(outcomes(history, { ...RUN, ratios: { echo: 2.2 } })['echo'], 'passed');
  assert.equal(outcomes(history, { ...RUN, ratios: { echo: 2.21 } })['echo'], 'grown');
});

test('with two comparable runs a value is skipped, with the reason', () => {
  const [verdict] = judge(runs({}, {}), RUN);
  assert.equal(verdict?.outcome, 'skipped');
  assert.match(verdict.reason, /has 2 runs of the form short on such a machine with Node 20/);
});

test('ratios of another form, machine or major version of Node are not compared', () => {
  for (const change of [{ form: 'whole' }, { machine: '4 x Processor' }, { node: 'v22.1.0' }] as const) {
    assert.equal(outcomes(runs({}, {}, change), RUN)['echo'], 'skipped', JSON.stringify(change));
  }
  assert.equal(outcomes(runs({}, {}, { node: 'v20.1.0' }), RUN)['echo'], 'passed');
});

test('counts are compared between machines and forms, and not between major versions of Node', () => {
  const elsewhere = { form: 'whole', machine: '4 x Processor' } as const;
  const history = runs(elsewhere, elsewhere, elsewhere);
  assert.equal(outcomes(history, RUN)['bytes'], 'passed');
  assert.equal(outcomes(history, { ...RUN, counts: { bytes: 1101 } })['bytes'], 'grown');
  assert.equal(outcomes(history, { ...RUN, node: 'v22.1.0' })['bytes'], 'skipped');
});

test('a count that the newest run has lowered must not grow back', () => {
  const history = runs({}, {}, {}, { counts: { bytes: 800 } });
  assert.equal(outcomes(history, { ...RUN, counts: { bytes: 880 } })['bytes'], 'passed');
  assert.equal(outcomes(history, { ...RUN, counts: { bytes: 881 } })['bytes'], 'grown');
  assert.equal(outcomes(history, RUN)['bytes'], 'grown');
});

test('one run with a higher count makes no higher one pass', () => {
  const history = runs({}, {}, {}, { counts: { bytes: 1300 } });
  assert.equal(outcomes(history, { ...RUN, counts: { bytes: 1101 } })['bytes'], 'grown');
});

test('a run without counts is no run that measured them', () => {
  const { counts: _, ...without } = RUN;
  assert.equal(outcomes([RUN, RUN, without], RUN)['bytes'], 'skipped');
});

test('a value that differs by more than a tenth between the runs of the history is skipped', () => {
  const history = runs({}, {}, {}, { ratios: { echo: 2.3 } });
  const [verdict] = judge(history, RUN);
  assert.equal(verdict?.outcome, 'skipped');
  assert.match(verdict.reason, /not stable on this machine: 2 to 2.3/);
});

test('what grew once and not again has passed', () => {
  const history = runs({}, {}, {});
  const grown = judge(history, { ...RUN, ratios: { echo: 3 }, counts: { bytes: 2000 } });
  const again = judge(history, { ...RUN, counts: { bytes: 2000 } });
  assert.deepEqual(
    agree(grown, again).map(({ what, outcome }) => [what, outcome]),
    [
      ['echo', 'passed'],
      ['bytes', 'grown'],
    ],
  );
});

test('what grew and was not measured again fails only when it is a count', () => {
  const grown = judge(runs({}, {}, {}), { ...RUN, ratios: { echo: 3 }, counts: { bytes: 2000 } });
  assert.deepEqual(
    grown.map(doubted).map(({ what, outcome }) => [what, outcome]),
    [
      ['echo', 'skipped'],
      ['bytes', 'grown'],
    ],
  );
});
