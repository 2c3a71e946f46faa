/** Every code that is thrown or emitted has a row in the table of codes, and every row is thrown somewhere. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));
const SRC = join(ROOT, 'packages/datagram-tls/src');
const TABLE = 'base/error-codes.ts';

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}

/** Codes in the text of a program: those that stand there, and those of alerts that are their own codes. */
function codesIn(file: ts.SourceFile, known: readonly string[], alerts: ReadonlySet<string>): string[] {
  const codes: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && (/^ERR_[A-Z0-9_]+$/.test(node.text) || known.includes(node.text)))
      codes.push(node.text);
    if (ts.isCallExpression(node)) codes.push(...codesOfAlerts(node, alerts));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return codes;
}

/** A violation without a code has that of its alert. */
function codesOfAlerts(
  { expression, arguments: given }: ts.CallExpression,
  alerts: ReadonlySet<string>,
): string[] {
  const called = ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
  if (!['violation', 'violate', '#refuse'].includes(called)) return [];
  const texts = given.filter(ts.isStringLiteralLike).map(({ text }) => text);
  const isAlert = texts.includes('warning') || texts.includes('fatal');
  if (isAlert || texts.some((text) => text.startsWith('ERR_'))) return [];
  return texts.filter((text) => alerts.has(text)).map((alert) => `ERR_DTLS_${alert.toUpperCase()}`);
}

interface Table {
  readonly codes: readonly string[];
  /** Codes without a comment, or without advice. */
  readonly bare: readonly string[];
}

function tableOf(text: string): Table {
  const file = parse(TABLE, text);
  const table = file.statements
    .filter(ts.isInterfaceDeclaration)
    .find(({ name }) => name.text === 'ErrorCodes');
  const members = [...(table?.members ?? [])];
  const codeOf = (member: ts.TypeElement): string => member.name?.getText(file) ?? '';
  const isBare = (member: ts.TypeElement): boolean =>
    ts.getJSDocCommentsAndTags(member).length === 0 ||
    !ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'remarks');
  return { codes: members.map(codeOf), bare: members.filter(isBare).map(codeOf) };
}

function sources(): Map<string, string> {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return new Map(files.map((name) => [name, readFileSync(join(SRC, name), 'utf8')]));
}

/** What is wrong between a table and the sources that throw. */
function faults(table: string, files: ReadonlyMap<string, string>, alerts: ReadonlySet<string>): string[] {
  const { codes, bare } = tableOf(table);
  const thrown = new Map<string, string>();
  for (const [name, text] of files)
    for (const code of codesIn(parse(name, text), codes, alerts)) thrown.set(code, name);
  return [
    ...bare.map((code) => `${code} has no meaning or advice`),
    ...[...thrown]
      .filter(([code]) => !codes.includes(code))
      .map(([code, name]) => `${code} of ${name} has no row`),
    ...codes.filter((code) => !thrown.has(code)).map((code) => `${code} is thrown nowhere`),
  ];
}

function alertNames(): ReadonlySet<string> {
  const file = parse('alerts.ts', readFileSync(join(SRC, 'base/alerts.ts'), 'utf8'));
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && ts.isNumericLiteral(node.initializer))
      names.add(node.name.getText());
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

suite('the table of codes of errors', () => {
  const files = sources();
  const table = files.get(TABLE) ?? '';

  test('has a row for every code in the sources, and no other', () => {
    assert.ok(files.size > 100, SRC);
    assert.deepEqual(faults(table, files, alertNames()), []);
  });

  test('is the page docs/errors.md', () => {
    const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
    const missing = tableOf(table).codes.filter((code) => !page.includes(`\`${code}\``));
    assert.deepEqual(missing, []);
  });

  test('has every code that a document names', () => {
    const { codes } = tableOf(table);
    const documents = ['README.md', 'SECURITY.md', 'docs', 'packages/datagram-tls/src'].flatMap(documentsIn);
    const unknown = documents.flatMap((path) => {
      const named = readFileSync(path, 'utf8').match(/\bERR_DTLS_[A-Z_]+[A-Z]\b/g) ?? [];
      return named.filter((code) => !codes.includes(code)).map((code) => `${code} in ${path}`);
    });
    assert.deepEqual(unknown, []);
  });

  test('the walk finds a code without a row, a row without a code, and a row without advice', () => {
    const broken = `export interface ErrorCodes {
      /** Meaning. @remarks Advice. */ ERR_A: 'caller';
      /** Meaning. */ ERR_B: 'caller';
      /** Meaning. @remarks Advice. */ ERR_DTLS_DECODE_ERROR: 'protocol';
    }`;
    const thrower = `throw callerError('ERR_A', ''); throw callerError('ERR_C', '');
      throw violation('decode_error', 'text'); throw violation('illegal_parameter', 'text');
      throw violation('handshake_failure', 'text', 'ERR_A');`;
    const found = faults(
      broken,
      new Map([['x.ts', thrower]]),
      new Set(['decode_error', 'illegal_parameter']),
    );
    assert.deepEqual(found, [
      'ERR_B has no meaning or advice',
      'ERR_C of x.ts has no row',
      'ERR_DTLS_ILLEGAL_PARAMETER of x.ts has no row',
      'ERR_B is thrown nowhere',
    ]);
  });
});

/** Markdown and TypeScript; the past of decisions and of the changelog may name what is gone. */
function documentsIn(name: string): string[] {
  const path = join(ROOT, name);
  if (/\.(md|ts)$/.test(name)) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(md|ts)$/.test(file) && !file.startsWith('adr'))
    .map((file) => join(path, file));
}
