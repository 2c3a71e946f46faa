import ts from 'typescript';

/** One mention of a module: an import, a re-export, a dynamic import, or an `import('…')` type. */
export interface Import {
  /** `undefined` for a dynamic import of anything but a literal. */
  specifier: string | undefined;
  line: number;
  /** What is imported is exported again. */
  exported: boolean;
}

/** All modules that a file mentions, type-only mentions included. */
export function imports(file: string, text: string): Import[] {
  const source = parse(file, text);
  const passedOn = reexportedNames(source);
  const found: Import[] = [];
  walk(source, (node) => {
    const mention = mentioned(node);
    if (mention === undefined) return;
    const exported = ts.isExportDeclaration(node) || importsOneOf(node, passedOn);
    found.push({ specifier: literal(mention.module), line: lineOf(source, node), exported });
  });
  return found;
}

export function parse(file: string, text: string): ts.SourceFile {
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
}

export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Counted from 1. */
export function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

function mentioned(node: ts.Node): { module: ts.Node | undefined } | undefined {
  if (ts.isImportDeclaration(node)) return { module: node.moduleSpecifier };
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined)
    return { module: node.moduleSpecifier };
  if (ts.isImportTypeNode(node)) return { module: node.argument };
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { module: node.arguments[0] };
  }
  return undefined;
}

function literal(node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isLiteralTypeNode(node)) return literal(node.literal);
  return ts.isStringLiteralLike(node) ? node.text : undefined;
}

/** The local names in `export { a, b as c };` */
function reexportedNames(source: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of source.statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier !== undefined) continue;
    if (statement.exportClause === undefined || !ts.isNamedExports(statement.exportClause)) continue;
    for (const { name, propertyName } of statement.exportClause.elements)
      names.add((propertyName ?? name).text);
  }
  return names;
}

function importsOneOf(node: ts.Node, names: ReadonlySet<string>): boolean {
  if (!ts.isImportDeclaration(node) || node.importClause === undefined) return false;
  const { name, namedBindings } = node.importClause;
  const local = [name?.text];
  if (namedBindings !== undefined && ts.isNamespaceImport(namedBindings)) local.push(namedBindings.name.text);
  if (namedBindings !== undefined && ts.isNamedImports(namedBindings)) {
    local.push(...namedBindings.elements.map((element) => element.name.text));
  }
  return local.some((name) => name !== undefined && names.has(name));
}
