/** npm runs this in a package's folder before packing it: the licences and the README are the repository's. */
import { copyFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);

for (const name of ['LICENSE-MIT', 'LICENSE-APACHE', 'README.md']) copyFileSync(new URL(name, root), name);
