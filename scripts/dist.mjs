/**
 * Bundles the packages into their `dist/`, which npm publishes and every program of this repository runs:
 *
 *   node scripts/dist.mjs            after `tsc -b`; `npm run build` does both
 *   node scripts/dist.mjs --clean    removes them
 *
 * What several entries share stands in files of `dist/shared/`. Only files that differ are written.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { entriesOf } from './entries.mjs';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));

/**
 * Modules of the library that are bundled apart from the others: bundlers of applications drop whole files best, so a program that
 * speaks one version, or has its own cryptography, carries nothing of what it does not use.
 */
const PARTS = ['connection/dtls12', 'connection/dtls13', 'keys/prf12', 'crypto/node'];

/** The reference makes the compiler look for @types/node, also in a program that names no types. */
const NODE_TYPES = '/// <reference types="node" />\n';

if (process.argv.includes('--clean')) for (const name of ['datagram-tls', 'cli']) settle(name, new Map());
else {
  const entries = entriesOf('datagram-tls');
  const files = [
    ...(await code('datagram-tls', entries, PARTS)),
    ...(await declarations('datagram-tls', entries)),
  ];
  settle('datagram-tls', new Map(files));
  settle('cli', new Map(await code('cli', ['main'], [])));
}

/** Maps hold the text of their sources, which are not in the package. */
async function code(name, entries, parts) {
  const folder = join(packages, name);
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [...entries, ...parts].map((entry) => ({ in: `src/${entry}.ts`, out: entry })),
    ...(parts.length === 0
      ? {}
      : { stdin: { contents: restOfCore(folder, parts), resolveDir: join(folder, 'src') } }),
    outdir: 'dist',
    chunkNames: 'shared/[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const wanted = reachable(metafile, entries);
  return outputFiles
    .map(({ path, text }) => [relative(join(folder, 'dist'), path), text])
    .filter(([path]) => wanted.has(path.replace(/\.map$/, '')));
}

/** Imports what `core` exports besides the parts: a module that only one part and the rest need then belongs to no part. */
function restOfCore(folder, parts) {
  const text = readFileSync(join(folder, 'src/core.ts'), 'utf8').replaceAll(/^export type .*?;$/gms, '');
  const modules = [...text.matchAll(/ from '(.+?)\.js';$/gm)].map(([, path]) => path.slice(2));
  const rest = modules.filter((path) => !parts.includes(path));
  return rest.map((path) => `export * from './${path}.js';`).join('\n');
}

/** The files that the entries import, directly or not: those of the parts themselves are empty, as others share what they hold. */
function reachable({ outputs }, entries) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, external } of outputs[`dist/${path}`].imports)
      if (external !== true) visit(relative('dist', next));
  };
  for (const entry of entries) visit(`${entry}.js`);
  return found;
}

/** What `core` declares stands in a file of its own, so that it stays without types of Node. */
async function declarations(name, entries) {
  const types = join(packages, name, 'build/src');
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, join(types, `${entry}.d.ts`)])),
    external: [/^node:/],
    plugins: [dts()],
    // The plugin says which types have a name in no face.
    onwarn: () => undefined,
  });
  const { output } = await bundle.generate({
    entryFileNames: '[name].d.ts',
    chunkFileNames: 'shared/types-[hash].d.ts',
    hoistTransitiveImports: false,
    manualChunks: (id, graph) => (belowCore(graph, join(types, 'core.d.ts')).has(id) ? 'core' : undefined),
  });
  await bundle.close();
  return output.map(({ fileName, code: text, imports }) => [
    fileName,
    imports.some((path) => path.startsWith('node:')) ? NODE_TYPES + text : text,
  ]);
}

function belowCore({ getModuleInfo }, core) {
  const found = new Set();
  const visit = (id) => {
    for (const next of getModuleInfo(id)?.importedIds ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(core);
  return found;
}

/** Makes the `dist/` of a package hold these files and no others. */
function settle(name, files) {
  const folder = join(packages, name, 'dist');
  if (existsSync(folder)) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      if (!entry.isDirectory() && !files.has(relative(folder, path))) rmSync(path);
    }
  }
  for (const [file, text] of files) {
    const path = join(folder, file);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
