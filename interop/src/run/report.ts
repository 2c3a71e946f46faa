import { type Entry, reportOf } from '../../../scripts/report.mjs';
import { pairName } from '../cases/case.js';
import type { Result } from './runner.js';

const LOG_TAIL_LINES = 60;
const MARKS = { passed: 'ok', failed: 'FAILED', skipped: 'skipped' } as const;

/** One line per case. */
export function resultLine({ of, status, remark, seconds }: Result): string {
  const time = status === 'skipped' ? '' : `  ${seconds.toFixed(1)} s`;
  return `${MARKS[status].padEnd(7)} ${of.name}${time}${remark === '' ? '' : `  (${remark})`}`;
}

/** A table of pairs and kinds, failures with the ends of both sides' logs, and the totals as the last line. */
export function summary(results: readonly Result[]): string {
  const those = (status: Result['status']) => results.filter((result) => result.status === status);
  const report = reportOf({
    passed: those('passed').length,
    failures: those('failed').map(failure),
    skips: those('skipped').map(({ of, remark }) => ({ name: of.name, reason: remark })),
  });
  return [...results.flatMap(secondTry), table(results), report.trimStart()].join('\n\n');
}

function secondTry({ of, firstFailure }: Result): string[] {
  return firstFailure === undefined ? [] : [`Passed at the second try only: ${of.name}: ${firstFailure}`];
}

function failure({ of, remark, logs }: Result): Entry {
  return { name: of.name, reason: [remark, ...logs.map(tail)].join('\n') };
}

function tail(log: string): string {
  const lines = log.trimEnd().split('\n');
  const from = Math.max(1, lines.length - LOG_TAIL_LINES);
  return [lines[0], ...(from > 1 ? [`… ${from - 1} lines`] : []), ...lines.slice(from)].join('\n    ');
}

function table(results: readonly Result[]): string {
  const kinds = ['session', 'refusal', 'loss', 'capture'] as const;
  const pairs = [...new Set(results.map((result) => pairName(result.of)))];
  const cell = (pair: string, kind: string) => {
    const here = results.filter((result) => pairName(result.of) === pair && result.of.kind === kind);
    const ran = here.filter((result) => result.status !== 'skipped');
    if (here.length === 0) return '';
    return `${ran.filter((result) => result.status === 'passed').length}/${ran.length}`;
  };
  const rows = pairs.map((pair) => [pair, ...kinds.map((kind) => cell(pair, kind))]);
  const width = Math.max(...pairs.map((pair) => pair.length), 0);
  const line = ([pair = '', ...cells]: readonly string[]) =>
    [pair.padEnd(width), ...cells.map((text) => text.padStart(8))].join('  ').trimEnd();
  return [line(['passed/run', ...kinds]), ...rows.map(line)].join('\n');
}
