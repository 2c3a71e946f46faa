import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('../native/', import.meta.url));
const GO_SOURCES = fileURLToPath(new URL('../go/', import.meta.url));
const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const HEADERS = ['server.h', 'client.h'];
const FLAGS = ['-O2', '-Wall', '-Wextra'];
const INSTALL_LIMIT_MS = 120_000;

/** Where `interop/peers.sh wolfssl` builds a wolfSSL that has DTLS 1.3, which Debian's has not. */
const INTEROP_BUILDS = fileURLToPath(new URL('../../.cache/interop/native/release/build/', import.meta.url));

/** The C programs: their sources, and the libraries to link. */
const PROGRAMS = {
  load: { sources: ['load.c', 'load-openssl.c'], libraries: ['ssl', 'crypto'] },
  ciphers: { sources: ['ciphers.c'], libraries: ['crypto'] },
  'openssl-echo': { sources: ['server.c', 'openssl-echo.c'], libraries: ['ssl', 'crypto'] },
  'gnutls-echo': { sources: ['server.c', 'gnutls-echo.c'], libraries: ['gnutls'] },
  'mbedtls-echo': {
    sources: ['server.c', 'mbedtls-echo.c'],
    libraries: ['mbedtls', 'mbedx509', 'mbedcrypto'],
  },
  'wolfssl-echo': { sources: ['server.c', 'wolfssl-echo.c'], libraries: ['wolfssl'] },
} as const;

/** The same over the wolfSSL of `interop/peers.sh`. */
const MODERN_PROGRAMS = {
  load: ['load.c', 'load-wolfssl.c'],
  echo: ['server.c', 'wolfssl-echo.c'],
} as const;

/** A program that was built, or why there is none. */
export type NativeProgram = { readonly path: string } | { readonly missing: string };

/** Compiles a C program with `$CC` or `cc`; `bench/.cache` keeps the result. */
export function compileNative(name: keyof typeof PROGRAMS): NativeProgram {
  const { sources, libraries } = PROGRAMS[name];
  return compile(
    name,
    sources,
    libraries.map((library) => `-l${library}`),
  );
}

/** Compiles one of them for DTLS 1.3 over wolfSSL. */
export function compileModern(name: keyof typeof MODERN_PROGRAMS): NativeProgram {
  const folder = wolfsslFolder();
  if (folder === undefined)
    return { missing: 'run `interop/peers.sh wolfssl`, which builds wolfSSL with DTLS 1.3' };
  const links = ['-isystem', join(folder, 'include'), join(folder, 'lib/libwolfssl.a'), '-lm', '-lpthread'];
  return compile(`wolfssl-${name}-13`, MODERN_PROGRAMS[name], links, [join(folder, 'lib/libwolfssl.a')]);
}

function wolfsslFolder(): string | undefined {
  if (!existsSync(INTEROP_BUILDS)) return undefined;
  const folders = readdirSync(INTEROP_BUILDS).filter((name) => name.startsWith('wolfssl-sys-'));
  return folders
    .map((name) => join(INTEROP_BUILDS, name, 'out'))
    .find((folder) => existsSync(join(folder, 'lib/libwolfssl.a')));
}

/** A program from sources, compiled again when one of them or of `depends` has changed. */
function compile(
  name: string,
  sources: readonly string[],
  links: readonly string[],
  depends: readonly string[] = [],
): NativeProgram {
  const compiler = process.env['CC'] ?? 'cc';
  const files = sources.map((source) => join(SOURCES, source));
  const hashed = [...files, ...HEADERS.map((header) => join(SOURCES, header)), ...depends];
  return once(`${name}-${fingerprint(compiler, hashed)}`, (target) =>
    run(compiler, [...FLAGS, ...files, '-o', target, ...links], `no C compiler (${compiler})`),
  );
}

/** The Go program of `bench/go`. */
export function buildGo(): NativeProgram {
  const files = ['main.go', 'go.sum'].map((file) => join(GO_SOURCES, file));
  return once(`pion-echo-${fingerprint('go', files)}`, (target) =>
    run('go', ['build', '-o', target, '.'], 'no Go', GO_SOURCES),
  );
}

/** A package of npm, in a folder of its own; `path` is that of the package. */
export function installPackage(name: string, version: string): NativeProgram {
  const folder = join(CACHE, `${name}-${version}`);
  const path = join(folder, 'node_modules', name);
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const flags = ['--ignore-scripts', '--no-save', '--no-fund', '--no-audit', '--prefix', folder];
  const failure = run('npm', ['install', ...flags, `${name}@${version}`], 'no npm');
  return failure === undefined ? { path } : { missing: failure };
}

/** What is in the cache already is not built anew. */
function once(name: string, build: (target: string) => string | undefined): NativeProgram {
  const path = join(CACHE, name);
  if (existsSync(path)) return { path };
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const failure = build(unfinished);
  if (failure !== undefined) return { missing: failure };
  renameSync(unfinished, path);
  return { path };
}

function fingerprint(compiler: string, files: readonly string[]): string {
  const hash = createHash('sha256').update(compiler);
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/** Why it failed. */
function run(command: string, args: readonly string[], absent: string, cwd?: string): string | undefined {
  const { error, status, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: INSTALL_LIMIT_MS,
  });
  if (error !== undefined) return `${absent}: ${error.message}`;
  return status === 0 ? undefined : `${command} could not build it: ${firstError(stderr)}`;
}

function firstError(output: string): string {
  const lines = output.split('\n');
  return lines.find((line) => line.includes('error')) ?? lines[0] ?? '';
}
