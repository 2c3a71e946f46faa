import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** CPU µs of a process that only starts, one sample per round. */
export interface ImportRow {
  readonly name: string;
  readonly samples: readonly number[];
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REPORT_CPU = fileURLToPath(new URL('report-cpu.cjs', import.meta.url));
const DTLS = 'packages/cli/bin/dtls.js';
const TIMEOUT_MS = 30_000;

export const NODE_ALONE = 'node alone';
export const LIBRARY = "import 'datagram-tls'";
export const HELP = 'dtls --help';

const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
  [NODE_ALONE, ['-e', '0']],
  [LIBRARY, module("import 'datagram-tls'")],
  ["import 'datagram-tls/core'", module("import 'datagram-tls/core'")],
  [HELP, [DTLS, '--help']],
];

/** What it costs to start a process with the bundles, beside Node alone; the programs take turns within a round. */
export function measureImports(rounds: number): readonly ImportRow[] {
  // The files are in the system's cache then.
  for (const [, args] of PROGRAMS) cpuOf(args);
  const samples = PROGRAMS.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, [, args]] of PROGRAMS.entries()) samples[i]?.push(cpuOf(args));
  return PROGRAMS.map(([name], i) => ({ name, samples: samples[i] ?? [] }));
}

function module(text: string): string[] {
  return ['--input-type=module', '-e', text];
}

function cpuOf(args: readonly string[]): number {
  const { status, output } = spawnSync(process.execPath, ['--require', REPORT_CPU, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
  return Number(output[3]);
}
