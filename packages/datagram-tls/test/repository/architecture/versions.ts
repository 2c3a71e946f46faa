import ts from 'typescript';
import { lineOf, parse, walk } from './syntax.js';

/**
 * Where versions are told apart by name: negotiation, the versions themselves, and the suites, each of which belongs to one.
 * Any other file asks for the rule that it depends on.
 */
const MAY_COMPARE = [
  /^handshake\/(client|client-wishes|negotiate|server)\.ts$/,
  /^handshake\/v1[23]\//,
  /^wire\/version\.ts$/,
  /^crypto\/suites\.ts$/,
];

const COMPARISONS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
]);
const LOOKUPS: ReadonlySet<string> = new Set(['includes', 'indexOf', 'has', 'versionNamed']);

/** Comparisons of versions by name, by code or by identity, in a file that has to ask for a rule instead. */
export function versionComparisons(file: string, text: string): string[] {
  if (MAY_COMPARE.some((pattern) => pattern.test(file))) return [];
  const source = parse(file, text);
  const found: string[] = [];
  walk(source, (node) => {
    if (compares(node)) found.push(`${file}:${lineOf(source, node)} compares versions`);
  });
  return found;
}

function compares(node: ts.Node): boolean {
  if (ts.isCaseClause(node)) return isVersion(node.expression);
  if (ts.isCallExpression(node))
    return LOOKUPS.has(nameOf(node.expression) ?? '') && node.arguments.some(isVersion);
  if (!ts.isBinaryExpression(node) || !COMPARISONS.has(node.operatorToken.kind)) return false;
  return isVersion(node.left) || isVersion(node.right);
}

/** A literal name of a version, a value that holds one, or a property of such a value. */
function isVersion(node: ts.Node): boolean {
  if (ts.isStringLiteralLike(node)) return /^DTLSv1\.\d$/.test(node.text);
  if (ts.isIdentifier(node)) return /^(FACTS_|dtls)1\d$/.test(node.text);
  return ts.isPropertyAccessExpression(node) && isVersion(node.expression);
}

function nameOf(node: ts.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  return ts.isPropertyAccessExpression(node) ? node.name.text : undefined;
}
