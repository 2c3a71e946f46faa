/**
 * Builds the workspace and runs its tests.
 *
 *   npm test                  everything
 *   npm test -- cursor        the files whose path contains "cursor", or else the tests whose name contains it;
 *                             a path may be that of the source (packages/cli/test/echo.test.ts) or a part of it (cli/test/echo)
 *   npm test -- --no-build    what the last build left
 *   npm test -- --platform    what depends on the runtime, or on the native part
 *   npm run test:long         the files with very many cases, and every case of theirs
 *
 * One line a file, then the end of report.mjs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, sep } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { reportOf } from './report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const FILE_TIMEOUT_MS = 4 * 60_000;
/** Ten thousand sessions without optimized code, or as many damaged states, take minutes of a core alone. CI ends all of them after 15. */
const LONG_FILE_TIMEOUT_MS = 14 * 60_000;
/** A file with more cases than every run affords imports one of these. */
const LONG_IMPORT = /\/support\/(long|seeds)\.js'/;

/** Tests of the protocol or of the repository, which depend neither on the runtime nor on the native part. Parts of paths. */
const SAME_EVERYWHERE = [
  'packages/cli/', // `npm run runtimes` runs the command on each
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

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  const but = args.includes('--platform') ? SAME_EVERYWHERE : [];
  const fragment = args.find((arg) => !arg.startsWith('--'));
  const long = args.includes('--long');
  if (long) process.env.DTLS_TEST_LONG = '1';
  const tally = { passed: 0, failures: [], skips: [] };
  if (!args.includes('--no-build') && !build())
    tally.failures.push({ name: 'the build (its errors are above)' });

  const all = testFiles()
    .filter(({ source }) => !but.some((part) => source.includes(part)))
    .filter(({ source }) => !long || LONG_IMPORT.test(readFileSync(join(root, source), 'utf8')));
  const named = all.filter(({ source, compiled }) =>
    [source, compiled].some((path) => path.includes(fragment ?? '')),
  );
  const files = (tests) => tests.map(({ compiled }) => compiled);
  if (named.length > 0) await runFiles(files(named), undefined, tally);
  else if (fragment.includes('/'))
    tally.failures.push({ name: `no test file has "${fragment}" in its path` });
  else await runFiles(files(all), fragment, tally);

  if (tally.passed + tally.failures.length + tally.skips.length === 0) {
    tally.failures.push({ name: `no test file and no test is named "${fragment}"` });
  }
  console.log(reportOf(tally));
  return tally.failures.length === 0 ? 0 : 1;
}

function build() {
  const run = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
  return run('node_modules/typescript/lib/tsc.js', '-b') && run('scripts/dist.mjs');
}

/** Compiled tests, found by their sources: the compiled file of a deleted test never runs. */
function testFiles() {
  const packages = readdirSync(join(root, 'packages')).map((name) => [
    `packages/${name}/test`,
    `packages/${name}/build/test`,
  ]);
  const programs = ['examples', 'bench', 'interop', 'siege'].map((name) => [`${name}/src`, `${name}/dist`]);
  return [...packages, ...programs].flatMap(([sources, compiled]) =>
    walk(join(root, sources))
      .filter((path) => path.endsWith('.test.ts'))
      .map((path) => ({
        source: posix(relative(root, path)),
        compiled: posix(join(compiled, relative(join(root, sources), path)).replace(/\.ts$/, '.js')),
      })),
  );
}

function posix(path) {
  return path.split(sep).join('/');
}

function walk(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

async function runFiles(files, testName, tally) {
  const built = files.filter((file) => existsSync(join(root, file)));
  for (const file of files) if (!built.includes(file)) tally.failures.push({ name: `${file} was not built` });
  if (built.length === 0) return;
  // A failure then points to its line of TypeScript.
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim();
  const events = run({
    files: built.map((file) => join(root, file)),
    concurrency: availableParallelism(),
    timeout: process.env.DTLS_TEST_LONG === '1' ? LONG_FILE_TIMEOUT_MS : FILE_TIMEOUT_MS,
    ...(testName === undefined ? {} : { testNamePatterns: [literally(testName)] }),
  });
  const parents = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') parents[data.nesting] = data.name;
    if (type === 'test:stdout' || type === 'test:stderr') process.stderr.write(data.message);
    if (type === 'test:pass' || type === 'test:fail') {
      const name = [...parents.slice(0, data.nesting), data.name].join(' › ');
      count(tally, { ...data, name, failed: type === 'test:fail', byName: testName !== undefined });
    }
  }
  flushFile(tally);
}

function literally(text) {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i');
}

function count(tally, { name, file, nesting, skip, todo, failed, byName, details }) {
  const path = posix(relative(root, file ?? ''));
  if (name === file && !failed) {
    if (!byName) tally.failures.push({ name: `${path} has no tests` });
    return;
  }
  if (byName && skip === 'test name does not match pattern') return;
  const line = fileLine(tally, path);
  if (nesting === 0) line.ms += details.duration_ms;

  if (failed) {
    if (details.error?.failureType === 'subtestsFailed') return;
    line.failed++;
    const error = details.error?.cause ?? details.error;
    tally.failures.push({ name: `${path}: ${name}`, reason: inspect(error, { depth: 6 }) });
  } else if (skip || todo) {
    line.skipped++;
    const why = skip || todo;
    tally.skips.push({ name: `${path}: ${name}`, reason: typeof why === 'string' ? why : '' });
  } else if (details.type !== 'suite') {
    line.passed++;
    tally.passed++;
  }
}

/** The line of the file that is being reported; results of one file arrive together. */
function fileLine(tally, path) {
  if (tally.file?.path !== path) {
    flushFile(tally);
    tally.file = { path, passed: 0, failed: 0, skipped: 0, ms: 0 };
  }
  return tally.file;
}

function flushFile(tally) {
  if (tally.file === undefined) return;
  const { path, passed, failed, skipped, ms } = tally.file;
  tally.file = undefined;
  if (passed + failed + skipped === 0) return;
  const rest = `${failed ? `, ${failed} FAILED` : ''}${skipped ? `, ${skipped} skipped` : ''}`;
  console.log(`${failed ? '✖' : '✔'} ${path}  ${passed} passed${rest}  (${Math.round(ms)} ms)`);
}
