/**
 * Builds packages/native:
 *
 *   npm run native               for this machine, by zig where it is installed and otherwise by the C compiler
 *   npm run native -- --all      for every platform, by zig, which it installs from PyPI into .cache/; compares sizes and
 *                                checksums with packages/native/checksums.json, and looks at what each exports and needs
 *   npm run native -- --write    the same, and writes that file
 *   npm run native -- --packages the same as --all, and makes what is published in packages/native/build/packages
 *   npm run native -- --load     random calls of the binaries of other platforms, each in a Node of its own that is fetched into
 *                                .cache/; with --all or after it
 *   npm run native -- --load --tests
 *                                and the tests of the native part in each
 *   npm run native -- --fuzz N   N random calls under AddressSanitizer and UndefinedBehaviorSanitizer, by the C compiler
 *   npm run native -- --records N
 *                                N records, and whether memory grows; then under the sanitizers, and whether any is lost
 *
 * A binary of zig is the same wherever it is built. The last line is `N passed, N failed, N skipped`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { faultOf } from './native/inspect.mjs';
import { loadForeign } from './native/load.mjs';
import { makePackages } from './native/packages.mjs';
import { hostTarget, targets } from './native/targets.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const native = join(root, 'packages/native');
const sources = join(native, 'src');
const output = join(native, 'build');
const checksumsFile = join(native, 'checksums.json');
const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'));

/** Another version makes other binaries. */
const ZIG = '0.17.1';
const INSTALL_LIMIT_MS = 240_000;
const BUILD_LIMIT_MS = 240_000;
/** Builds of the C library for a target use more than one core. */
const BUILDS_AT_ONCE = 3;

/** Stands in the library alone, which takes no module of another one. */
const INTERFACE = /^export const INTERFACE = (\d+);$/m.exec(
  readFileSync(join(root, 'packages/datagram-tls/src/crypto/node-native.ts'), 'utf8'),
)?.[1];

