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

/** Where `interop/peers.sh` builds libraries that the system has not, or has in another version. */
const INTEROP_BUILDS = fileURLToPath(new URL('../../.cache/interop/native/release/build/', import.meta.url));

interface Library {
  /** The folder of its build begins with this. */
  readonly folder: string;
  /** In that: its headers, and what is linked. */
  readonly include: string;
  readonly archives: readonly string[];
  readonly system: readonly string[];
}

/** By the name of the peer that `interop/peers.sh` builds. */
const LIBRARIES = {
  wolfssl: {
    folder: 'wolfssl-sys-',
    include: 'include',
    archives: ['lib/libwolfssl.a'],
    system: ['-lm', '-lpthread'],
  },
  mbedtls: {
    folder: 'mbedtls-sys-auto-',
    include: 'include',
    archives: ['lib/libmbedtls.a', 'lib/libmbedx509.a', 'lib/libmbedcrypto.a'],
    system: [],
  },
  boringssl: {
    folder: 'boring-sys-',
    include: 'boringssl/include',
    archives: ['build/libssl.a', 'build/libcrypto.a'],
    system: ['-lstdc++', '-lpthread'],
  },
} as const satisfies Record<string, Library>;

interface Program {
  readonly sources: readonly string[];
  /** Taken where it is built, and first. */
  readonly peer?: keyof typeof LIBRARIES;
  /** Libraries of the system; without any the program needs that of the peer. */
  readonly links?: readonly string[];
}

const OPENSSL = ['-lssl', '-lcrypto'];

/** The C programs: their sources, and the libraries to link. Those of DTLS 1.3 need a newer wolfSSL than Debian has. */
const PROGRAMS = {
  load: { sources: ['load.c', 'load-openssl.c'], links: OPENSSL },
  'load-13': { sources: ['load.c', 'load-wolfssl.c'], peer: 'wolfssl' },
  ciphers: { sources: ['ciphers.c'], links: ['-lcrypto'] },
  'openssl-echo': { sources: ['server.c', 'openssl-echo.c'], links: OPENSSL },
  'gnutls-echo': { sources: ['server.c', 'gnutls-echo.c'], links: ['-lgnutls'] },
  'mbedtls-echo': {
    sources: ['server.c', 'mbedtls-echo.c'],
    peer: 'mbedtls',
    links: ['-lmbedtls', '-lmbedx509', '-lmbedcrypto'],
  },
  'wolfssl-echo': { sources: ['server.c', 'wolfssl-echo.c'], peer: 'wolfssl', links: ['-lwolfssl'] },
  'wolfssl-echo-13': { sources: ['server.c', 'wolfssl-echo.c'], peer: 'wolfssl' },
  'boringssl-echo-13': { sources: ['server.c', 'boringssl-echo.c'], peer: 'boringssl' },
} as const satisfies Record<string, Program>;

/** A program that was built, or why there is none. */
export type NativeProgram = { readonly path: string } | { readonly missing: string };

/** Compiles a C program with `$CC` or `cc`; `bench/.cache` keeps the result. */
export function compileNative(name: keyof typeof PROGRAMS): NativeProgram {
  const { sources, peer, links }: Program = PROGRAMS[name];
  const built = peer === undefined ? undefined : builtLibrary(LIBRARIES[peer]);
  if (built !== undefined) return compile(name, sources, built.links, built.archives);
  const advice = `\`interop/peers.sh ${peer}\` builds its library`;
  if (links === undefined) return { missing: advice };
  const found = compile(name, sources, links);
  return 'path' in found || peer === undefined ? found : { missing: `${found.missing}; ${advice}` };
}

/** What to link, where it is built. */
function builtLibrary(
  library: Library,
): { links: readonly string[]; archives: readonly string[] } | undefined {
  if (!existsSync(INTEROP_BUILDS)) return undefined;
  const folders = readdirSync(INTEROP_BUILDS).filter((name) => name.startsWith(library.folder));
  const within = (folder: string, paths: readonly string[]) =>
    paths.map((path) => join(INTEROP_BUILDS, folder, 'out', path));
  const folder = folders.find((name) => within(name, library.archives).every((path) => existsSync(path)));
  if (folder === undefined) return undefined;
  const archives = within(folder, library.archives);
  return {
    archives,
    links: ['-isystem', ...within(folder, [library.include]), ...archives, ...library.system],
  };
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
