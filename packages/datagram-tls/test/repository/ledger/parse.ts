/** One requirement, as a row of a table whose header begins with `id`. */
export interface Row {
  readonly id: string;
  readonly requirement: string;
  readonly side: string;
  readonly status: string;
  /** Files that enforce it, or why there are none. */
  readonly enforced: string;
  readonly shown: string;
}

/** A ledger of requirements, as docs/rfc/ has them. */
export interface Ledger {
  readonly rows: readonly Row[];
  /** Sentences in each section, as the table whose header begins with `section` says. */
  readonly sections: ReadonlyMap<string, number>;
  /** The line that counts the rows. */
  readonly counts: string | undefined;
  /** Lines of tables that are not understood. */
  readonly strange: readonly string[];
}

const COUNTS = /^\d+ requirements: .*$/m;

export function parseLedger(text: string): Ledger {
  const rows: Row[] = [];
  const sections = new Map<string, number>();
  const strange: string[] = [];
  let head: readonly string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) {
      head = [];
      continue;
    }
    const cells = cellsOf(line);
    if (head.length === 0) head = cells;
    else if (cells.every((cell) => /^:?-+:?$/.test(cell))) continue;
    else if (head[0] === 'id' && cells.length === 6) rows.push(rowOf(cells));
    else if (head[0] === 'section' && cells.length === 2) sections.set(cells[0] ?? '', Number(cells[1]));
    else strange.push(line);
  }
  return { rows, sections, counts: COUNTS.exec(text)?.[0], strange };
}

/** The cells of a line of a table. A bar that belongs to the text is written `\|`. */
export function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

function rowOf(cells: readonly string[]): Row {
  const [id = '', requirement = '', side = '', status = '', enforced = '', shown = ''] = cells;
  return { id, requirement, side, status, enforced, shown };
}
