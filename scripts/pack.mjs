/** The packages as npm would publish them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePackages } from './native/packages.mjs';
import { hostTarget } from './native/targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MS = 120_000;

/**
 * Packs all into a folder: `{ library, command, native }`, each with the `path` of its tarball and the `files` in it. `native`:
 * the loader last, and before it the platforms that were built.
 */
export function packAll(folder) {
  const [library, command] = ['datagram-tls', 'cli'].map((name) =>
    pack(join(root, 'packages', name), folder),
  );
  const native = makePackages(join(folder, 'native')).map((path) => ({
    ...pack(path, folder),
    folder: path,
  }));
  return { library, command, native };
}

function pack(cwd, folder) {
  const args = ['pack', '--json', '--loglevel=error', '--pack-destination', folder];
  const { status, stdout } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
  });
  if (status !== 0) throw new Error(`npm pack of ${cwd} ended with ${status}`);
  const [{ filename, files }] = JSON.parse(stdout);
  return { path: join(folder, filename), files: files.map(({ path }) => path) };
}

/** The tarballs of the native part that can be installed here. */
export function nativeOfHost(native) {
  const loader = native.at(-1);
  const fits = ({ folder }) => hostTarget !== undefined && folder.endsWith(`native-${hostTarget.name}`);
  return [...native.filter(fits), loader].map(({ path }) => path);
}

/** Installs packages, or tarballs, into a folder that has nothing else. */
export function installInto(folder, ...what) {
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--ignore-scripts',
    '--loglevel=error',
  ];
  const { status } = spawnSync('npm', [...args, ...what], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: LIMIT_MS,
  });
  if (status !== 0) throw new Error(`npm install ${what.join(' ')} ended with ${status}`);
}
