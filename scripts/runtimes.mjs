/**
 * The packed packages as npm installs them on several platforms, and on each runtime, which is installed from npm: a program that imports the library, one that requires it, bundles
 * by esbuild and rollup, each as client and as server beside our own Node and OpenSSL; streams, loops, back-pressure and channels; the
 * dtls command; on Nodes the demo, tests and interop.
 *
 *   npm run runtimes                 with the tests that depend on the runtime
 *   npm run runtimes -- --portable   on Nodes these tests and interop without the native part, and nothing else
 *   npm run runtimes -- --all        with all tests, the whole interop and the short siege, with the native part and without it, which
 *                                    takes more than an hour
 *   npm run runtimes -- --only Deno  those whose name contains "Deno"
 *   npm run runtimes -- --write      writes the table in docs/explanation/runtimes.md anew, and runs nothing else
 *
 * The Node at hand runs no tests here, as `npm test` does that. What cannot be installed is skipped by name. The output ends as
 * report.mjs says.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { listedIn, reportOf } from './report.mjs';
import { runCommand } from './runtimes/command.mjs';
import { runEchoes, runFlows, runSodium } from './runtimes/echoes.mjs';
import { makeForms, removeForms } from './runtimes/forms.mjs';
import { installed, RUNTIMES } from './runtimes/install.mjs';
import { runInstalls } from './runtimes/installs.mjs';
import { runLacking } from './runtimes/lacking.mjs';
import { output } from './runtimes/ours.mjs';
import { allNames, pageHasTable, writeTable } from './runtimes/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const COMMAND_LIMIT_MS = 20 * 60_000;
const PEER_LIMIT_MS = 120_000;
const LARGEST_OUTPUT = 64 * 2 ** 20;

const PORTABLE = { DATAGRAM_TLS_ACCELERATION: 'off' };

/** Of the interop: every suite with OpenSSL and GnuTLS, and each peer of DTLS 1.3. */
const FEW_CASES = ['x25519'];

const { values } = parseArgs({
  options: {
    all: { type: 'boolean' },
    portable: { type: 'boolean' },
    only: { type: 'string' },
    write: { type: 'boolean' },
  },
});
const tally = { passed: 0, failures: [], skips: [] };
tally.check = (name, passed, seen) => {
  console.log(`  ${passed ? '✔' : '✖'} ${name}`);
  if (passed) tally.passed++;
  else tally.failures.push({ name, reason: typeof seen === 'string' ? seen : JSON.stringify(seen) });
};
tally.skip = (name, reason) => tally.skips.push({ name, reason });

if (values.portable) runPortable();
else await runAll();
console.log(reportOf(tally));
process.exitCode = tally.failures.length === 0 ? 0 : 1;

async function runAll() {
  const folder = mkdtempSync(join(tmpdir(), 'runtimes-'));
  const names = await allNames();
  const said = new Map();
  try {
    const made = await makeForms(folder);
    if (values.only === undefined && !values.write) await runInstalls({ folder, packed: made.packed, tally });
    const library = await import(
      pathToFileURL(join(made.installed, 'node_modules/datagram-tls/dist/index.js'))
    );
    for (const runtime of RUNTIMES.filter(({ name }) => name.includes(values.only ?? ''))) {
      if (runtime.oldest && values.write) continue;
      const program = programOf(runtime);
      if (program !== undefined) await runOne({ ...runtime, program, ...made, library, names, said });
    }
  } finally {
    removeForms(folder);
  }
  if (said.size < RUNTIMES.filter(({ oldest }) => !oldest).length)
    tally.skip('the table of the docs', 'not every runtime has run');
  else if (values.write) writeTable(names, said);
  else {
    const advice = 'it differs: run `npm run runtimes -- --write` and look at the difference';
    tally.check('the table of the docs is what the runtimes say', pageHasTable(names, said), advice);
  }
}

/** The tests and interop of Nodes without the native part. */
function runPortable() {
  for (const runtime of RUNTIMES.filter(({ name }) => name.includes(values.only ?? ''))) {
    if (runtime.kind !== 'node' || runtime.oldest) continue;
    const program = programOf(runtime);
    if (program !== undefined) runTests(runtime.name, program, PORTABLE);
  }
}

