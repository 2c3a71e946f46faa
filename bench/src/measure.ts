/** One thing to measure, once per round. */
export interface Trial {
  readonly key: string;
  /** Runs once before the first round. */
  readonly warmUp: () => Promise<unknown>;
  /** Resolves to the cost of one operation. */
  readonly run: () => Promise<number>;
}

/** The samples of each trial by its key: sample `i` of every trial comes from round `i`. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/**
 * Runs every trial once per round, each round starting at another trial, so that slow phases of the machine affect
 * all alike. No round starts so many `seconds` after the first.
 */
export async function interleave(
  trials: readonly Trial[],
  rounds: number,
  seconds: number,
): Promise<Samples> {
  const samples = new Map<string, number[]>(trials.map((trial) => [trial.key, []]));
  for (const trial of trials) await trial.warmUp();
  const deadline = performance.now() + seconds * 1000;
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && performance.now() > deadline) break;
    for (const trial of rotate(trials, round)) {
      samples.get(trial.key)?.push(await trial.run());
    }
  }
  return samples;
}

/** The middle of the samples, or the mean of the two in the middle; NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The smallest sample that this share of them does not exceed; NaN of none. */
export function percentile(samples: readonly number[], share: number): number {
  return samples.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(samples.length * share) - 1)] ?? Number.NaN;
}

/** The median of the ratios within each round; undefined when there is nothing to compare with. */
export function medianRatio(
  samples: readonly number[],
  reference: readonly number[] | undefined,
): number | undefined {
  if (reference === undefined || reference.length === 0 || samples.length === 0) return undefined;
  return median(samples.map((sample, round) => sample / (reference[round] ?? Number.NaN)));
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
