const CALL = /\b(?:test|it)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g;
const HOLE = /\$\{[^}]*\}/;
/** A template that says less than this by itself could be any name, characters. */
const MIN_LITERAL = 8;

/** Whether TypeScript in `source` has a test of this name; the holes of a template literal may be anything. */
export function hasTest(source: string, name: string): boolean {
  for (const [, quote, text = ''] of source.matchAll(CALL)) {
    if (quote === '`' ? matches(text, name) : unescaped(text) === name) return true;
  }
  return false;
}

function matches(template: string, name: string): boolean {
  const parts = template.split(HOLE).map(unescaped);
  if (parts.join('').length < MIN_LITERAL) return false;
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+');
  return new RegExp(`^${pattern}$`).test(name);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
