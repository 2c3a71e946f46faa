/** The reference: a page for each export of each entry point, which typedoc writes from the doc comments. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../scripts/documents/markdown.mjs';

const KINDS = {
  functions: 'Functions',
  classes: 'Classes',
  interfaces: 'Interfaces',
  'type-aliases': 'Types',
  variables: 'Values',
};

/** The entry points of the package, by the name that a program imports. */
function entries() {
  const manifest = JSON.parse(readFileSync(join(root, 'packages/datagram-tls/package.json'), 'utf8'));
  return Object.keys(manifest.exports)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => ({
      name: `datagram-tls${name.slice(1)}`,
      short: name === '.' ? 'root' : name.slice(2),
      source: `packages/datagram-tls/src/${name === '.' ? 'index' : name.slice(2)}.ts`,
    }));
}

export function writeApi(site, folder) {
  const points = entries();
  for (const { short, name, source } of points) {
    const args = ['--out', join(folder, short), '--name', name, '--entryPoints', join(root, source)];
    const { status } = spawnSync(join(site, 'node_modules/.bin/typedoc'), args, {
      cwd: site,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) throw new Error(`typedoc failed for ${name}`);
  }
  const items = points.map(({ short, name }) => ({
    text: name,
    collapsed: true,
    items: [{ text: 'All exports', link: `/api/${short}/` }, ...groups(folder, short)],
  }));
  writeFileSync(join(folder, 'sidebar.json'), JSON.stringify(items));
  const list = points.map(({ short, name }) => `- [\`${name}\`](/api/${short}/)`);
  writeFileSync(
    join(folder, 'index.md'),
    `# API\n\nThe exports of each entry point, with an example for each.\n\n${list.join('\n')}\n`,
  );
}

function groups(folder, short) {
  return Object.entries(KINDS).flatMap(([kind, text]) => {
    const path = join(folder, short, kind);
    if (!existsSync(path)) return [];
    const items = readdirSync(path)
      .map((file) => file.replace(/\.md$/, ''))
      .sort()
      .map((name) => ({ text: name, link: `/api/${short}/${kind}/${name}` }));
    return [{ text, collapsed: true, items }];
  });
}
