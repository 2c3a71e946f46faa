/** The packages as npm would publish them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MS = 120_000;

/** Packs both into a folder: `{ library, command }`, each with the `path` of its tarball and the `files` in it. */
export function packAll(folder) {
  const [library, command] = ['datagram-tls', 'cli'].map((name) => {
    const args = ['pack', '--json', '--loglevel=error', '--pack-destination', folder];
    const { status, stdout } = spawnSync('npm', args, {
      cwd: join(root, 'packages', name),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: LIMIT_MS,
    });
    if (status !== 0) throw new Error(`npm pack of ${name} ended with ${status}`);
    const [{ filename, files }] = JSON.parse(stdout);
    return { path: join(folder, filename), files: files.map(({ path }) => path) };
  });
  return { library, command };
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
