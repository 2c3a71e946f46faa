import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Section } from './section.js';

/** Bytes that one operation makes the library allocate. */
export interface AllocationRow {
  readonly what: string;
  readonly bytes: number;
}

const PROGRAM = fileURLToPath(new URL('allocations.js', import.meta.url));
/** What is allocated meanwhile fits into it, in MiB: nothing is collected. */
const NEW_SPACE = 256;
const FLAGS = [
  '--expose-gc',
  '--no-opt',
  `--min-semi-space-size=${NEW_SPACE}`,
  `--max-semi-space-size=${NEW_SPACE}`,
];
const TIMEOUT_MS = 120_000;

/** Counts, which the load of the machine does not change. */
export function measureAllocations(): Section {
  const { status, stdout } = spawnSync(process.execPath, [...FLAGS, PROGRAM], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`allocations: the program ended with ${status}`);
  const rows = JSON.parse(stdout) as AllocationRow[];
  return {
    part: 'allocations',
    title: 'Allocations: bytes of heap and buffers, in code that is not optimized, core alone',
    header: ['operation', 'bytes'],
    rows: rows.map(({ what, bytes }) => [what, String(bytes)]),
    samples: rows,
    ratios: {},
    counts: Object.fromEntries(rows.map(({ what, bytes }) => [`bytes allocated, ${what}`, bytes])),
  };
}
