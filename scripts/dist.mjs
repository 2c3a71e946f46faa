/**
 * Bundles the packages into their `dist/`, which npm publishes and every program of this repository runs:
 *
 *   node scripts/dist.mjs            after `tsc -b`; `npm run build` does both
 *   node scripts/dist.mjs --clean    removes them
 *
 * What several entries share stands in files of `dist/shared/`. Only files that differ are written.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { transform } from 'esbuild';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import ts from 'typescript';
import { entriesOf } from './entries.mjs';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));
const library = join(packages, 'datagram-tls');

/**
 * Modules of the library that get a file of their own, with what only they need: bundlers of applications drop whole files best, so
 * a program that speaks one version, or has its own cryptography, carries nothing of what it does not use.
 */
const PARTS = { dtls12: 'connection/dtls12', dtls13: 'connection/dtls13', node: 'crypto/node' };

/** The reference makes the compiler look for @types/node, also in a program that names no types. */
const NODE_TYPES = '/// <reference types="node" />\n';

/** As old as the start of the last run. Bundling takes seconds, and most runs of tests change no source of the packages. */
const STAMP = join(library, 'build/.bundled');

if (process.argv.includes('--clean')) {
  settle('datagram-tls', new Map());
  settle('cli', new Map());
} else if (isStale()) {
  const started = new Date();
  const entries = entriesOf('datagram-tls');
  const code = await libraryCode(entries);
  settle(
    'datagram-tls',
    new Map([...code, ...(await declarations(entries)), ['LICENSES.txt', licences(code)]]),
  );
  settle('cli', new Map(await commandCode()));
  writeFileSync(STAMP, '');
  utimesSync(STAMP, started, started);
}

/** Whether a source, a declaration that comes from one, or this program is younger than the bundles. */
function isStale() {
  const outputs = ['datagram-tls', 'cli'].map((name) => join(packages, name, 'dist'));
  if (![STAMP, ...outputs].every((path) => existsSync(path))) return true;
  const bundled = statSync(STAMP).mtimeMs;
  const inputs = ['datagram-tls', 'cli'].flatMap((name) =>
    ['src', 'package.json'].map((path) => join(packages, name, path)),
  );
  return [...inputs, fileURLToPath(import.meta.url), join(packages, '../package-lock.json')].some((path) =>
    isYounger(path, bundled),
  );
}

/** A folder is as young as the last file that came or went. */
function isYounger(path, time) {
  const found = statSync(path);
  if (found.mtimeMs >= time) return true;
  return found.isDirectory() && readdirSync(path).some((name) => isYounger(join(path, name), time));
}

/** ML-KEM is bundled in: as a dependency, its many files cost a fifth of the import. */
async function libraryCode(entries) {
  const source = (name) => join(library, `src/${name}.ts`);
  return await bundled(
    {
      input: Object.fromEntries(entries.map((entry) => [entry, source(entry)])),
      // Installed by applications that want it.
      external: (id) => isBuiltin(id) || id === 'libsodium',
      plugins: [typescript(), nodeResolve()],
      treeshake: { moduleSideEffects: false },
    },
    {
      dir: join(library, 'dist'),
      manualChunks: partOf(source),
    },
  );
}

/** The licences of the packages that are bundled in, as they ask for. */
function licences(files) {
  const sources = files.flatMap(([name, text]) => (name.endsWith('.map') ? JSON.parse(text).sources : []));
  const names = new Set(
    sources.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const texts = [...names].sort().map((name) => {
    const folder = join(packages, '../node_modules', name);
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n`;
  });
  return `The files in shared/ contain code of these packages.\n\n${texts.join('\n')}`;
}

/** Which part alone needs a module; `core` has what several parts, or the rest of `core.ts`, need. */
function partOf(source) {
  const parts = Object.entries(PARTS).map(([name, path]) => [name, source(path)]);
  const modules = once((graph) => {
    const { importedIds } = graph.getModuleInfo(source('core'));
    const rest = importedIds.filter((path) => !parts.some(([, part]) => part === path));
    return { core: below(graph, rest), parts: parts.map(([name, part]) => [name, below(graph, [part])]) };
  });
  return (id, graph) => {
    const { core, parts } = modules(graph);
    if (core.has(id)) return 'core';
    const users = parts.filter(([, needed]) => needed.has(id));
    return users.length > 1 ? 'core' : users[0]?.[0];
  };
}

function once(compute) {
  let result;
  return (...args) => {
    result ??= compute(...args);
    return result;
  };
}

/** Its dependencies stay dependencies: a fix in one reaches users without a release of ours. */
async function commandCode() {
  const folder = join(packages, 'cli');
  return await bundled(
    {
      input: join(folder, 'src/main.ts'),
      external: /^[^./]/,
      plugins: [typescript()],
      preserveEntrySignatures: 'allow-extension',
    },
    { dir: join(folder, 'dist') },
  );
}

/** What `core` declares stands in a file of its own, so that it stays without types of Node. */
async function declarations(entries) {
  const types = (name) => join(library, `build/src/${name}.d.ts`);
  const core = once((graph) => below(graph, graph.getModuleInfo(types('core')).importedIds));
  const files = await bundled(
    {
      input: Object.fromEntries(entries.map((entry) => [entry, types(entry)])),
      external: isBuiltin,
      plugins: [dts()],
      // The plugin says which types have a name in no face.
      onwarn: () => undefined,
    },
    {
      entryFileNames: '[name].d.ts',
      // A part that several entries need is named after its first module.
      chunkFileNames: ({ name }) => `shared/${name.replace(/\.d$/, '')}.d.ts`,
      sourcemap: false,
      manualChunks: (id, graph) => (core(graph).has(id) ? 'core' : undefined),
    },
  );
  return files.map(([name, text]) => [name, importsOf(text).some(isBuiltin) ? NODE_TYPES + text : text]);
}

function importsOf(text) {
  return ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
}

/** `[name, text]` of each file. Maps hold the text of their sources, which are not in the package. */
async function bundled(input, output) {
  const bundle = await rollup(input);
  const files = await bundle.generate({
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name].js',
    hoistTransitiveImports: false,
    sourcemap: true,
    ...output,
  });
  await bundle.close();
  return files.output.map(({ fileName, code, source }) => [fileName, code ?? source]);
}

/** These modules, and what they import, directly or not. */
function below({ getModuleInfo }, ids) {
  const found = new Set(ids);
  for (const id of found) {
    const { importedIds = [], dynamicallyImportedIds = [] } = getModuleInfo(id) ?? {};
    for (const next of [...importedIds, ...dynamicallyImportedIds]) found.add(next);
  }
  return found;
}

/** Reads modules in TypeScript, which import one another by the names of their compiled files. */
function typescript() {
  return {
    name: 'typescript',
    resolveId: (id, importer) =>
      id.startsWith('.') && importer?.endsWith('.ts')
        ? join(dirname(importer), id.replace(/\.js$/, '.ts'))
        : null,
    transform: (text, id) =>
      id.endsWith('.ts')
        ? transform(text, { loader: 'ts', target: 'node20', sourcemap: true, sourcefile: id })
        : null,
  };
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
