import { writeFileSync } from 'node:fs';
import { reportOf } from '../../scripts/report.mjs';
import { formatBudgets } from './budgets.js';
import { agree, doubted, judge, type Verdict } from './gate.js';
import { appendToHistory, type Entry, entryOf, readHistory } from './history.js';
import { formatReport, reportAsJson } from './report.js';
import { measure } from './run.js';
import { readArguments, type Settings } from './settings.js';

/** What grew has to grow again: other work on the machine moves single runs. */
const GATE_ATTEMPTS = 3;
/** All attempts together; none starts that would take longer, if it takes as long as those before. The limit in `.ci/run` is above. */
const GATE_MS = 105_000;

async function main(): Promise<void> {
  const settings = readArguments();
  const report = await measure(settings);
  console.log([formatReport(report), formatBudgets(report)].filter(Boolean).join('\n\n'));
  if (settings.json !== undefined)
    writeFileSync(settings.json, JSON.stringify(reportAsJson(report), null, 2));
  const entry = entryOf(report, settings.form);
  if (settings.gate) tell(await verdictsOn(settings, entry, report.skipped));
  if (settings.record) appendToHistory(entry);
}

/** Compares with the history, and measures again what grew. */
async function verdictsOn(settings: Settings, first: Entry, skipped: readonly string[]): Promise<Verdict[]> {
  const history = readHistory();
  let verdicts = judge(history, first);
  let attempts = 1;
  while (
    verdicts.some(({ outcome }) => outcome === 'grown') &&
    attempts < GATE_ATTEMPTS &&
    (performance.now() * (attempts + 1)) / attempts < GATE_MS
  ) {
    verdicts = agree(verdicts, judge(history, entryOf(await measure(settings), settings.form)));
    attempts++;
  }
  const missing = skipped.map((text): Verdict => {
    const [what = text, ...reason] = text.split(': ');
    return { what, outcome: 'skipped', reason: reason.join(': ') };
  });
  return [...missing, ...(attempts > 1 ? verdicts : verdicts.map(doubted))];
}

/** The end of the output, as .ci/run reads it. */
function tell(verdicts: readonly Verdict[]): void {
  const failures = verdicts.flatMap((verdict) =>
    verdict.outcome === 'grown'
      ? { name: verdict.what, reason: `${verdict.measured}, usually ${verdict.usual}` }
      : [],
  );
  const skips = verdicts.flatMap((verdict) =>
    verdict.outcome === 'skipped' ? { name: verdict.what, reason: verdict.reason } : [],
  );
  console.log(reportOf({ passed: verdicts.length - failures.length - skips.length, failures, skips }));
  if (failures.length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
