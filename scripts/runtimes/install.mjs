/** Installs runtimes from npm into `.cache/runtimes`, each once. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const INSTALL_LIMIT_MS = 90_000;
const { arch, platform } = process;
const ARM = arch === 'arm64';

/** A package's name of this platform. */
const NODE_PLATFORM = `${platform === 'win32' ? 'win' : platform}-${arch}`;
const DENO_PLATFORM = `${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`;
const BUN_PLATFORM = `${platform === 'win32' ? 'windows' : platform}-${ARM ? 'aarch64' : arch}`;

/** Deno and Bun by minor version: what they have differs from one to the next, and the table of the docs names it. */
export const RUNTIMES = [
  // The oldest that we support; `require()` of ES modules came with 20.19.
  {
    name: 'Node 20.0.0',
    kind: 'node',
    package: `node-${NODE_PLATFORM}@20.0.0`,
    binary: 'bin/node',
    args: [],
    oldest: true,
  },
  ...[20, 22, 24, 26].map((major) => ({
    name: `Node ${major}`,
    kind: 'node',
    major,
    package: `node-${NODE_PLATFORM}@${major}`,
    binary: 'bin/node',
    args: [],
  })),
  {
    name: 'Deno 2.9',
    kind: 'deno',
    package: `@deno/${DENO_PLATFORM}@~2.9`,
    binary: 'deno',
    args: ['run', '-A', '--node-modules-dir=manual'],
  },
  {
    name: 'Bun 1.4',
    kind: 'bun',
    package: `@oven/bun-${BUN_PLATFORM}@~1.4`,
    binary: 'bin/bun',
    args: [],
  },
];

/** The path of the runtime's program; `undefined` where it cannot be installed. */
export function installed(runtime, cache) {
  const ours = Number(process.versions.node.split('.')[0]);
  if (runtime.major === ours) return process.execPath;
  const folder = join(cache, runtime.name.toLowerCase().replace(' ', ''));
  const program = join(folder, 'node_modules/runtime', runtime.binary);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const alias = `runtime@npm:${runtime.package}`;
  spawnSync('npm', ['install', '--no-save', '--no-package-lock', '--ignore-scripts', alias], {
    cwd: folder,
    stdio: 'inherit',
    timeout: INSTALL_LIMIT_MS,
  });
  const works = spawnSync(program, ['--version'], { timeout: 10_000 }).status === 0;
  return works ? program : undefined;
}
