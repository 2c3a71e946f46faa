import { forbiddenNames } from './names.js';
import { type Import, imports } from './syntax.js';
import { versionComparisons } from './versions.js';

/** A source tree: the text of each file by its path below `src`. */
export type Tree = ReadonlyMap<string, string>;

/** A file imports only from folders of a lower rank, or from its own folder. */
const RANKS: Readonly<Record<string, number>> = {
  base: 0,
  wire: 1,
  crypto: 2,
  keys: 3,
  record: 3,
  x509: 3,
  pkcs12: 4,
  config: 5,
  extensions: 6,
  handshake: 7,
  connection: 8,
  policy: 8,
  endpoint: 9,
  driver: 10,
  dgram: 11,
  'load-balancing': 11,
  metrics: 11,
};
const FACES: Readonly<Record<string, number>> = {
  'index.ts': 12,
  'core.ts': 12,
  'dgram.ts': 12,
  'load-balancing.ts': 12,
  'libsodium.ts': 12,
  'metrics.ts': 12,
};

/** Where the platform may be touched: modules of Node, clocks, timers. */
const PLATFORM = /^(driver\/|dgram\/|load-balancing\/|metrics\/|crypto\/node[^/]*\.ts$)/;

/** Pairs of prefixes: no file below the first imports a file below the second. */
const NEVER: readonly (readonly [string, string])[] = [
  ['handshake/v12/', 'handshake/v13/'],
  ['handshake/v13/', 'handshake/v12/'],
  ['handshake/', 'record/'],
];

/** Every breach of the layer rules, one line each, starting with `file:line`. */
export function breaches(tree: Tree): string[] {
  const found: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of tree) {
    const edges: string[] = [];
    if (rankOf(file) === undefined) found.push(`${file}:1 is in no folder of the rank table`);
    for (const imported of imports(file, text)) {
      const target = resolve(file, imported, tree);
      found.push(...importBreaches(file, imported, target).map((text) => `${file}:${imported.line} ${text}`));
      if (target !== undefined) edges.push(target);
    }
    found.push(...barrelBreaches(file, text), ...versionComparisons(file, text));
    if (!PLATFORM.test(file)) found.push(...forbiddenNames(file, text));
    graph.set(file, edges);
  }
  return [...found, ...cycles(graph)];
}

function rankOf(file: string): number | undefined {
  const slash = file.indexOf('/');
  return slash < 0 ? FACES[file] : RANKS[file.slice(0, slash)];
}

function folderOf(file: string): string {
  return file.slice(0, Math.max(0, file.indexOf('/')));
}

/** The file that a relative import names; `undefined` for a package, and for a file that is not there. */
function resolve(from: string, { specifier }: Import, tree: Tree): string | undefined {
  if (specifier?.startsWith('.') !== true) return undefined;
  const url = new URL(specifier, `file:///${from}`);
  const path = url.pathname.slice(1).replace(/\.js$/, '.ts');
  return tree.has(path) ? path : undefined;
}

function importBreaches(file: string, { specifier }: Import, target: string | undefined): string[] {
  if (specifier === undefined) return ['imports what only run time decides'];
  if (specifier.startsWith('node:') && !PLATFORM.test(file))
    return [`imports ${specifier} outside the platform files`];
  if (!specifier.startsWith('.')) return [];
  if (target === undefined) return [`imports ${specifier}, which is no file of this tree`];
  const found: string[] = [];
  if (folderOf(file) !== folderOf(target) && !((rankOf(target) ?? Infinity) < (rankOf(file) ?? -1))) {
    found.push(`imports ${target}, which is not of a lower rank`);
  }
  for (const [from, to] of NEVER) {
    if (file.startsWith(from) && target.startsWith(to))
      found.push(`imports ${target}: ${from} never imports ${to}`);
  }
  return found;
}

function barrelBreaches(file: string, text: string): string[] {
  if (file in FACES) return [];
  return imports(file, text)
    .filter((imported) => imported.exported)
    .map(({ line }) => `${file}:${line} re-exports: only the faces do`);
}

/** Each cycle once, as `a -> b -> a`. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push(`cycle ${[...path.slice(start), file].join(' -> ')}`);
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
