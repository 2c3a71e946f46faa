/**
 * Checks the Markdown of the tree: every code block in TypeScript compiles against the built library, and every
 * relative link leads to an existing file and heading. `node scripts/documents.mjs`, after a build.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Names that the blocks of the how-to pages use without declaring them. */
const GIVEN = `import { type DTLSSession } from 'datagram-tls';
declare global {
  const cert: string, key: string, ca: string, secret: Buffer, saved: Uint8Array, session: DTLSSession;
  const certA: string, keyA: string, clientsOfA: string, certB: string, keyB: string, clientsOfB: string;
  function onsession(session: DTLSSession): void;
  function findKey(identity: string): Promise<Uint8Array | undefined>;
  function isKnown(certificate: Uint8Array): Promise<boolean>;
  function isIdempotent(data: Uint8Array): boolean;
  function answerTo(data: Uint8Array): string;
  const hsm: { sign(scheme: string, data: Uint8Array): Promise<Uint8Array> };
}
`;

const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)) && !path.includes('/api/'));

const blocks = documents.flatMap(codeBlocks);
const problems = [...typeProblems(), ...documents.flatMap(linkProblems)];
for (const problem of problems) console.log(problem);
console.log(`${documents.length} documents, ${blocks.length} code blocks, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The blocks of one document that are marked `ts`, each as a module in a folder where the library is found. */
function codeBlocks(document) {
  const found = [];
  let block;
  readFileSync(join(root, document), 'utf8')
    .split('\n')
    .forEach((line, index) => {
      if (block === undefined && line === '```ts') {
        const name = `${document.replaceAll(/\W/g, '_')}_${index}.ts`;
        block = { document, line: index + 2, path: join(root, 'examples/src', name), text: '' };
      } else if (block !== undefined && line === '```') {
        found.push({ ...block, text: `${block.text}export {};\n` });
        block = undefined;
      } else if (block !== undefined) block.text += `${line}\n`;
    });
  return found;
}

function typeProblems() {
  const given = join(root, 'examples/src/documents_given.d.ts');
  const virtual = new Map([[given, GIVEN], ...blocks.map(({ path, text }) => [path, text])]);
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const settings = {
    ...options,
    composite: false,
    incremental: false,
    noEmit: true,
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
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
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

function withoutCode(text) {
  return text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
}

/** The anchors of a document's headings, as GitHub makes them. */
function headings(path) {
  if (relative(root, path).startsWith('..') || !path.endsWith('.md')) return [];
  const times = new Map();
  return [...readFileSync(path, 'utf8').matchAll(/^#{1,6} (.*)$/gm)].map(([, title]) => {
    const anchor = title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const before = times.get(anchor) ?? 0;
    times.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}
