/**
 * What is published of packages/native: one package for each platform, which has its binary, and `datagram-tls-native`,
 * which loads the one that npm has installed. In the repository they do not exist: npm refuses to install packages of
 * other platforms, and they would be in its lock file.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { targets } from './targets.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const native = join(root, 'packages/native');
const build = join(native, 'build');
const PAPERS = ['LICENSE-APACHE', 'LICENSE-MIT'];

/**
 * Makes a folder for each package in `folder`, and returns their paths, that of `datagram-tls-native` last. Platforms that
 * were not built are left out.
 */
export function makePackages(folder) {
  rmSync(folder, { recursive: true, force: true });
  const built = targets.filter(({ name }) => existsSync(join(build, `${name}.node`)));
  return [...built.map((target) => makeOne(folder, target)), makeLoader(folder, built)];
}

function makeOne(folder, { name, os, cpu, libc }) {
  const file = 'datagram-tls.node';
  const manifest = {
    ...common(`datagram-tls-native-${name}`),
    description: `The binary of datagram-tls-native for ${name}`,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    main: file,
    files: [file, ...PAPERS],
  };
  const path = write(folder, manifest);
  copyFileSync(join(build, `${name}.node`), join(path, file));
  writeFileSync(
    join(path, 'README.md'),
    `# ${manifest.name}\n\nThe binary of [datagram-tls-native](https://www.npmjs.com/package/datagram-tls-native) for ${name}.\n`,
  );
  return path;
}

function makeLoader(folder, built) {
  const manifest = manifestOf();
  const { version } = manifest;
  const optionalDependencies = Object.fromEntries(
    built.map(({ name }) => [`datagram-tls-native-${name}`, version]),
  );
  const path = write(folder, { ...manifest, private: undefined, optionalDependencies });
  for (const file of ['index.js', 'README.md']) copyFileSync(join(native, file), join(path, file));
  return path;
}

function manifestOf() {
  return JSON.parse(readFileSync(join(native, 'package.json'), 'utf8'));
}

/** What all of them say alike. */
function common(name) {
  const { version, homepage, bugs, repository, license, author, keywords, engines } = manifestOf();
  return { name, version, keywords, homepage, bugs, repository, license, author, engines };
}

function write(folder, manifest) {
  const path = join(folder, manifest.name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const paper of PAPERS) copyFileSync(join(root, paper), join(path, paper));
  return path;
}
