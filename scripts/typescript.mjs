/**
 * Compiles programs over the packed library as its users do: TypeScript 5.9, 6 and 7; node16, nodenext and bundler resolution; the
 * oldest and the newest @types/node, named and not; all strict, and the library's declarations checked, too (skipLibCheck: false).
 * The programs are those of examples/, one that uses every public export, and one in CommonJS. Then `datagram-tls/core` without any
 * types of Node. The compilers are installed from npm into `.cache/typescript`, each once; one that cannot be is skipped by name.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { entriesOf } from './entries.mjs';
import { installInto, packAll } from './pack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(root, '.cache/typescript');
const COMPILERS = ['5.9', '6.0', '7.0'];
const NODE16 = { module: 'node16', moduleResolution: 'node16' };
const NODENEXT = { module: 'nodenext', moduleResolution: 'nodenext' };
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler' };
const STRICT = {
  target: 'es2022',
  lib: ['es2022'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  // A program's own declarations name the library's types.
  declaration: true,
  outDir: 'out',
};
const COMMONJS = `import dtls = require('datagram-tls');
const session: dtls.DTLSSession = dtls.connect('127.0.0.1', 9000);
export = session;
`;

const failures = [];
const skips = [];
const compilers = COMPILERS.flatMap((version) => compilerOf(version));
const folder = mkdtempSync(join(tmpdir(), 'typescript-'));
try {
  const { library } = packAll(folder);
  withNodeTypes('20', [NODE16, NODENEXT, BUNDLER], ['node'], library.path);
  withNodeTypes('26', [NODENEXT], [], library.path);
  withoutNodeTypes(BUNDLER, library.path);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const skip of skips) console.log(`skipped: ${skip}`);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;

function compilerOf(version) {
  const name = `typescript-${version}`;
  const program = join(CACHE, 'node_modules', name, 'bin/tsc');
  if (!existsSync(program)) {
    mkdirSync(CACHE, { recursive: true });
    if (!existsSync(join(CACHE, 'package.json')))
      writeFileSync(join(CACHE, 'package.json'), '{ "private": true }\n');
    try {
      installInto(CACHE, `${name}@npm:typescript@~${version}`);
    } catch (error) {
      skips.push(`TypeScript ${version}: ${error.message}`);
      return [];
    }
  }
  return [{ version, program }];
}

/** A program that uses Node itself has to name its types since TypeScript 6. One that only uses the library has not. */
function withNodeTypes(version, resolutions, types, library) {
  const place = consumer(`node-${version}`, entriesOf('datagram-tls'), library, `@types/node@${version}`);
  const programs = ['every-export.ts'];
  if (types.length > 0) {
    cpSync(join(root, 'examples/src'), place, { recursive: true });
    const examples = readdirSync(join(root, 'examples/src')).filter((name) => name.endsWith('.ts'));
    programs.push(...examples.filter((name) => needsOnlyUs(join(place, name))));
  }
  writeFileSync(join(place, 'commonjs.cts'), COMMONJS);
  const what = `@types/node ${version}${types.length === 0 ? ', not named' : ''}`;
  for (const resolution of resolutions) {
    // Only here may a program in CommonJS load ES modules.
    const files = resolution.module === 'nodenext' ? [...programs, 'commonjs.cts'] : programs;
    for (const compiler of compilers) compile(compiler, place, what, { ...resolution, types }, files);
  }
}

/** An example that uses other packages is compiled with the workspace: their types are theirs to keep right. */
function needsOnlyUs(path) {
  const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'));
  return importedFiles.every(({ fileName: name }) =>
    name.startsWith('.')
      ? needsOnlyUs(join(dirname(path), name.replace(/\.js$/, '.ts')))
      : /^(node:|datagram-tls(\/|$))/.test(name),
  );
}

function withoutNodeTypes(resolution, library) {
  const place = consumer('core', ['core'], library);
  for (const compiler of compilers)
    compile(compiler, place, 'core without @types/node', { ...resolution, types: [] }, ['every-export.ts']);
}

function consumer(name, entries, ...packages) {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{ "private": true, "type": "module" }\n');
  installInto(place, ...packages);
  writeFileSync(join(place, 'every-export.ts'), everyExport(place, entries));
  return place;
}

/** Uses each export: values as values, types with as many arguments as they need. */
function everyExport(place, entries) {
  const paths = entries.map((entry) => join(place, `node_modules/datagram-tls/dist/${entry}.d.ts`));
  const program = ts.createProgram(paths, { module: ts.ModuleKind.NodeNext, types: [] });
  const checker = program.getTypeChecker();
  const lines = entries.flatMap((entry, i) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(paths[i]));
    const names = checker.getExportsOfModule(module).filter(({ name }) => name !== 'default');
    const space = entry.replaceAll('-', '_');
    return [
      `import * as ${space} from 'datagram-tls${entry === 'index' ? '' : `/${entry}`}';`,
      ...names.map((symbol) => use(space, symbol, checker)),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function use(space, symbol, checker) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const name = `${space}.${symbol.name}`;
  const value = `export const ${space}_${symbol.name} = ${name};`;
  if ((target.flags & ts.SymbolFlags.Type) === 0) return value;
  const parameters =
    target.declarations[0].typeParameters?.filter((parameter) => parameter.default === undefined) ?? [];
  const type = `export type ${space}_${symbol.name} = ${name}${parameters.length > 0 ? `<${parameters.map(() => 'never')}>` : ''};`;
  return target.flags & ts.SymbolFlags.Value ? `${value}\n${type}` : type;
}

function compile({ version, program }, place, what, options, files) {
  const name = `TypeScript ${version}, ${options.moduleResolution}, ${what}`;
  const compilerOptions = { ...STRICT, ...options };
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '-p', place], {
    encoding: 'utf8',
  });
  console.log(`${status === 0 ? '✔' : '✖'} ${name}`);
  if (status !== 0) failures.push(`${name}:\n${stdout}${stderr}`);
}
