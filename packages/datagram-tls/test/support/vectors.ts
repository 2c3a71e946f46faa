import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Data that the project did not make lies beside the repository and may be absent. */
const VECTORS = join(repository(dirname(fileURLToPath(import.meta.url))), '../shared/vectors');

/** For a test's options: the reason to skip it when the file is not there. */
export function needs(...paths: string[]): { skip: string | false } {
  const missing = paths.find((path) => !existsSync(join(VECTORS, path)));
  return { skip: missing === undefined ? false : `../shared/vectors/${missing} is not there` };
}

export function readVector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(VECTORS, path)));
}

export function listVectors(folder: string): string[] {
  return readdirSync(join(VECTORS, folder));
}

/** The nearest folder above that declares workspaces. */
function repository(folder: string): string {
  const manifest = join(folder, 'package.json');
  if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"workspaces"')) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('these tests run inside of the repository only');
  return repository(parent);
}
