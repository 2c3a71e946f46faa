import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('../native/', import.meta.url));
const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const FLAGS = ['-O2', '-Wall', '-Wextra'];
const LIBRARIES = ['-lssl', '-lcrypto'];

/** A compiled program, or why there is none. */
export type NativeProgram = { readonly path: string } | { readonly missing: string };

/** Compiles `native/<name>.c` against OpenSSL with `$CC` or `cc`; `bench/.cache` keeps the result. */
export function compileNative(name: string): NativeProgram {
  const source = join(SOURCES, `${name}.c`);
  const compiler = process.env['CC'] ?? 'cc';
  const target = join(CACHE, `${name}-${fingerprint(compiler, source)}`);
  if (existsSync(target)) return { path: target };
  mkdirSync(CACHE, { recursive: true });
  return runCompiler(compiler, source, target);
}

function fingerprint(compiler: string, source: string): string {
  return createHash('sha256').update(compiler).update(readFileSync(source)).digest('hex').slice(0, 16);
}

function runCompiler(compiler: string, source: string, target: string): NativeProgram {
  const unfinished = `${target}.${process.pid}`;
  const run = spawnSync(compiler, [...FLAGS, source, '-o', unfinished, ...LIBRARIES], { encoding: 'utf8' });
  if (run.error !== undefined) return { missing: `no C compiler (${compiler}: ${run.error.message})` };
  if (run.status !== 0) {
    return { missing: `${compiler} could not compile it: ${firstError(run.stderr)}` };
  }
  renameSync(unfinished, target);
  return { path: target };
}

function firstError(output: string): string {
  const lines = output.split('\n');
  return lines.find((line) => line.includes('error')) ?? lines[0] ?? '';
}
