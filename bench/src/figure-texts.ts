/** The places of a page between `<!-- figures: PART -->` and `<!-- end of figures -->`, which hold what a run printed. */
import type { Entry } from './history.js';

const PLACE = /(<!-- figures: ([\w-]+) -->\n)[\s\S]*?(<!-- end of figures -->)/g;
const WIDTH = 100;

/**
 * The page with the text of each part from the last whole run that measured it; a part that no run has yet keeps what
 * stands there.
 */
export function withFigures(page: string, history: readonly Entry[]): string {
  return page.replace(PLACE, (place, before: string, part: string, after: string) => {
    const run = history.findLast(({ form, texts }) => form === 'whole' && texts?.[part] !== undefined);
    const text = run?.texts?.[part];
    if (run === undefined || text === undefined) return place;
    const source = `${run.machine}, Node ${run.node.replace('v', '')}, ${run.commit}`;
    const lines = text.split('\n').map((line) => (part === 'budgets' ? `- ${line}` : line));
    return `${before}\n${lines.map(wrapped).join('\n')}\n\n${wrapped(`Measured on ${source}.`)}\n\n${after}`;
  });
}

/** A line of prose in lines that are short enough; a table's line stays whole. */
function wrapped(line: string): string {
  if (line.startsWith('|')) return line;
  const indent = line.startsWith('- ') ? '  ' : '';
  const lines: string[] = [];
  for (const word of line.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `${indent}${word}`);
  }
  return lines.join('\n');
}
