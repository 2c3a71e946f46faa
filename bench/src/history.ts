/** The ratios of earlier runs, one JSON object a line, in the order of the runs: `bench/history.jsonl`. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatBudgets } from './budgets.js';
import type { Contender } from './contenders.js';
import { RAW_REFERENCE } from './contenders.js';
import { medianRatio } from './measure.js';
import { nativeOf, platformOf, type Report, textsOf } from './report.js';

/** How long a run takes. Shorter ones warm the servers up less. */
export type Form = 'short' | 'quick' | 'whole';

/** One run. */
export interface Entry {
  readonly form: Form;
  /** What was measured; with `+` when the tree had changes that were not committed. */
  readonly commit: string;
  /** When, as `YYYY-MM-DD`. */
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  /** By what is compared with what; each the median of the ratios within each round. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What does not depend on the machine, such as bytes allocated. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Of a whole run: what it printed of each part, for the documents. */
  readonly texts?: Readonly<Record<string, string>>;
}

const FILE = fileURLToPath(new URL('../history.jsonl', import.meta.url));

export function readHistory(): Entry[] {
  if (!existsSync(FILE)) return [];
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

export function appendToHistory(entry: Entry): void {
  appendFileSync(FILE, `${JSON.stringify(entry)}\n`);
}

export function entryOf(report: Report, form: Form): Entry {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
  const counts = Object.fromEntries(report.sections.flatMap((section) => Object.entries(section.counts)));
  return {
    form,
    commit: `${git('rev-parse', '--short=8', 'HEAD')}${changed ? '+' : ''}`,
    date: new Date().toISOString().slice(0, 10),
    machine: report.environment['CPU'] ?? 'unknown',
    node: process.version,
    ratios: Object.fromEntries(
      [...ratiosOf(report)].map(([name, ratio]) => [name, Math.round(ratio * 100) / 100]),
    ),
    ...(Object.keys(counts).length > 0 && { counts }),
    ...(form === 'whole' && { texts: { ...textsOf(report), budgets: formatBudgets(report) } }),
  };
}

/** What a run compares: our servers' echoes with raw dgram and OpenSSL, their handshakes with OpenSSL and the platform. */
export function ratiosOf(report: Report): Map<string, number> {
  const ratios = new Map<string, number>();
  const add = (
    what: string,
    samples: readonly number[],
    to: string,
    reference: readonly number[] | undefined,
  ) => {
    const ratio = medianRatio(samples, reference);
    if (ratio !== undefined) ratios.set(`${what} / ${to}`, ratio);
  };
  const echoes = report.echo ?? [];
  const raw = echoes.find(({ contender }) => contender.name === RAW_REFERENCE);
  for (const row of echoes.filter(isOurs)) {
    for (const [size, samples] of row.bySize) {
      const { suite, over } = row.contender;
      const what = `echo of ${size} B, ${suite?.name}${over === undefined ? '' : `, ${over}`}`;
      add(what, samples, 'raw dgram', raw?.bySize.get(size));
      add(what, samples, inC(row.contender), nativeOf(echoes, row.contender)?.bySize.get(size));
    }
  }
  const handshakes = report.handshakes ?? [];
  for (const row of handshakes.filter(isOurs)) {
    const { kind, suite, over } = row.contender;
    const what = `handshake, ${kind}, ${suite?.version}${over === undefined ? '' : `, ${over}`}`;
    add(what, row.samples, inC(row.contender), nativeOf(handshakes, row.contender)?.samples);
    add(what, row.samples, 'the platform', platformOf(handshakes, row.contender)?.samples);
  }
  for (const section of report.sections)
    for (const [what, ratio] of Object.entries(section.ratios)) ratios.set(what, ratio);
  return ratios;
}

/** The library of the server in C that has this version. */
function inC({ suite }: Contender): string {
  return suite?.version === 'DTLSv1.3' ? 'wolfSSL' : 'OpenSSL';
}

function isOurs({ contender }: { readonly contender: Contender }): boolean {
  return contender.family === 'ours';
}
