import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Section } from './section.js';

/** What one operation makes the library allocate. */
export interface AllocationRow {
  readonly what: string;
  /** Of V8's heap and of buffers. */
  readonly bytes: number;
  /** Of V8's heap. */
  readonly objects: number;
  /** The functions that make most of them, with how many. */
  readonly most: readonly string[];
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
    title:
      'Allocations: bytes of heap and buffers, and objects of the heap, in code that is not optimized, core alone',
    header: ['operation', 'bytes', 'objects', 'most of them by'],
    rows: rows.map(({ what, bytes, objects, most }) => [
      what,
      String(bytes),
      String(objects),
      most.join(', '),
    ]),
    samples: rows,
    ratios: {},
    counts: Object.fromEntries(
      rows.flatMap(({ what, bytes, objects }) => [
        [`bytes allocated, ${what}`, bytes],
        [`objects allocated, ${what}`, objects],
      ]),
    ),
  };
}
