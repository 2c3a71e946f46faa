import ts from 'typescript';
import { lineOf, parse, walk } from './syntax.js';

/** Globals that would give the core a clock, a timer, randomness, or a platform of its own. */
const GLOBALS: ReadonlySet<string> = new Set([
  'Buffer',
  'Date',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/** Members that no object of the core has, whatever name the object goes by. */
const MEMBERS: ReadonlySet<string> = new Set(['getBuiltinModule', 'getRandomValues', 'randomUUID']);

/** Uses of names the core must not know, in code only: a comment or a string may speak of them. */
export function forbiddenNames(file: string, text: string): string[] {
  const source = parse(file, text);
  const found: string[] = [];
  walk(source, (node) => {
    if (!ts.isIdentifier(node)) return;
    const name = forbidden(node);
    if (name !== undefined) found.push(`${file}:${lineOf(source, node)} uses ${name}`);
  });
  return found;
}

function forbidden(node: ts.Identifier): string | undefined {
  if (isMemberName(node)) return MEMBERS.has(node.text) ? node.text : undefined;
  if (GLOBALS.has(node.text)) return node.text;
  return node.text === 'Math' && !isHarmlessMath(node) ? 'Math.random' : undefined;
}

/** `Math.x` for any x but random; anything else done with `Math` could reach random. */
function isHarmlessMath(node: ts.Identifier): boolean {
  const { parent } = node;
  return ts.isPropertyAccessExpression(parent) && parent.expression === node && parent.name.text !== 'random';
}

/** The identifier names a member of something, and not a variable or a type. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isAccessor(parent)) &&
    parent.name === node
  );
}
