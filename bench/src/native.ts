import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('../native/', import.meta.url));
const GO_SOURCES = fileURLToPath(new URL('../go/', import.meta.url));
const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const FLAGS = ['-O2', '-Wall', '-Wextra'];
const INSTALL_LIMIT_MS = 120_000;

/** The C programs: their sources, and the libraries to link. */
const PROGRAMS = {
  load: { sources: ['load.c'], libraries: ['ssl', 'crypto'] },
  'openssl-echo': { sources: ['server.c', 'openssl-echo.c'], libraries: ['ssl', 'crypto'] },
  'gnutls-echo': { sources: ['server.c', 'gnutls-echo.c'], libraries: ['gnutls'] },
  'mbedtls-echo': {
    sources: ['server.c', 'mbedtls-echo.c'],
    libraries: ['mbedtls', 'mbedx509', 'mbedcrypto'],
  },
  'wolfssl-echo': { sources: ['server.c', 'wolfssl-echo.c'], libraries: ['wolfssl'] },
} as const;

/** A program that was built, or why there is none. */
export type NativeProgram = { readonly path: string } | { readonly missing: string };

/** Compiles a C program with `$CC` or `cc`; `bench/.cache` keeps the result. */
export function compileNative(name: keyof typeof PROGRAMS): NativeProgram {
  const { sources, libraries } = PROGRAMS[name];
  const compiler = process.env['CC'] ?? 'cc';
  const files = sources.map((source) => join(SOURCES, source));
  const hashed = [...files, join(SOURCES, 'server.h')];
  const links = libraries.map((library) => `-l${library}`);
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
