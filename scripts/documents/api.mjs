/** The examples of the public API: the blocks of `@example` in the doc comment of each export. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './markdown.mjs';

const PACKAGE = join(root, 'packages/datagram-tls');
const FENCE = /^```ts\n(.*?)^```$/ms;

/** The entry points: the name that a program imports, and its declarations. */
export function entryPoints() {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  return Object.keys(exports)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => ({
      name: `datagram-tls${name.slice(1)}`,
      source: `${name === '.' ? 'index' : name.slice(2)}.ts`,
    }));
}

/** All exports with their example, as a block of a document; `text` is undefined where there is none. */
export function apiExamples() {
  const points = entryPoints().map((point) => ({ ...point, file: join(PACKAGE, 'src', point.source) }));
  const { config } = ts.readConfigFile(join(PACKAGE, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, PACKAGE);
  const files = points.map(({ file }) => file).filter((file) => existsSync(file));
  const program = ts.createProgram(files, { ...options, noEmit: true });
  const found = new Map();
  for (const { name, file } of points)
    for (const example of examplesOf(program, file)) {
      const known = found.get(example.declaration);
      if (known === undefined)
        found.set(example.declaration, { ...example, document: `${name}: ${example.export}` });
    }
  return [...found.values()].map((example) => ({
    ...example,
    name: example.document,
    line: 1,
    language: 'ts',
    marks: [],
  }));
}

function examplesOf(program, file) {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  return checker.getExportsOfModule(module).map((symbol) => {
    const own = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const texts = own
      .getJsDocTags(checker)
      .filter((tag) => tag.name === 'example')
      .map((tag) => ts.displayPartsToString(tag.text));
    const [, text] = FENCE.exec(texts.join('\n')) ?? [];
    return { export: symbol.name, declaration: own.declarations[0], text };
  });
}
