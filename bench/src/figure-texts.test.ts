import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withFigures } from './figure-texts.js';
import type { Entry } from './history.js';

const RUN: Entry = {
  form: 'whole',
  commit: 'abcdef01',
  date: '2026-11-29',
  machine: '2 x Processor',
  node: 'v20.20.2',
  ratios: {},
  texts: { echo: 'Echo\n\n| server | 64 B |\n|---|---:|\n| ours | 2 |' },
};
const PAGE = 'Before.\n\n<!-- figures: echo -->\n\nold\n\n<!-- end of figures -->\n\nAfter.\n';

test('a place holds the text of the last whole run that measured its part', () => {
  const later = { ...RUN, texts: { memory: 'Memory' } };
  const quick = { ...RUN, form: 'quick', texts: { echo: 'Quick' } } as const;
  const page = withFigures(PAGE, [{ ...RUN, texts: { echo: 'First' } }, RUN, later, quick]);
  assert.match(page, /^Before\.\n\n<!-- figures: echo -->\n\nEcho\n\n\| server/);
  assert.match(
    page,
    /Measured on 2 x Processor, Node 20\.20\.2, abcdef01\.\n\n<!-- end of figures -->\n\nAfter\.\n$/,
  );
  assert.doesNotMatch(page, /old|First|Quick/);
});

test('a page that is made twice stays the same', () => {
  const once = withFigures(PAGE, [RUN]);
  assert.equal(withFigures(once, [RUN]), once);
});

test('a place whose part no whole run has measured stays as it is', () => {
  const { texts: _, ...without } = RUN;
  assert.equal(withFigures(PAGE, [without, { ...RUN, form: 'quick' }]), PAGE);
});

test('budgets are a list, and prose has lines of at most 100 columns', () => {
  const page = PAGE.replace('echo', 'budgets');
  const budgets = `Budget kept: one\nBudget missed: ${'word '.repeat(40).trim()}`;
  const lines = withFigures(page, [{ ...RUN, texts: { budgets } }]).split('\n');
  assert.ok(lines.includes('- Budget kept: one'));
  assert.ok(lines.every((line) => line.length <= 100));
  assert.equal(lines.filter((line) => line.startsWith('- ')).length, 2);
});
