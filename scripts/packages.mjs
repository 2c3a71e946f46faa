/**
 * Checks what npm would publish: the files of both packages, what their code and their source maps refer to, and what publint and
 * attw say of them.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { entriesOf } from './entries.mjs';
import { packAll } from './pack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const MAX_FILES = 60;
const PAPERS = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json'];
const CODE = /^dist\/(?:[\w-]+|shared\/[\w-]+)\.(?:js|js\.map|d\.ts)$/;

const problems = [];
const folder = mkdtempSync(join(tmpdir(), 'packages-'));
try {
  const { library, command, native } = packAll(folder);
  check('datagram-tls', library, [
    'dist/LICENSES.txt', // of what is bundled in
    ...entriesOf('datagram-tls').flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`]),
  ]);
  check('cli', command, ['bin/dtls.js', 'dist/main.js']);
  for (const one of native) checkNative(one);
  for (const { path } of [library, command, ...native]) tool('publint', path, '--strict');
  tool('attw', library.path, '--profile', 'esm-only');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

function check(name, { files }, entries) {
  const place = join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
  const say = (problem) => problems.push(`${manifest.name}: ${problem}`);
  for (const file of [...PAPERS, ...entries]) if (!files.includes(file)) say(`${file} is missing`);
  for (const file of files)
    if (!PAPERS.includes(file) && !entries.includes(file) && !CODE.test(file))
      say(`${file} should not be there`);
  if (files.length > MAX_FILES) say(`${files.length} files, at most ${MAX_FILES}`);
  for (const field of ['repository', 'homepage', 'bugs', 'author', 'keywords', 'description', 'license'])
    if (manifest[field] === undefined) say(`no ${field} in package.json`);
  for (const file of files.filter((file) => /\.(?:js|d\.ts)$/.test(file)))
    for (const target of importsOf(readFileSync(join(place, file), 'utf8'))) {
      const problem = problemOf(target, file, files, manifest);
      if (problem !== undefined) say(`${file} imports ${target}, which ${problem}`);
    }
  for (const [, link] of readFileSync(join(place, 'README.md'), 'utf8').matchAll(
    /\]\((?!https:|#)([^)]+)\)/g,
  ))
    say(`README.md links to ${link}, which is not in the package`);
  for (const file of files.filter((file) => file.endsWith('.map'))) checkMap(join(place, file), say);
  console.log(`${manifest.name}: ${files.length} files`);
}

/** One file beside the papers: the binary of a platform, or what loads it. */
function checkNative({ folder, files }) {
  const { name, main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const expected = [...PAPERS, main].sort();
  if (files.toSorted().join() !== expected.join()) problems.push(`${name}: has ${files.join()}`);
  console.log(`${name}: ${files.length} files`);
}

function importsOf(text) {
  return ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
}

function problemOf(target, file, files, { dependencies = {}, peerDependencies = {} }) {
  if (target.startsWith('.')) {
    const path = posix.join(posix.dirname(file), target);
    const found = file.endsWith('.d.ts') ? path.replace(/\.js$/, '.d.ts') : path;
    return files.includes(found) ? undefined : 'is not in the package';
  }
  if (isBuiltin(target)) return undefined;
  const name = target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
  return name in dependencies || name in peerDependencies ? undefined : 'is not in its dependencies';
}

/** A map holds its sources, or they would be looked for where nobody has them. */
function checkMap(path, say) {
  const { sources, sourcesContent } = JSON.parse(readFileSync(path, 'utf8'));
  sources.forEach((source, i) => {
    const text = readFileSync(join(dirname(path), source), 'utf8');
    if (sourcesContent?.[i] !== text) say(`${path} does not hold ${source}`);
  });
}

function tool(name, ...args) {
  const { status } = spawnSync('npx', ['--no-install', name, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) problems.push(`${name} refuses ${args[0]}`);
}
