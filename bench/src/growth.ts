/** How the cost of a record and memory grow with the associations of a server. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, medianRatio } from './measure.js';
import type { Section } from './section.js';

/** µs of CPU of a record of any of `count` clients, beside one of a single client; bytes for each association. */
export interface GrowthRow {
  readonly version: string;
  readonly count: number;
  readonly one: readonly number[];
  readonly other: readonly number[];
  /** Of V8's heap and of buffers. */
  readonly held: number;
  readonly rss: number;
}

const PROGRAM = fileURLToPath(new URL('records.js', import.meta.url));
const HEAP_MIB = 8192;
const TIMEOUT_MS = 600_000;
/** The heap gains and loses more for other reasons than a few need. */
const FEWEST_HELD = 100;
/** Resident memory grows by pages, and for other reasons too. */
const FEWEST_RESIDENT = 1_000;

export function measureGrowth(counts: readonly number[], turns: number): Section {
  const args = ['--growth', counts.join(), '--rounds', String(turns)];
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`, PROGRAM, ...args],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT_MS, maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`growth: the program ended with ${status}`);
  const rows = JSON.parse(stdout) as GrowthRow[];
  return {
    part: 'growth',
    title: `Growth: a record of any client, in and out, core alone, CPU in µs and beside a single client; KiB for each association; medians of ${turns} turns`,
    header: ['version', 'associations', 'µs', 'x of one', 'KiB held', 'KiB resident'],
    rows: rows.map(({ version, count, one, other, held, rss }) => [
      version,
      String(count),
      median(one).toFixed(2),
      medianRatio(one, other)?.toFixed(3) ?? '',
      count < FEWEST_HELD ? '' : (held / 1024).toFixed(1),
      count < FEWEST_RESIDENT ? '' : (rss / 1024).toFixed(1),
    ]),
    samples: rows,
    ratios: Object.fromEntries(
      rows
        .filter(({ count }) => count > 1)
        .map(({ version, count, one, other }) => [
          `record of any of ${count} clients, ${version} / of one`,
          medianRatio(one, other) ?? Number.NaN,
        ]),
    ),
    counts: {},
  };
}
