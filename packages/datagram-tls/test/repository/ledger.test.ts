import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { problemsOf } from './ledger/problems.js';
import { hasTest } from './ledger/test-names.js';

const PACKAGE = new URL('../../../', import.meta.url);
const DOCUMENTS = new URL('../../docs/rfc/', PACKAGE);

suite('the ledgers of requirements', () => {
  for (const document of ['6347.md', '9146.md', '9147.md', '9853.md']) {
    test(`docs/rfc/${document} names files and tests that exist, and counts right`, () => {
      const text = readFileSync(new URL(document, DOCUMENTS), 'utf8');
      assert.deepEqual(problemsOf(text, readFromPackage), []);
    });
  }
});

function readFromPackage(path: string): string | undefined {
  const url = new URL(path, PACKAGE);
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
}

const files = new Map([
  ['src/a.ts', 'export const a = 1;'],
  ['test/a.test.ts', "test('a thing happens', () => {});"],
]);

const HONEST = `3 requirements: 1 done, 1 not applicable, 1 open

| section | sentences |
| --- | --- |
| 4.1 | 2 |

| id | requirement | side | status | enforced by | shown by |
| --- | --- | --- | --- | --- | --- |
| 4.1-1a | do this | both | done | \`src/a.ts\` | \`test/a.test.ts\` › a thing happens |
| 4.1-1b | and this \\| that | client | open | nobody does | |
| 4.1-2 | or that | server | not applicable | there is no such thing | |
`;

const broken: readonly { what: string; from: string; to: string; problem: RegExp }[] = [
  {
    what: 'an unknown status',
    from: '| open |',
    to: '| nearly |',
    problem: /^4\.1-1b .*unknown status "nearly"/,
  },
  { what: 'an id twice', from: '4.1-1b', to: '4.1-1a', problem: /^4\.1-1a is there twice$/ },
  { what: 'an id of no section', from: '4.1-2', to: 'two', problem: /^two is no id$/ },
  { what: 'an unknown side', from: '| client |', to: '| peer |', problem: /^4\.1-1b .*no side/ },
  {
    what: 'a sentence left out',
    from: '| 4.1 | 2 |',
    to: '| 4.1 | 3 |',
    problem: /^section 4\.1 has 2 .* not 3$/,
  },
  { what: 'a number left out', from: '4.1-2', to: '4.1-3', problem: /^4\.1-2 is missing$/ },
  {
    what: 'a section not counted',
    from: '4.1-2',
    to: '4.2-1',
    problem: /^section 4\.2 has 1 .* not undefined$/,
  },
  {
    what: 'a file that is not there',
    from: 'src/a.ts',
    to: 'src/b.ts',
    problem: /src\/b\.ts, which does not exist$/,
  },
  { what: 'no file', from: '`src/a.ts`', to: 'somewhere', problem: /"somewhere", which is no file$/ },
  {
    what: 'a test file that is not there',
    from: 'test/a',
    to: 'test/b',
    problem: /b\.test\.ts, which does not exist$/,
  },
  {
    what: 'another name of a test',
    from: 'thing',
    to: 'think',
    problem: /"a think happens", which is no test in/,
  },
  { what: 'no test', from: '`test/a.test.ts` › a thing happens', to: '', problem: /^4\.1-1a is shown by ""/ },
  { what: 'no reason', from: 'nobody does', to: '', problem: /^4\.1-1b is open without a reason$/ },
  {
    what: 'a test of what is open',
    from: 'does | |',
    to: 'does | one |',
    problem: /is open and yet has a test$/,
  },
  {
    what: 'wrong counts',
    from: '1 done',
    to: '2 done',
    problem: /should be: 3 requirements: 1 done, 1 not appl/,
  },
  {
    what: 'a row with a cell too few',
    from: '| server |',
    to: '|',
    problem: /^no row of a ledger: \| 4\.1-2/,
  },
  {
    what: 'no rows',
    from: HONEST,
    to: '0 requirements: 0 done, 0 not applicable, 0 open',
    problem: /no requirements$/,
  },
];

suite('the check of the ledgers', () => {
  test('the check of the ledgers finds no fault in a correct one', () => {
    assert.deepEqual(
      problemsOf(HONEST, (path) => files.get(path)),
      [],
    );
  });

  for (const { what, from, to, problem } of broken) {
    test(`the check of the ledgers finds ${what}`, () => {
      assert.ok(HONEST.includes(from));
      const problems = problemsOf(HONEST.replace(from, to), (path) => files.get(path));
      assert.ok(
        problems.some((line) => problem.test(line)),
        problems.join('\n'),
      );
    });
  }

  test('the check of the ledgers matches names of tests, with anything in the holes of a template', () => {
    const hole = (what: string) => `$\{${what}}`;
    const source = `
      test('it\\'s so', f);
      test(\`${hole('role')} says \\\`no\\\` to ${hole('what')}\`, f);
      test(
        "on a line of its own", f);
      test(\`${hole('name')}\`, f);`;
    for (const name of ["it's so", 'client says `no` to it', 'on a line of its own']) {
      assert.ok(hasTest(source, name), name);
    }
    for (const name of ['it', 'says `no` to it', 'client says yes', 'anything', '']) {
      assert.ok(!hasTest(source, name), name);
    }
  });
});
