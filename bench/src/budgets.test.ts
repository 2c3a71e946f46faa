import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBudgets } from './budgets.js';
import type { Report } from './report.js';
import type { SleeperRow } from './sleeping.js';

const ROW: SleeperRow = {
  version: 'DTLSv1.3',
  count: 20_000,
  cidLength: 0,
  stateBytes: 400,
  awake: { rss: 4000, held: 3700 },
  plain: { rss: 4200, held: 3700 },
  after: { rss: 4000, held: 900 },
  asleep: { rss: 800, held: 500 },
  microseconds: { hibernate: 50, wake: 100, export: 100, import: 200 },
};

function budgetsOf(...sleepers: SleeperRow[]): string[] {
  const report: Report = {
    ownClient: false,
    environment: {},
    skipped: [],
    echo: undefined,
    shapes: undefined,
    peers: undefined,
    handshakes: undefined,
    records: undefined,
    path: undefined,
    imports: undefined,
    memory: undefined,
    sleepers,
    sections: [],
  };
  return formatBudgets(report).split('\n');
}

test('20,000 sessions at rest have a budget with the native part, and without it', () => {
  assert.deepEqual(budgetsOf(ROW).slice(0, 2), [
    'Budget kept: session at rest, DTLSv1.3, native code 3.91 KiB resident, at most 4',
    'Budget missed: session at rest, DTLSv1.3, node:crypto 4.10 KiB resident, at most 4',
  ]);
});

test('sessions with connection IDs have the same budget at rest', () => {
  assert.deepEqual(budgetsOf({ ...ROW, cidLength: 8 }).slice(0, 2), [
    'Budget kept: session at rest, DTLSv1.3, native code, with a connection ID 3.91 KiB resident, at most 4',
    'Budget missed: session at rest, DTLSv1.3, node:crypto, with a connection ID 4.10 KiB resident, at most 4',
  ]);
});

test('a run without the native part has the verdict on node:crypto alone', () => {
  const { plain: _, ...row } = ROW;
  assert.deepEqual(
    budgetsOf(row).filter((line) => line.includes('at rest')),
    ['Budget kept: session at rest, DTLSv1.3, node:crypto 3.91 KiB resident, at most 4'],
  );
});

test('other numbers of sessions at rest have no budget', () => {
  assert.deepEqual(
    budgetsOf({ ...ROW, count: 1000 }).filter((line) => line.includes('at rest')),
    [],
  );
});

test('sessions asleep have one at the largest number, without connection IDs and with them', () => {
  const held = (bytes: number) => ({ rss: 900, held: bytes });
  const rows = [
    { ...ROW, count: 100_000, asleep: held(512) },
    { ...ROW, cidLength: 8, asleep: held(614) },
    { ...ROW, count: 1000, cidLength: 8, asleep: held(400) },
  ];
  assert.deepEqual(
    budgetsOf(ROW, ...rows).filter((line) => line.includes('asleep')),
    [
      'Budget kept: session asleep, DTLSv1.3, of 100000 0.50 KiB held, at most 0.5',
      'Budget missed: session asleep, DTLSv1.3, with a connection ID, of 20000 0.60 KiB held, at most 0.5',
    ],
  );
});