const FLAGS = [
  ...['-std=c11', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-fno-strict-aliasing'],
  ...['-Wall', '-Wextra', '-Wshadow', '-Werror', '-I', join(headers, 'include')],
  `-DINTERFACE=${INTERFACE}`,
];
const SANITIZERS = [
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-fno-omit-frame-pointer',
  '-g',
];

const { values } = parseArgs({
  options: {
    all: { type: 'boolean' },
    write: { type: 'boolean' },
    packages: { type: 'boolean' },
    load: { type: 'boolean' },
    tests: { type: 'boolean' },
    fuzz: { type: 'string' },
    records: { type: 'string' },
  },
});
const tally = { passed: 0, failed: 0, skipped: 0 };

mkdirSync(output, { recursive: true });
if (values.all || values.write || values.packages) await buildAll();
else if (values.fuzz === undefined && !values.load) await buildHost();
if (values.load) loadForeign({ tests: values.tests, note, skip });
if (values.fuzz !== undefined) await fuzz(values.fuzz);
if (values.records !== undefined) await measureRecords(values.records);
console.log(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exitCode = tally.failed === 0 ? 0 : 1;

function note(name, error) {
  console.log(`${error === undefined ? '✔' : '✖'} ${name}${error === undefined ? '' : `: ${error}`}`);
  if (error === undefined) tally.passed++;
  else tally.failed++;
}

function skip(what) {
  console.log(`- ${what}`);
  tally.skipped++;
}

async function buildHost() {
  const target = hostTarget;
  if (target === undefined) return skip(`no binary for ${process.platform} on ${process.arch}`);
  const file = join(output, `${target.name}.node`);
  const zig = zigAt(join(root, '.cache/zig'));
  if (zig !== undefined) return note(target.name, await zigBuild(zig, target, file));
  if (process.platform === 'win32' || !has('cc')) return skip('no C compiler and no zig');
  note(target.name, await run('cc', [...FLAGS, ...linking(target), ...sourceFiles(), '-o', file]));
}

async function buildAll() {
  const zig = installedZig();
  if (zig === undefined) return skip(`zig ${ZIG} could not be installed`);
  const waiting = [...targets];
  const worker = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift())
      note(`${target.name} is built`, await zigBuild(zig, target, join(output, `${target.name}.node`)));
  };
  await Promise.all(Array.from({ length: BUILDS_AT_ONCE }, worker));
  if (tally.failed > 0) return;
  const made = targets.map(({ name }) => {
    const bytes = readFileSync(join(output, `${name}.node`));
    return { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
  if (values.write)
    writeFileSync(checksumsFile, `${JSON.stringify({ zig: ZIG, binaries: made }, null, 2)}\n`);
  const { binaries } = JSON.parse(readFileSync(checksumsFile, 'utf8'));
  for (const binary of made) {
    const same = binaries.some((known) => known.sha256 === binary.sha256 && known.name === binary.name);
    note(
      `${binary.name} has ${binary.bytes} bytes and its checksum`,
      same ? undefined : `it is ${binary.sha256}`,
    );
  }
  for (const target of targets)
    note(`${target.name} exports its two functions and needs the system's C library alone`, faultIn(target));
  if (values.packages && tally.failed === 0)
    for (const path of makePackages(join(output, 'packages'))) note(relative(root, path));
}

function faultIn(target) {
  try {
    return faultOf(join(output, `${target.name}.node`), target);
  } catch (error) {
    return `it cannot be read: ${error.message}`;
  }
}

/** `undefined`, or what went wrong. */
async function zigBuild(zig, target, file) {
  const link = [...linking(target), '-s'];
  if (target.os === 'win32') {
    const headersOfWindows = join(dirname(zig), 'lib/libc/include/any-windows-any');
    link.push('-nostdlib', '-isystem', headersOfWindows, join(native, 'windows/entry.c'));
    for (const def of [join(headers, 'def/node_api.def'), ...definitions()]) {
      const library = join(output, `${basename(def, '.def')}-${target.cpu}.lib`);
      const machine = target.cpu === 'x64' ? 'i386:x86-64' : 'arm64';
      const failure = await run(zig, ['dlltool', '-m', machine, '-d', def, '-l', library]);
      if (failure !== undefined) return failure;
      link.push(library);
    }
  }
  return run(zig, ['cc', '-target', target.zig, ...FLAGS, ...sourceFiles(), ...link, '-o', file]);
}

/** The functions of Windows that the module uses. */
function definitions() {
  const folder = join(native, 'windows');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.def'))
    .map((name) => join(folder, name));
}

/** The functions of Node-API come from the program that loads the module. */
function linking({ os }) {
  // Its own name would otherwise be the path where it is built.
  if (os === 'darwin') return ['-Wl,-undefined,dynamic_lookup', '-Wl,-install_name,datagram-tls.node'];
  return os === 'linux' ? ['-ldl'] : [];
}

/** Relative, and in one order: their names may end up in a binary. */
function sourceFiles() {
  return readdirSync(sources)
    .filter((name) => name.endsWith('.c'))
    .sort();
}

/** The program of a folder that pip has installed ziglang to. */
function zigAt(folder) {
  const zig = join(folder, 'ziglang', process.platform === 'win32' ? 'zig.exe' : 'zig');
  if (!existsSync(zig)) return undefined;
  return spawnSync(zig, ['version'], { encoding: 'utf8' }).stdout?.trim() === ZIG ? zig : undefined;
}

function installedZig() {
  const folder = join(root, '.cache/zig');
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--upgrade',
    '--target',
    folder,
    `ziglang==${ZIG}`,
  ];
  if (zigAt(folder) === undefined)
    spawnSync('python3', args, { stdio: 'inherit', timeout: INSTALL_LIMIT_MS });
  return zigAt(folder);
}

/** `undefined`, or the end of what it printed. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: sources,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: BUILD_LIMIT_MS,
      ...options,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) =>
      resolve(code === 0 ? undefined : said.slice(-4000) || `it ended with ${code}`),
    );
  });
}

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

async function fuzz(count) {
  const sanitized = await buildSanitized();
  if (sanitized === undefined) return;
  const { file, env } = sanitized;
  const { status } = spawnSync(
    process.execPath,
    ['--expose-gc', join(native, 'test/fuzz.cjs'), file, count],
    // V8 leaves objects behind at its end.
    { stdio: 'inherit', env: { ...env, ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1' } },
  );
  note(`${count} random calls`, status === 0 ? undefined : `it ended with ${status}`);
}

/** The module, and the environment of a Node that loads it: Node itself is not built with the sanitizers, whose library comes first. */
async function buildSanitized() {
  if (process.platform !== 'linux' || !has('cc')) return skip('the sanitizers need Linux and a C compiler');
  const file = join(output, 'sanitized.node');
  const failure = await run('cc', [...FLAGS, ...SANITIZERS, '-ldl', ...sourceFiles(), '-o', file]);
  if (failure !== undefined) return note('the module is built with sanitizers', failure);
  const library = (name) => spawnSync('cc', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
  return {
    file,
    env: {
      ...process.env,
      LD_PRELOAD: `${library('libasan.so')}:${library('libubsan.so')}`,
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  };
}

async function measureRecords(count) {
  const args = (file) => ['--expose-gc', join(native, 'test/records.cjs'), file, count];
  const { status } = spawnSync(process.execPath, args(join(native, 'index.js')), { stdio: 'inherit' });
  note(`${count} records`, status === 0 ? undefined : 'memory grows');
  const sanitized = await buildSanitized();
  if (sanitized === undefined) return;
  const { file, env } = sanitized;
  const { status: end } = spawnSync(process.execPath, args(file), {
    stdio: 'inherit',
    // Memory that is freed is kept from use for a while, and would seem to grow.
    env: { ...env, ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=1:quarantine_size_mb=4' },
  });
  note(
    `${count} records under the sanitizers, and no memory is lost`,
    end === 0 ? undefined : `it ended with ${end}`,
  );
}
