/**
 * Runs every example: each program of examples/src, which must end by itself with exit code 0. The demo and tests are
 * run by commands of their own. The last line is `N passed, N failed, N skipped`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TIME_LIMIT_MS = 60_000;
const examples = fileURLToPath(new URL('../examples/', import.meta.url));

const programs = readdirSync(`${examples}src`)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'demo.ts')
  .map((name) => name.replace(/\.ts$/, '.js'));

let failed = 0;
for (const program of programs) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [`${examples}dist/${program}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: TIME_LIMIT_MS,
  });
  console.log(`${status === 0 ? '✔' : '✖'} examples/${program}`);
  if (status === 0) continue;
  failed++;
  console.log(`  ended with ${signal ?? `exit code ${status}`}\n${stdout}${stderr}`.replace(/^/gm, '    '));
}
console.log(`\n${programs.length - failed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;
