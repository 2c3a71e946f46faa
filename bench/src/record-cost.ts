import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileNative } from './native.js';

const PROGRAM = fileURLToPath(new URL('records.js', import.meta.url));
const TIMEOUT_MS = 1_800_000;
/** Most of the memory is the associations, 100,000 at most. */
const HEAP_MIB = 8192;

/** µs of CPU of a record in and one out: each sample of `one` belongs to that of `other` in the same round. */
export interface Turned {
  readonly one: readonly number[];
  readonly other: readonly number[];
}

/** What seals and opens. */
export type Over = 'node:crypto' | 'native code';

export interface RecordRow extends Turned {
  readonly version: string;
  readonly over: Over;
  readonly what: string;
  /** The same of the ciphers alone, where clients are many. */
  readonly floor?: Turned;
  /** Clients in use, where they are many. */
  readonly used?: number;
  /** µs of OpenSSL in C for a record of as many clients opened and one sealed, with a context for each key; not at the same time. */
  readonly inC?: number;
}

export function measureRecords(rounds: number, associations: number): readonly RecordRow[] {
  const args = ['--rounds', String(rounds), '--associations', String(associations)];
  const { status, stdout } = spawnSync(
    process.execPath,
    [`--max-old-space-size=${HEAP_MIB}`, PROGRAM, ...args],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT_MS, maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`records: the program ended with ${status}`);
  const rows = JSON.parse(stdout) as RecordRow[];
  const floors = floorsInC(associations, new Set(rows.map(({ used }) => used)));
  return rows.map((row) => {
    const inC = floors.get(row.used);
    return inC === undefined ? row : { ...row, inC };
  });
}

/** By the clients in use. Without a compiler there are none. */
function floorsInC(
  associations: number,
  all: ReadonlySet<number | undefined>,
): Map<number | undefined, number> {
  const floors = new Map<number | undefined, number>();
  const program = compileNative('ciphers');
  if ('missing' in program) return floors;
  for (const used of all) {
    if (used === undefined) continue;
    const { status, stdout } = spawnSync(program.path, [String(associations), String(used)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: TIMEOUT_MS,
    });
    if (status !== 0) throw new Error(`ciphers: the program ended with ${status}`);
    floors.set(used, Number(stdout));
  }
  return floors;
}
