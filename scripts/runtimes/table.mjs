/**
 * The table of suites, groups and signatures by runtime in docs/explanation/runtimes.md, from what each runtime said in this run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../docs/explanation/runtimes.md', import.meta.url));
const BEGIN = '<!-- begin: npm run runtimes -- --write -->';
const END = '<!-- end -->';
const TREE = '../../packages/datagram-tls/build/src/';
const TITLES = { suites: 'cipher suite', groups: 'group', schemes: 'signature' };

/** The names of everything that the library knows. */
export async function allNames() {
  const { SUITES } = await import(`${TREE}crypto/suites.js`);
  const { Group, Scheme } = await import(`${TREE}wire/codes.js`);
  return {
    suites: SUITES.map(({ name }) => name),
    groups: Object.keys(Group),
    schemes: Object.keys(Scheme),
  };
}

/** `said` maps the name of a runtime to what it supports. Returns whether the page has this table. */
export function pageHasTable(names, said) {
  const page = readFileSync(PAGE, 'utf8');
  return page.includes(`${BEGIN}\n\n${tables(names, said)}\n${END}`);
}

export function writeTable(names, said) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const [, after] = rest.split(END);
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${tables(names, said)}\n${END}${after}`);
}

function tables(names, said) {
  return Object.entries(TITLES)
    .map(([kind, title]) => table(title, names[kind], kind, said))
    .join('\n');
}

function table(title, names, kind, said) {
  const rows = names.map((name) => [
    `\`${name}\``,
    ...[...said.values()].map((supported) => (supported[kind].includes(name) ? 'yes' : '–')),
  ]);
  const header = [title, ...said.keys()];
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')
    .replace(/^(\| --- )+\|$/m, `|${header.map(() => '---').join('|')}|`);
}
