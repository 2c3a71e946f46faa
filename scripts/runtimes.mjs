/**
 * The library on other runtimes than the one at hand, each installed from npm:
 *
 *   npm run runtimes                 Node 20, 22, 24 and 26: the demo, and the tests that depend on the runtime; Deno and Bun: echoes
 *   npm run runtimes -- --all        all tests on each Node
 *   npm run runtimes -- --only Deno  those whose name contains "Deno"
 *
 * The Node at hand runs no tests here, as `npm test` does that. Deno and Bun use the packed library. What cannot be installed is
 * skipped by name. The last line is `N passed, N failed, N skipped`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { runEchoes } from './runtimes/echoes.mjs';
import { installed, RUNTIMES } from './runtimes/install.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const COMMAND_LIMIT_MS = 20 * 60_000;
const PEER_LIMIT_MS = 120_000;

/** Tests of the protocol or of the repository, which do not depend on the runtime. Parts of paths. */
const SAME_EVERYWHERE = [
  'packages/cli/', // the demo runs it
  'test/connection/',
  'test/scenarios/early-data/',
  'test/endpoint/',
  'test/scenarios/extensions/',
  'test/handshake/',
  'test/scenarios/hostile/floods',
  'test/scenarios/hostile/fragments',
  'test/scenarios/hostile/junk',
  'test/scenarios/hostile/proofs12',
  'test/scenarios/rfc6347/',
  'test/scenarios/rfc9147/',
  'test/scenarios/simulation/',
  'test/scenarios/sni/',
  'test/repository/',
  'test/wire/',
  'test/driver/many-peers', // long
  'test/pkcs12/read',
  'test/x509/constraint-forms', // certificates made and judged by OpenSSL
  'test/x509/path',
  'interop/',
  'siege/',
  'bench/',
];

const { values } = parseArgs({ options: { all: { type: 'boolean' }, only: { type: 'string' } } });
const tally = { passed: 0, failures: [], skips: [] };
tally.check = (name, passed, seen) => {
  console.log(`  ${passed ? '✔' : '✖'} ${name}`);
  if (passed) tally.passed++;
  else tally.failures.push(`${name}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
};
tally.skip = (name, reason) => tally.skips.push(`${name} (${reason})`);

process.exitCode = await main();

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'runtimes-'));
  try {
    const library = await pack(folder);
    for (const runtime of RUNTIMES.filter(({ name }) => name.includes(values.only ?? ''))) {
      console.log(`\n${runtime.name}`);
      await runOne(runtime, folder, library);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  report();
  return tally.failures.length === 0 ? 0 : 1;
}

async function runOne(runtime, folder, library) {
  const program = installed(runtime, join(root, '.cache/runtimes'));
  if (program === undefined) return tally.skip(runtime.name, 'it could not be installed');
  try {
    if (runtime.kind === 'node') runNode(runtime.name, program);
    else await runEchoes({ name: runtime.name, library, tally, start: starter(runtime, program, folder) });
  } catch (error) {
    tally.check(`${runtime.name} runs to the end`, false, error.stack);
  }
}

function runNode(name, program) {
  const env = { ...process.env, PATH: `${dirname(program)}${delimiter}${process.env.PATH}` };
  const run = (script, ...args) =>
    spawnSync(program, [join(root, script), ...args], {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: COMMAND_LIMIT_MS,
    });
  const demo = run('examples/dist/demo.js');
  tally.check(`${name}: the demo`, demo.status === 0, demo.stdout + demo.stderr);
  if (program === process.execPath) return tally.skip(`${name}: the tests`, '`npm test` runs them');
  const but = values.all ? [] : ['--but', SAME_EVERYWHERE.join()];
  countTests(name, run('scripts/test.mjs', '--no-build', ...but));
}

/** The counts of a run of the tests, and its failures in full. */
function countTests(name, { status, stdout }) {
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(stdout ?? '') ?? [];
  if (passed === undefined)
    return tally.check(`${name}: the tests`, false, `no counts, exit code ${status}\n${stdout}`);
  console.log(
    `  ${status === 0 ? '✔' : '✖'} ${name}: the tests: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  );
  tally.passed += Number(passed);
  if (Number(skipped) > 0) {
    const skips = stdout
      .slice(stdout.lastIndexOf('\nSkipped:\n'))
      .split('\n')
      .filter((line) => line.startsWith('  '));
    for (const line of skips) tally.skips.push(`${name}: ${line.trim()}`);
  }
  if (status === 0) return;
  console.log(stdout.slice(Math.max(0, stdout.search(/^\n?✖ .*: /m))));
  for (let i = 0; i < Math.max(1, Number(failed)); i++) tally.failures.push(`${name}: a test, see above`);
}

/** The library as npm would install it, in an otherwise empty folder. */
async function pack(folder) {
  const npm = (...args) =>
    spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], timeout: PEER_LIMIT_MS });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  npm('pack', '--loglevel=error', join(root, 'packages/datagram-tls'), '--pack-destination', folder);
  const [archive] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  npm('install', '--no-audit', '--no-fund', '--prefer-offline', `./${archive}`);
  copyFileSync(new URL('runtimes/peer.mjs', import.meta.url), join(folder, 'peer.mjs'));
  return await import(pathToFileURL(join(folder, 'node_modules/datagram-tls/dist/index.js')));
}

/** Runs peer.mjs on a runtime. A peer that fails reports it in its output, or prints none. */
function starter({ args }, program, folder) {
  return (...more) =>
    spawn(program, [...args, 'peer.mjs', ...more], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: PEER_LIMIT_MS,
    });
}

function report() {
  const { passed, failures, skips } = tally;
  for (const failure of failures) console.log(`\n✖ ${failure}`);
  if (skips.length > 0) console.log(`\nSkipped:\n${skips.map((skip) => `  ${skip}`).join('\n')}`);
  console.log(`\n${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
}
