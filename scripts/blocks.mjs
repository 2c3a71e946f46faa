/**
 * Runs every code block of README.md and docs/, and the examples of the API, as a reader would: each page in a folder of its own, with the packed
 * packages installed from npm's tarballs. CONTRIBUTING.md, "Documents", has the rules and marks.
 *
 *   npm run docs:blocks                   after a build; the output ends as report.mjs says
 *   npm run docs:blocks -- how-to/core    only the pages whose path contains it
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiExamples } from './documents/api.mjs';
import { codeBlocks, markdownFiles } from './documents/markdown.mjs';
import { Page } from './documents/page.mjs';
import { prepare } from './documents/tools.mjs';
import { reportOf } from './report.mjs';

const AT_ONCE = 3;

const [part = ''] = process.argv.slice(2);
const started = Date.now();
const work = mkdtempSync(join(tmpdir(), 'datagram-tls-blocks-'));
const results = [];
try {
  const pages = markdownFiles()
    .filter((document) => document === 'README.md' || document.startsWith('docs/'))
    .filter((document) => document.includes(part))
    .map((document) => codeBlocks(document))
    .concat(examplePages().filter(([{ document }]) => document.includes(part)))
    .filter((blocks) => blocks.length > 0);
  const tools = prepare(work);
  console.log(`installed in ${seconds()} s`);
  await Promise.all(Array.from({ length: AT_ONCE }, () => runPages(pages, tools)));
} finally {
  rmSync(work, { recursive: true, force: true });
}

const those = (outcome) => results.filter((result) => result.outcome === outcome);
const failures = those('failed');
console.log(`\nran for ${seconds()} s`);
console.log(reportOf({ passed: those('passed').length, failures, skips: those('skipped') }));
process.exitCode = failures.length === 0 && results.length > 0 ? 0 : 1;

/** The examples of the API: those that open sockets each by itself, the others of an entry point in one process. */
function examplePages() {
  const pages = new Map();
  for (const example of apiExamples().filter(({ text }) => text !== undefined)) {
    const [document] = example.document.split(':');
    const page = pages.get(document) ?? [];
    pages.set(document, page);
    if (/\b(connect|listen|createSocket|DTLSEndpoint)\(/.test(example.text))
      page.push({ ...example, line: page.length + 1 });
    else together(page, document).parts.push(example);
  }
  return [...pages.values()];
}

function together(page, document) {
  const known = page.find(({ parts }) => parts !== undefined);
  if (known !== undefined) return known;
  const names = { document, name: `${document}: the other examples`, language: 'ts', marks: [], line: 0 };
  const block = {
    ...names,
    parts: [],
    // `session` and `endpoint` are names that they use.
    get text() {
      const imports = this.parts.map((part) => `await import('./${part.export}.mjs');`);
      return `// session, endpoint\n${imports.join('\n')}\n`;
    },
  };
  page.push(block);
  return block;
}

function seconds() {
  return ((Date.now() - started) / 1000).toFixed(1);
}

async function runPages(pages, tools) {
  for (let blocks = pages.shift(); blocks !== undefined; blocks = pages.shift()) {
    const folder = join(work, blocks[0].document.replaceAll(/\W/g, '_'));
    for (const result of await new Page(blocks, folder, tools).run()) {
      results.push(result);
      const sign = { passed: '✔', failed: '✖', skipped: '-' }[result.outcome];
      console.log(`${sign} ${result.name}`);
    }
  }
}
