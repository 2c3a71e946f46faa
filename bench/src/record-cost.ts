import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('records.js', import.meta.url));
const TIMEOUT_MS = 600_000;
/** Most of the memory is the 10,000 associations. */
const HEAP_MIB = 8192;

/** µs of CPU of a record in and one out: each sample of `one` belongs to that of `other` in the same round. */
export interface RecordRow {
  readonly version: string;
  readonly what: string;
  readonly one: readonly number[];
  readonly other: readonly number[];
}

export function measureRecords(rounds: number, associations: number): readonly RecordRow[] {
  const args = ['--rounds', String(rounds), '--associations', String(associations)];
  const { status, stdout } = spawnSync(
    process.execPath,
    [`--max-old-space-size=${HEAP_MIB}`, PROGRAM, ...args],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT_MS, maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`records: the program ended with ${status}`);
  return JSON.parse(stdout) as RecordRow[];
}