/** `undefined`, and skipped by name, where it cannot be installed. */
function programOf(runtime) {
  const program = installed(runtime, join(root, '.cache/runtimes'));
  if (program === undefined) tally.skip(runtime.name, 'it could not be installed');
  return program;
}

async function runOne({ name, kind, args, oldest, program, installed, forms, library, names, said }) {
  console.log(`\n${name}`);
  const starterOf = (form) => starter(program, args, form);
  try {
    if (!oldest)
      said.set(name, JSON.parse(await output(starterOf(forms[0])('supports', JSON.stringify(names)))));
    if (values.write) return;
    for (const form of forms) {
      if (oldest && form.name === 'require') requireFails(name, program, form);
      else await runEchoes({ name: `${name}, ${form.name}:`, start: starterOf(form), library, tally });
    }
    await runFlows({ name, start: starterOf(forms[0]), tally });
    await runSodium({ name, start: starterOf({ cwd: installed, file: 'sodium.mjs' }), tally });
    await runLacking({ name, start: starterOf(forms[0]), library, tally });
    await runCommand({ name, kind, program, cwd: installed, tally });
    if (kind === 'node' && !oldest) runNode(name, program);
  } catch (error) {
    tally.check(`${name} runs to the end`, false, error.stack);
  }
}

function requireFails(name, program, { cwd, file }) {
  const { stderr } = spawnSync(program, [file, 'lacks'], { cwd, encoding: 'utf8', timeout: PEER_LIMIT_MS });
  tally.check(`${name}: require() says ERR_REQUIRE_ESM`, stderr.includes('ERR_REQUIRE_ESM'), stderr);
}

function runNode(name, program) {
  const demo = onNode(program, {}, 'examples/dist/demo.js');
  tally.check(`${name}: the demo`, demo.status === 0, demo.stdout + demo.stderr);
  runTests(name, program, {});
  if (values.all) runTests(name, program, PORTABLE);
}

function runTests(node, program, variables) {
  const name = variables === PORTABLE ? `${node} without the native part` : node;
  if (program === process.execPath)
    return tally.skip(`${name}: the tests`, '`npm test` and others of .ci/run are run by it');
  const run = (...args) => onNode(program, variables, ...args);
  count(`${name}: the tests`, run('scripts/test.mjs', '--no-build', ...(values.all ? [] : ['--platform'])));
  count(`${name}: interop`, run('interop/dist/main.js', ...(values.all ? [] : FEW_CASES)));
  if (values.all) count(`${name}: the siege`, run('siege/dist/main.js', '--ci'));
}

/** Runs a script of the repository on that Node, and so all Nodes that it starts. */
function onNode(program, variables, script, ...args) {
  return spawnSync(program, [join(root, script), ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${dirname(program)}${delimiter}${process.env.PATH}`, ...variables },
    encoding: 'utf8',
    timeout: COMMAND_LIMIT_MS,
    maxBuffer: LARGEST_OUTPUT,
  });
}

/** The counts of a run, its failures and its skips. */
function count(name, { status, stdout, stderr }) {
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(stdout ?? '') ?? [];
  if (passed === undefined)
    return tally.check(name, false, `no counts, exit code ${status}\n${stdout}${stderr}`);
  console.log(
    `  ${status === 0 ? '✔' : '✖'} ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  );
  tally.passed += Number(passed);
  const { failures, skips } = listedIn(stdout);
  const here = (entry) => ({ ...entry, name: `${name}: ${entry.name}` });
  tally.skips.push(...skips.map(here));
  tally.failures.push(...failures.map(here));
  if (status !== 0 && failures.length === 0)
    tally.check(name, false, `exit code ${status}\n${stdout}${stderr}`);
}

/** Runs a program on a runtime. One that fails reports it in its output, or prints none. */
function starter(program, args, { cwd, file }) {
  return (...more) =>
    spawn(program, [...args, file, ...more], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: PEER_LIMIT_MS,
    });
}
