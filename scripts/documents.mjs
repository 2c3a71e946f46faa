/**
 * Checks the Markdown of the tree: every code block in TypeScript or JavaScript compiles against the built library, every
 * relative link leads to an existing file and heading, docs/README.md lists every page, and each export has an example. `node scripts/documents.mjs`,
 * after a build.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { apiExamples } from './documents/api.mjs';
import { anchorOf, codeBlocks, markdownFiles, markOf, root } from './documents/markdown.mjs';

const GIVEN = fileURLToPath(new URL('documents/given.d.ts', import.meta.url));

/** What is right in JavaScript, which is not checked as strictly: a program finds out when it runs. */
const ONLY_IN_TYPESCRIPT =
  /^Property '\w+' does not exist on type '(Error|\{\})'|^Cannot find module '\.|is of type 'unknown'/;
const CONTENTS = 'docs/README.md';

const documents = markdownFiles();

const examples = apiExamples();
const blocks = [
  ...documents.flatMap((document) => typedBlocks(codeBlocks(document))),
  ...typedBlocks(examples.filter(({ text }) => text !== undefined)),
];
const problems = [
  ...typeProblems(),
  ...documents.flatMap(linkProblems),
  ...pagesNotListed(),
  ...withoutExample(),
];
for (const problem of problems) console.log(problem);
console.log(`${documents.length} documents, ${blocks.length} code blocks, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/**
 * Those of the blocks of one document that are in TypeScript or JavaScript, each as a module in a folder where the library is found. Those
 * that continue the block before are one module with it.
 */
function typedBlocks(given) {
  const found = [];
  for (const block of given) {
    if (!['ts', 'js'].includes(block.language) || markOf(block, 'skip') !== undefined) continue;
    const last = found.at(-1);
    if (markOf(block, 'continues') !== undefined && last !== undefined) {
      // As many lines as in the document lie between them, so that a problem is told at its line.
      last.text += '\n'.repeat(block.line - last.line - last.text.split('\n').length + 1) + block.text;
      continue;
    }
    const name = `${block.document.replaceAll(/\W/g, '_')}_${block.line}.${block.language === 'js' ? 'mjs' : 'ts'}`;
    found.push({ ...block, path: join(root, 'examples/src', name) });
  }
  return found.map((block) => ({ ...block, text: `${block.text}export {};\n` }));
}

function typeProblems() {
  return [...problemsOf('ts', true), ...problemsOf('js', false)];
}

function problemsOf(language, strict) {
  const ofLanguage = blocks.filter((block) => block.language === language);
  const given = join(root, 'examples/src/documents_given.d.ts');
  const virtual = new Map([
    [given, readFileSync(GIVEN, 'utf8')],
    ...ofLanguage.map(({ path, text }) => [path, text]),
  ]);
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const settings = {
    ...options,
    composite: false,
    incremental: false,
    noEmit: true,
    allowJs: true,
    checkJs: true,
    strict,
    noUncheckedIndexedAccess: strict,
    exactOptionalPropertyTypes: strict,
    noUnusedLocals: false,
    noUnusedParameters: false,
    types: ['node'],
  };
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => virtual.has(path) || fileExists.call(host, path);
  host.readFile = (path) => virtual.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, target, ...more) =>
    virtual.has(path)
      ? ts.createSourceFile(path, virtual.get(path), target)
      : getSourceFile.call(host, path, target, ...more);
  const program = ts.createProgram([...virtual.keys()], settings, host);
  return ts.getPreEmitDiagnostics(program).flatMap(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (file?.fileName.endsWith('.mjs') && ONLY_IN_TYPESCRIPT.test(text)) return [];
    const block = blocks.find(({ path }) => path === file?.fileName);
    if (block === undefined) return `${file?.fileName}: ${text}`;
    return `${block.document}:${block.line + file.getLineAndCharacterOfPosition(start).line}: ${text}`;
  });
}

function linkProblems(document) {
  const text = withoutCode(readFileSync(join(root, document), 'utf8'));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path, fragment] = link.split('#');
    const target = path === '' ? join(root, document) : resolve(root, dirname(document), path);
    if (!existsSync(target)) return [`${document}: ${link} leads to no file`];
    if (fragment === undefined || statSync(target).isDirectory()) return [];
    return headings(target).includes(fragment) ? [] : [`${document}: ${link} leads to no heading`];
  });
}

/** docs/README.md is the sidebar of the site: it has each page, or the folder of the page. */
function pagesNotListed() {
  const listed = [...readFileSync(join(root, CONTENTS), 'utf8').matchAll(/^- \[.*?\]\(([^)#]+)/gm)].map(
    ([, link]) => join('docs', link),
  );
  return documents
    .filter((document) => document.startsWith('docs/') && document !== CONTENTS)
    .filter((document) => !listed.includes(document) && !listed.includes(dirname(document)))
    .map((document) => `${CONTENTS}: ${document} is not in the list, which is the sidebar of the site`);
}

/** Each export of the package has an `@example` in its doc comment. */
function withoutExample() {
  return examples
    .filter(({ text }) => text === undefined)
    .map(({ document }) => `${document} has no @example in its doc comment`);
}

function withoutCode(text) {
  return text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
}

/** The anchors of a document's headings, as GitHub makes them. */
function headings(path) {
  if (relative(root, path).startsWith('..') || !path.endsWith('.md')) return [];
  const times = new Map();
  return [...readFileSync(path, 'utf8').matchAll(/^#{1,6} (.*)$/gm)].map(([, title]) => {
    const anchor = anchorOf(title);
    const before = times.get(anchor) ?? 0;
    times.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}
