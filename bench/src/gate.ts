/**
 * Compares a run with those of the history. Ratios of CPU are comparable between runs of the same form and machine, with the
 * same major version of Node; counts between all runs with that.
 */
import type { Entry } from './history.js';
import { median } from './measure.js';

/** Fewer runs are no measure of what is usual. */
const ENOUGH_RUNS = 3;
/** A value may be this much above the median of the history. */
const TOLERANCE = 1.1;

/** What the gate has to say of one value. */
export type Verdict =
  | {
      readonly what: string;
      readonly outcome: 'passed' | 'grown';
      readonly measured: number;
      readonly usual: number;
      /** A count, which other work on the machine does not change. */
      readonly exact: boolean;
    }
  | { readonly what: string; readonly outcome: 'skipped'; readonly reason: string };

type Values = Readonly<Record<string, number>>;

/** A verdict on each ratio and each count of a run. */
export function judge(history: readonly Entry[], run: Entry): Verdict[] {
  const sameNode = history.filter(({ node }) => major(node) === major(run.node));
  const alike = sameNode.filter(({ form, machine }) => form === run.form && machine === run.machine);
  return [
    ...judgeValues(
      run.ratios,
      alike.map(({ ratios }) => ratios),
      `runs of the form ${run.form} on such a machine with Node ${major(run.node)}`,
      false,
    ),
    ...judgeValues(
      run.counts ?? {},
      sameNode.flatMap(({ counts }) => (counts === undefined ? [] : [counts])),
      `runs with Node ${major(run.node)}`,
      true,
    ),
  ];
}

function judgeValues(measured: Values, before: readonly Values[], runs: string, exact: boolean): Verdict[] {
  return Object.entries(measured).map(([what, value]) => {
    const samples = before.flatMap((values) => values[what] ?? []);
    if (samples.length < ENOUGH_RUNS) {
      const reason = `the history has ${samples.length} ${runs} that measured it, and ${ENOUGH_RUNS} are needed`;
      return { what, outcome: 'skipped', reason };
    }
    // Nothing but a change of the code moves a count: what the newest run has saved stays saved.
    const usual = exact ? Math.min(median(samples), samples.at(-1) as number) : median(samples);
    // What differs so much between runs of no change says nothing of a change.
    const spreads = Math.max(...samples) > usual * TOLERANCE || Math.min(...samples) * TOLERANCE < usual;
    if (spreads && !exact) {
      const range = `${Math.min(...samples)} to ${Math.max(...samples)}`;
      return {
        what,
        outcome: 'skipped',
        reason: `it is not stable on this machine: ${range} in the history`,
      };
    }
    return { what, outcome: value > usual * TOLERANCE ? 'grown' : 'passed', measured: value, usual, exact };
  });
}

function major(version: string): string {
  return version.replace(/^v/, '').split('.')[0] ?? version;
}

/** What grew in every one of several runs has grown; what grew in some of them is noise. */
export function agree(first: readonly Verdict[], again: readonly Verdict[]): Verdict[] {
  return first.map((verdict) => {
    if (verdict.outcome !== 'grown') return verdict;
    const other = again.find(({ what }) => what === verdict.what);
    return other?.outcome === 'passed' ? other : verdict;
  });
}

/** The verdict when nothing was measured again: one run alone is no proof that a cost of CPU grew. */
export function doubted(verdict: Verdict): Verdict {
  if (verdict.outcome !== 'grown' || verdict.exact) return verdict;
  const { what, measured, usual } = verdict;
  const reason = `${measured}, usually ${usual}, and there was no time to measure it again`;
  return { what, outcome: 'skipped', reason };
}
