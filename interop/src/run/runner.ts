import { type Case, programsOf } from '../cases/case.js';
import { Failure } from '../exchange.js';
import type { Program } from '../peers/peer.js';
import type { Pki } from '../pki.js';
import { reasonOf } from '../text.js';

export interface Result {
  readonly of: Case;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly remark: string;
  readonly seconds: number;
  readonly logs: readonly string[];
  /** Why the first try failed, where a second one passed. */
  readonly firstFailure?: string;
}

export interface RunOptions {
  readonly pki: Pki;
  /** Programs that cannot run here, with the reason. */
  readonly missing: ReadonlyMap<Program, string>;
  /** How many quick and how many slow cases run at once. */
  readonly quick: number;
  readonly slow: number;
  onResult(result: Result): void;
}

/** Runs all cases, the slow ones beside the quick ones. */
export async function runCases(cases: readonly Case[], options: RunOptions): Promise<Result[]> {
  const results: Result[] = [];
  const report = (result: Result) => {
    results.push(result);
    options.onResult(result);
  };
  const slow = cases.filter((one) => one.slow);
  const quick = cases.filter((one) => !one.slow);
  await Promise.all([
    drain(slow, options.slow, async (one) => report(await runCase(one, options))),
    drain(quick, options.quick, async (one) => report(await runCase(one, options))),
  ]);
  return results;
}

async function drain(
  cases: readonly Case[],
  width: number,
  action: (one: Case) => Promise<void>,
): Promise<void> {
  const queue = [...cases];
  const worker = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await action(one);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/**
 * A case that fails has a second try, which the summary reports: foreign programs sometimes lose a port, a timer or a
 * record.
 */
async function runCase(one: Case, options: RunOptions): Promise<Result> {
  const first = await tryCase(one, options, 0);
  if (first.status !== 'failed') return first;
  const second = await tryCase(one, options, 1);
  return second.status === 'failed' ? first : { ...second, firstFailure: first.remark };
}

async function tryCase(one: Case, { pki, missing }: RunOptions, attempt: number): Promise<Result> {
  const absent = programsOf(one).find((program) => missing.has(program));
  const reason = (absent && missing.get(absent)) ?? one.impossible;
  if (reason !== undefined) return { of: one, status: 'skipped', remark: reason, seconds: 0, logs: [] };
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  try {
    const remark = await bounded(one, pki, attempt);
    return { of: one, status: 'passed', remark, seconds: seconds(), logs: [] };
  } catch (error) {
    const logs = error instanceof Failure ? error.logs : [];
    return { of: one, status: 'failed', remark: reasonOf(error), seconds: seconds(), logs };
  }
}

async function bounded(one: Case, pki: Pki, attempt: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Failure(`not finished within ${one.timeout} ms`)), one.timeout);
  });
  try {
    return await Promise.race([one.run(pki, attempt), late]);
  } finally {
    clearTimeout(timer);
  }
}
