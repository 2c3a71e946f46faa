import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const REPOSITORY = repository(dirname(fileURLToPath(import.meta.url)));

/** Data that the project did not make: what its licence lets us ship, and what a developer keeps beside the repository. */
const FOLDERS = [join(REPOSITORY, 'vectors'), join(REPOSITORY, '../shared/vectors')];

/** For a test's options: the reason to skip it when the file is not there. */
export function needs(...paths: string[]): { skip: string | false } {
  const missing = paths.find((path) => locate(path) === undefined);
  return { skip: missing === undefined ? false : `../shared/vectors/${missing} is not there` };
}

/** The file's bytes; a file that is kept compressed is given decompressed. */
export function readVector(path: string): Uint8Array {
  const file = locate(path);
  if (file === undefined) throw new Error(`no vectors at ${path}`);
  const bytes = readFileSync(file);
  return new Uint8Array(file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
}

/** The names of a folder's files, without the suffix of compression. */
export function listVectors(folder: string): string[] {
  const path = locate(folder);
  return path === undefined ? [] : readdirSync(path).map((name) => name.replace(/\.gz$/, ''));
}

function locate(path: string): string | undefined {
  return FOLDERS.flatMap((folder) => [join(folder, path), join(folder, `${path}.gz`)]).find((file) =>
    existsSync(file),
  );
}

/** The nearest folder above that declares workspaces. */
function repository(folder: string): string {
  const manifest = join(folder, 'package.json');
  if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"workspaces"')) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('these tests run inside of the repository only');
  return repository(parent);
}
