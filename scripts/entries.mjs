/** The one place that lists the entry points of a package is `exports` of its package.json: `./dist/NAME.js` is made from `src/NAME.ts`. */
import { readFileSync } from 'node:fs';

/** Their names, such as `index` and `core`. */
export function entriesOf(name) {
  const manifest = new URL(`../packages/${name}/package.json`, import.meta.url);
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8'));
  return Object.values(exports).flatMap((target) => /^\.\/dist\/(.+)\.js$/.exec(target)?.[1] ?? []);
}
