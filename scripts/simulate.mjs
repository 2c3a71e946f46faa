/**
 * Plays seeds that no test has in every simulation of packages/datagram-tls/test/scenarios/simulation, on every core.
 *
 *   npm run simulate -- COUNT               so many seeds in each simulation of each version, from a random one on, which is printed
 *   npm run simulate -- COUNT FROM          from this one on: the same again
 *   npm run simulate -- COUNT --only NAME   only the simulations whose names contain it, such as "survival DTLSv1.3"
 *   npm run simulate -- COUNT --for S       begins no more seeds after S seconds; says how many were played
 *
 * Each simulation counts as one. It fails with the first of its seeds that fail, each with the command that plays it alone and
 * shows its datagrams; a seed that fails is printed at once, too. The end is that of report.mjs.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { reportOf } from './report.mjs';

const BUILT = new URL(
  '../packages/datagram-tls/build/test/scenarios/simulation/simulations.js',
  import.meta.url,
);
/** Of the first seed, if it is random: short enough to be typed. */
const MAX_RANDOM = 1_000_000_000;
/** Seeds that a worker is given at once: it is asked no more often than that. */
const SHARE = 5;
/** Failing seeds of a simulation that are listed. */
const MAX_LISTED = 10;

const { SIMULATIONS } = await import(BUILT);
if (isMainThread) process.exitCode = await main();
else parentPort.on('message', ({ name, from, count }) => parentPort.postMessage(played(name, from, count)));

async function main() {
  const wanted = argumentsOf(process.argv.slice(2));
  if (wanted === undefined) {
    console.error('usage: npm run simulate -- COUNT [FROM] [--only NAME] [--for SECONDS]');
    return 2;
  }
  const { count, from, only, seconds } = wanted;
  const names = SIMULATIONS.map(({ name }) => name).filter((name) => name.includes(only));
  if (names.length === 0) {
    console.error(`no simulation's name contains "${only}"`);
    return 2;
  }
  const filter = only === '' ? '' : ` --only "${only}"`;
  console.log(`Seeds from ${from} on; again: npm run simulate -- ${count} ${from}${filter}\n`);
  const results = await playAll(names, { from, count, seconds });
  const failed = names.filter((name) => results.get(name).failures.length > 0);
  const failures = failed.map((name) => ({ name, reason: reasonOf(results.get(name).failures) }));
  const skips = names
    .filter((name) => results.get(name).left === count)
    .map((name) => ({ name, reason: `no seed was played in ${seconds} s` }));
  console.log(reportOf({ passed: names.length - failed.length - skips.length, failures, skips }));
  return failed.length === 0 ? 0 : 1;
}

function argumentsOf(args) {
  const options = { only: { type: 'string', default: '' }, for: { type: 'string', default: '1e9' } };
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch {
    return undefined;
  }
  const { values, positionals } = parsed;
  const [count, from = String(randomInt(MAX_RANDOM)), ...rest] = positionals;
  const areNumbers = [count, from].every((text) => /^[0-9]{1,10}$/.test(text ?? ''));
  const seconds = Number(values.for);
  if (!areNumbers || Number(count) === 0 || rest.length > 0 || !(seconds > 0)) return undefined;
  return { count: Number(count), from: Number(from), only: values.only, seconds };
}

/** What became of each simulation, whose line is printed when its last seed is played. */
async function playAll(names, { from, count, seconds }) {
  const end = performance.now() + seconds * 1_000;
  const results = new Map(names.map((name) => [name, { left: count, ms: 0, failures: [] }]));
  const tasks = tasksOf(names, from, count);
  const underWay = new Set();
  // A time limit, such as CI's, ended it: a seed may loop for ever, and its number is needed to play it again.
  process.once('SIGTERM', () => {
    for (const { name, from, count } of underWay) {
      console.error(`stopped in ${name}: one of the seeds from ${from} to ${from + count - 1}`);
    }
    process.exit(143);
  });
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), tasks.length) }, () =>
      work(tasks, underWay, end, (task, told) => note(results.get(task.name), task, told)),
    ),
  );
  // Those that the time did not suffice for have no line yet.
  for (const name of names) if (results.get(name).left > 0) printLine(name, results.get(name), count);
  return results;
}

/** A share of each simulation in turn: a run that is stopped has played some seeds of all. */
function tasksOf(names, from, count) {
  const tasks = [];
  for (let at = 0; at < count; at += SHARE)
    for (const name of names) tasks.push({ name, from: from + at, count: Math.min(SHARE, count - at) });
  return tasks;
}

async function work(tasks, underWay, end, onPlayed) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  try {
    while (tasks.length > 0 && performance.now() < end) {
      const task = tasks.shift();
      underWay.add(task);
      onPlayed(task, await answerOf(worker, task));
      underWay.delete(task);
    }
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker, task) {
  return new Promise((resolve, reject) => {
    const { name, from } = task;
    const onExit = () => reject(new Error(`the worker ended in ${name}, in the seeds from ${from} on`));
    worker.once('exit', onExit);
    worker.once('error', reject);
    worker.once('message', (told) => {
      worker.off('exit', onExit);
      worker.off('error', reject);
      resolve(told);
    });
    worker.postMessage(task);
  });
}

function note(result, { name, count }, { failures, ms }) {
  // Printed at once, so that this seed can be played again while others still run.
  for (const failure of failures) console.log(`  ${name}: ${failure}`);
  result.failures.push(...failures);
  result.ms += ms;
  result.left -= count;
  if (result.left === 0) printLine(name, result);
}

function printLine(name, { left, ms, failures: { length } }, count = 0) {
  const failed = length === 0 ? '' : `, ${length} FAILED`;
  const unplayed = left === 0 ? '' : `, ${count - left} of ${count} seeds`;
  console.log(`${length === 0 ? '✔' : '✖'} ${name}${unplayed}${failed}  (${Math.round(ms)} ms)`);
}

function reasonOf(failures) {
  const listed = failures.slice(0, MAX_LISTED);
  const more = failures.length - listed.length;
  return `${listed.join('\n')}${more === 0 ? '' : `\nand ${more} seeds more`}\n`;
}

/** In a worker: plays seeds of one simulation. */
function played(name, from, count) {
  const { play } = SIMULATIONS.find((each) => each.name === name);
  const began = performance.now();
  const failures = [];
  for (let seed = from; seed < from + count; seed++) {
    try {
      play(seed);
    } catch (error) {
      failures.push(firstLineOf(error));
    }
  }
  return { failures, ms: performance.now() - began };
}

/** Without the datagrams: the command shows them again. */
function firstLineOf({ message }) {
  return message.split('\n\nseed ')[0].replaceAll(/\n\s*/g, ' ');
}
