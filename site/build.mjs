/**
 * The site of the documents.
 *
 *   npm run docs          builds it: site/dist, static pages for any web server
 *   npm run docs:dev      serves it, and follows changes of the Markdown
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/documents/markdown.mjs';
import { writeApi } from './api.mjs';
import { writePages } from './pages.mjs';

const site = fileURLToPath(new URL('.', import.meta.url));
const folder = join(site, '.pages');

install();
rmSync(folder, { recursive: true, force: true });
writePages(folder);
writeApi(site, join(folder, 'api'));
if (process.argv.includes('--dev')) {
  watch(join(root, 'docs'), { recursive: true }, () => writePages(folder));
  run('vitepress', 'dev');
} else run('vitepress', 'build');

/** The packages of the site are many, and nothing else needs them: they are installed when the site is first built. */
function install() {
  const lock = join(site, 'package-lock.json');
  const installed = join(site, 'node_modules/.installed-lock');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === readFileSync(lock, 'utf8')) return;
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit'], {
    cwd: site,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
  writeFileSync(installed, readFileSync(lock));
}

function run(name, ...args) {
  const { status } = spawnSync(join(site, 'node_modules/.bin', name), args, { cwd: site, stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
