/**
 * Measures the cut of the library: how many files, how long, how far a message travels through them.
 *
 *   npm run metrics                   the tree as it stands (run `npm run build` first)
 *   npm run metrics -- --json         the same for a machine
 *   npm run metrics -- --list         and which files and functions the counts name
 *
 * Figures are symptoms, not aims: one concept is to be read in one place, under a name that says it.
 */

import { Socket } from 'node:dgram';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'packages/datagram-tls/src');
const SHORT_FILE = 20;
const LONG_FILE = 700;
const LONG_FUNCTION = 60;

const options = new Set(process.argv.slice(2));
const files = measureFiles();
const { lists: stacks, ...hops } = await measureHops();
const measured = { figures: { ...files.figures, ...hops }, lists: { ...files.lists, ...stacks } };
if (options.has('--json')) console.log(JSON.stringify(measured.figures, null, 2));
else print(measured);

function measureFiles() {
  const files = walk(source).map((path) => parse(path));
  const importers = countImporters(files);
  const lengths = files.map(({ lines }) => lines);
  const short = files.filter(({ lines }) => lines < SHORT_FILE);
  const oneImporter = files.filter(({ name }) => importers.get(name)?.size === 1);
  const functions = files.flatMap(({ name, tree }) => functionsOf(name, tree));
  const long = functions.filter(({ lines }) => lines > LONG_FUNCTION);
  return {
    figures: {
      files: files.length,
      lines: lengths.reduce((sum, n) => sum + n, 0),
      medianLines: median(lengths),
      longestFile: Math.max(...lengths),
      filesOver700: files.filter(({ lines }) => lines > LONG_FILE).length,
      filesUnder20: short.length,
      filesWithOneImporter: oneImporter.length,
      functions: functions.length,
      medianFunctionLines: median(functions.map(({ lines }) => lines)),
      functionsOver60: long.length,
      exportedNames: files.reduce((sum, { tree }) => sum + exportsOf(tree), 0),
    },
    lists: {
      filesUnder20: short.map(({ name, lines }) => `${name} (${lines})`),
      filesWithOneImporter: oneImporter.map(({ name }) => `${name} <- ${[...importers.get(name)].join()}`),
      functionsOver60: long.map(({ name, lines }) => `${name} (${lines})`),
    },
  };
}

function walk(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? walk(path) : [path];
    })
    .filter((path) => path.endsWith('.ts'))
    .sort();
}

function parse(path) {
  const text = readFileSync(path, 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return { name: relative(source, path).split(sep).join('/'), lines: text.split('\n').length - 1, tree };
}

function countImporters(files) {
  const importers = new Map(files.map(({ name }) => [name, new Set()]));
  for (const { name, tree } of files) {
    for (const { moduleSpecifier } of tree.statements.filter(isImportOrReexport)) {
      const target = moduleSpecifier.text;
      if (!target.startsWith('.')) continue;
      const path = normalize(join(dirname(name), target))
        .split(sep)
        .join('/')
        .replace(/\.js$/, '.ts');
      importers.get(path)?.add(name);
    }
  }
  return importers;
}

function isImportOrReexport(statement) {
  return (
    ts.isImportDeclaration(statement) ||
    (ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined)
  );
}

function functionsOf(name, tree) {
  const found = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body !== undefined) {
      const start = tree.getLineAndCharacterOfPosition(node.getStart()).line;
      const end = tree.getLineAndCharacterOfPosition(node.getEnd()).line;
      found.push({ name: `${name}:${start + 1}`, lines: end - start + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function exportsOf(tree) {
  let count = 0;
  for (const statement of tree.statements) {
    const exported = ts.canHaveModifiers(statement)
      ? ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
      : false;
    if (!exported) continue;
    count += ts.isVariableStatement(statement) ? statement.declarationList.declarations.length : 1;
  }
  return count;
}

/**
 * Frames and files of the library between a call of `send` and the socket, and between the socket and `onmessage`, in
 * an open DTLS 1.3 session.
 */
async function measureHops() {
  const { listen, connect } = await import(join(root, 'packages/datagram-tls/build/src/index.js'));
  Error.stackTraceLimit = 100;
  const key = new Uint8Array(32).fill(7);
  const hops = {};
  const send = Socket.prototype.send;
  const received = deferred();
  const endpoint = listen(
    (session) => {
      session.onmessage = () => {
        hops.receive = hopsHere();
        received.resolve();
      };
    },
    { host: '127.0.0.1', port: 0, psk: { metrics: key } },
  );
  const { port } = endpoint.address;
  const session = connect('127.0.0.1', port, { psk: { identity: 'metrics', key } });
  await session.opened;
  // The rest of the handshake goes first.
  await new Promise((resolve) => setTimeout(resolve, 50));
  Socket.prototype.send = function measuredSend(...args) {
    hops.send ??= hopsHere();
    return send.apply(this, args);
  };
  session.send('one message');
  await received.promise;
  Socket.prototype.send = send;
  await Promise.all([session.close(), endpoint.close()]);
  return {
    sendFrames: hops.send.frames.length,
    sendFiles: hops.send.files.length,
    receiveFrames: hops.receive.frames.length,
    receiveFiles: hops.receive.files.length,
    lists: { send: hops.send.frames, receive: hops.receive.frames },
  };
}

/** The frames of the library on the stack, the innermost first. */
function hopsHere() {
  const frames = (new Error('here').stack ?? '')
    .split('\n')
    .flatMap(
      (line) =>
        /at (?:async )?(.*?) ?\(?file:.*\/packages\/datagram-tls\/build\/src\/(.*?):\d+:\d+/
          .exec(line)
          ?.slice(1)
          .join(' in ') ?? [],
    );
  const files = [...new Set(frames.map((frame) => frame.split(' in ').at(-1)))];
  return { frames, files };
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve) => {
    parts.resolve = resolve;
  });
  return parts;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function print({ figures, lists }) {
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(22)} ${value}`);
  if (!options.has('--list')) return;
  for (const [name, items] of Object.entries(lists))
    console.log(`\n${name}:\n${items.map((item) => `  ${item}`).join('\n')}`);
}
