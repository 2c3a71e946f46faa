/**
 * The end of what a program with counts prints, for people and for .ci/run: failures and skips by name, each with its reason, then
 * `N passed, N failed, N skipped` as the last line.
 */
const HEADINGS = { failures: 'Failed:', skips: 'Skipped:' };
const NAME_INDENT = '  ';
const REASON_INDENT = '      ';

/** `failures` and `skips` are `{ name, reason }`; a reason, if any, may have many lines. */
export function reportOf({ passed, failures, skips }) {
  const counts = `${passed} passed, ${failures.length} failed, ${skips.length} skipped`;
  return `${list(HEADINGS.failures, failures)}${list(HEADINGS.skips, skips)}\n${counts}`;
}

/** The `failures` and `skips` that such a report lists. */
export function listedIn(output) {
  return { failures: entriesOf(output, HEADINGS.failures), skips: entriesOf(output, HEADINGS.skips) };
}

function list(heading, entries) {
  return entries.length === 0 ? '' : `\n${heading}\n${entries.map(entry).join('')}`;
}

function entry({ name, reason = '' }) {
  const lines = String(reason).trim().split('\n');
  const head = `${NAME_INDENT}${name.replaceAll('\n', ' ')}`;
  if (lines.length > 1) return `${head}:\n${lines.map((line) => `${REASON_INDENT}${line}\n`).join('')}`;
  return `${head}${lines[0] === '' ? '' : `: ${lines[0]}`}\n`;
}

/** A name has its reason on its line, or on lines that are indented more. */
function entriesOf(output, heading) {
  const lines = output.split('\n');
  const at = lines.lastIndexOf(heading);
  const entries = [];
  for (const line of at < 0 ? [] : lines.slice(at + 1)) {
    if (!line.startsWith(NAME_INDENT)) break;
    if (!line.startsWith(REASON_INDENT)) entries.push({ name: line.trim().replace(/:$/, ''), reason: '' });
    else entries.at(-1).reason += `${line.slice(REASON_INDENT.length)}\n`;
  }
  return entries;
}
