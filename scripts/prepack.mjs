/**
 * npm runs this in a package's folder before packing it: it builds `dist/`, and brings the licences and, unless the package has its
 * own, the README of the repository, whose relative links then lead to the repository.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const { name, homepage } = JSON.parse(readFileSync('package.json', 'utf8'));

// npm reads what a script prints as its own answer under --json.
const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
  cwd: fileURLToPath(root),
  stdio: ['ignore', 2, 2],
});
if (status !== 0) process.exit(1);
for (const licence of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(new URL(licence, root), licence);
if (name === 'datagram-tls')
  writeFileSync('README.md', withAbsoluteLinks(readFileSync(new URL('README.md', root), 'utf8')));

function withAbsoluteLinks(text) {
  const files = `${homepage.replace(/#.*/, '')}/blob/main/`;
  return text.replaceAll(/\]\((?![a-z]+:|#)([^)]+)\)/g, (_, path) => `](${files}${path})`);
}
