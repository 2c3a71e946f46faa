/**
 * All checks that do not run the code: each `check:…` script of package.json, in its order. A failure does not stop
 * the others; the exit code is 1 when any failed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const failed = [];
for (const name of Object.keys(scripts).filter((name) => name.startsWith('check:'))) {
  console.log(`\n${name}: ${scripts[name]}`);
  const started = Date.now();
  const { status } = spawnSync('npm', ['run', '--silent', name], { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed.push(name);
  console.log(`${status === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
