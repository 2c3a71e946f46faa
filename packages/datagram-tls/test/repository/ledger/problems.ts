import { type Ledger, parseLedger, type Row } from './parse.js';
import { hasTest } from './test-names.js';

/** The text of a file by its path below the package, `undefined` when there is none. */
export type ReadFile = (path: string) => string | undefined;

const STATUSES = ['done', 'not applicable', 'open'] as const;
const SIDES = ['client', 'server', 'both'];
/** `9.1-3`: the third sentence of section 9.1; a letter tells its parts apart; `bis` marks what the draft adds. */
const ID = /^(?<section>(?:bis )?[\dA-Z]+(?:\.\d+)*)-(?<number>\d+)(?<part>[a-z]?)$/;
const FILE = /^`(?<path>src\/[^`]+\.ts)`$/;
const TEST = /^`(?<path>test\/[^`]+\.test\.ts)` › (?<name>.+)$/;
const BREAK = '<br>';

/** All that is wrong with a ledger, a line each; none when it is honest. */
export function problemsOf(text: string, read: ReadFile): string[] {
  const ledger = parseLedger(text);
  return [
    ...ledger.strange.map((line) => `no row of a ledger: ${line}`),
    ...(ledger.rows.length === 0 ? ['there are no requirements'] : []),
    ...numbering(ledger),
    ...ledger.rows.flatMap((row) => rowProblems(row, read)),
    ...(ledger.counts === countsOf(ledger.rows) ? [] : [`the counts should be: ${countsOf(ledger.rows)}`]),
  ];
}

/** The line that a ledger with these rows has. */
export function countsOf(rows: readonly Row[]): string {
  const counts = STATUSES.map((status) => `${rows.filter((row) => row.status === status).length} ${status}`);
  return `${rows.length} requirements: ${counts.join(', ')}`;
}

/** No id twice, and in each section as many sentences as it is said to have, numbered from 1. */
function numbering({ rows, sections }: Ledger): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  const numbers = new Map<string, Set<number>>();
  for (const { id } of rows) {
    if (seen.has(id)) problems.push(`${id} is there twice`);
    seen.add(id);
    const { section, number } = ID.exec(id)?.groups ?? {};
    if (section === undefined) problems.push(`${id} is no id`);
    else numbers.set(section, (numbers.get(section) ?? new Set()).add(Number(number)));
  }
  for (const section of new Set([...sections.keys(), ...numbers.keys()])) {
    const [stated, found] = [sections.get(section), numbers.get(section) ?? new Set<number>()];
    if (stated !== found.size) problems.push(`section ${section} has ${found.size} sentences, not ${stated}`);
    for (let n = 1; n <= found.size; n++) if (!found.has(n)) problems.push(`${section}-${n} is missing`);
  }
  return problems;
}

function rowProblems(row: Row, read: ReadFile): string[] {
  const { id, requirement, side, status, enforced, shown } = row;
  const problems: string[] = [];
  if (requirement === '') problems.push(`${id} says nothing`);
  if (!SIDES.includes(side)) problems.push(`${id} is for "${side}", which is no side`);
  if (status === 'done') return [...problems, ...fileProblems(row, read), ...testProblems(row, read)];
  if (!STATUSES.some((known) => known === status)) problems.push(`${id} has the unknown status "${status}"`);
  if (enforced === '') problems.push(`${id} is ${status} without a reason`);
  if (shown !== '') problems.push(`${id} is ${status} and yet has a test`);
  return problems;
}

function fileProblems({ id, enforced }: Row, read: ReadFile): string[] {
  return enforced.split(BREAK).flatMap((entry) => {
    const path = FILE.exec(entry)?.groups?.['path'];
    if (path === undefined) return [`${id} is done by "${entry}", which is no file`];
    return read(path) === undefined ? [`${id} is done by ${path}, which does not exist`] : [];
  });
}

/** Tests that a row names and that do not exist. */
export function testProblems({ id, shown }: Pick<Row, 'id' | 'shown'>, read: ReadFile): string[] {
  return shown.split(BREAK).flatMap((entry) => {
    const { path, name } = TEST.exec(entry)?.groups ?? {};
    if (path === undefined || name === undefined) return [`${id} is shown by "${entry}", which is no test`];
    const source = read(path);
    if (source === undefined) return [`${id} is shown by ${path}, which does not exist`];
    return hasTest(source, name) ? [] : [`${id} is shown by "${name}", which is no test in ${path}`];
  });
}
