/**
 * All checks that do not run the code: each `check:…` script of package.json, in its order, but for the longest, which runs beside
 * those that follow the first. A failure does not stop the others; the exit code is 1 when any failed. The output ends as report.mjs says.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { reportOf } from './report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const LINES_OF_FAILURE = 20;

/** The first, on which others rely: it builds. */
const FIRST = 'check:types';
/** It takes half of the time of all, on one core. */
const LONGEST = 'check:lint';

const names = Object.keys(scripts).filter((name) => name.startsWith('check:'));
const failures = [];
await check(FIRST);
await Promise.all([check(LONGEST), inOrder(names.filter((name) => ![FIRST, LONGEST].includes(name)))]);
console.log(reportOf({ passed: names.length - failures.length, failures, skips: [] }));
process.exitCode = failures.length === 0 ? 0 : 1;

async function inOrder(some) {
  for (const name of some) await check(name);
}

/** Names a script when it starts, and shows what it printed when it has ended. */
async function check(name) {
  console.log(`${name}: ${scripts[name]}`);
  const started = Date.now();
  const { status, output } = await run(name);
  if (status !== 0)
    failures.push({ name, reason: output.trim().split('\n').slice(-LINES_OF_FAILURE).join('\n') });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`\n${output}${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
}

async function run(name) {
  const child = spawn('npm', ['run', '--silent', name], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  const [status] = await once(child, 'close');
  return { status, output };
}
