/**
 * The candidate that `name` most likely misspells, or `undefined`: letters that are missing, added, wrong or swapped
 * with their neighbour may be a third of it. Upper and lower case are the same.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** The end of a message about `name`: ` Did you mean 'x'?`, or nothing where nothing is near. */
export function didYouMean(name: string, candidates: readonly string[], prefix = ''): string {
  const meant = name.length > LONGEST ? undefined : nearest(name, candidates);
  return meant === undefined ? '' : `. Did you mean '${prefix}${meant}'?`;
}

/** No name is longer. */
const LONGEST = 64;

/** Edits that make `b` of `a`: insertions, deletions, substitutions, swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : substituted;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, substituted, swapped));
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
