import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { cellsOf } from './ledger/parse.js';
import { type ReadFile, testProblems } from './ledger/problems.js';

const PACKAGE = new URL('../../../', import.meta.url);
const DOCUMENT = new URL('../../docs/traps.md', PACKAGE);
const OPEN = /^open: .+/;

/** All that is wrong with the rows of a table of traps. */
function problemsOf(text: string, read: ReadFile): string[] {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\| (trap|---) /.test(line))
    .map(cellsOf);
  if (rows.length === 0) return ['there are no traps'];
  return rows.flatMap(([id = '', shown = '', ...more]) => {
    if (id === '' || more.length > 0) return [`no row of a trap: ${id}`];
    return OPEN.test(shown) ? [] : testProblems({ id, shown }, read);
  });
}

suite('the table of traps', () => {
  test('docs/traps.md names tests that exist, or says what is open', () => {
    const read = (path: string): string | undefined => {
      const url = new URL(path, PACKAGE);
      return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
    };
    assert.deepEqual(problemsOf(readFileSync(DOCUMENT, 'utf8'), read), []);
  });

  for (const [what, row] of [
    ['a test that does not exist', '| a trap | `test/a.test.ts` › another thing happens |'],
    ['a file that does not exist', '| a trap | `test/b.test.ts` › a thing happens |'],
    ['no test', '| a trap | |'],
    ['a cell too many', '| a trap | `test/a.test.ts` › a thing happens | done |'],
    ['no rows', ''],
  ] as const) {
    test(`the check finds ${what}`, () => {
      const read = (path: string) => (path === 'test/a.test.ts' ? "test('a thing happens', f);" : undefined);
      assert.equal(problemsOf('| a trap | `test/a.test.ts` › a thing happens |', read).length, 0);
      assert.equal(problemsOf(row, read).length, 1);
    });
  }
});
