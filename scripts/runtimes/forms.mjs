/** The ways in which a program has the library, each in a folder of its own that has nothing else. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build } from 'esbuild';
import { rollup } from 'rollup';
import { installInto, nativeOfHost, packAll } from '../pack.mjs';

const IMPORT = `import * as library from 'datagram-tls';
import * as core from 'datagram-tls/core';
import * as dgram from 'datagram-tls/dgram';
import process from 'node:process';
import { run } from './peer.mjs';

await run({ ...library, ...core, ...dgram }, process.argv.slice(2));
`;
const REQUIRE = `const library = require('datagram-tls');
const core = require('datagram-tls/core');
const dgram = require('datagram-tls/dgram');

import('./peer.mjs').then(({ run }) => run({ ...library, ...core, ...dgram }, process.argv.slice(2)));
`;

/** The optional peer is of the version that the tests have. */
const { devDependencies } = JSON.parse(
  readFileSync(new URL('../../packages/datagram-tls/package.json', import.meta.url), 'utf8'),
);

/**
 * `{ packed, installed, forms }`: what `packAll` made, the folder where both packages are installed, and `{ name, cwd, file }` of each
 * form.
 */
export async function makeForms(folder) {
  const installed = join(folder, 'installed');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), '{ "private": true, "type": "module" }\n');
  const packed = packAll(folder);
  const { library, command, native } = packed;
  installInto(
    installed,
    library.path,
    command.path,
    ...nativeOfHost(native),
    `libsodium@${devDependencies.libsodium}`,
  );
  for (const file of ['peer.mjs', 'flows.mjs', 'sodium.mjs'])
    copyFileSync(new URL(file, import.meta.url), join(installed, file));
  writeFileSync(join(installed, 'import.mjs'), IMPORT);
  writeFileSync(join(installed, 'require.cjs'), REQUIRE);
  const bundled = join(folder, 'bundled');
  mkdirSync(bundled);
  await byEsbuild(installed, join(bundled, 'esbuild.cjs'));
  await byRollup(installed, join(bundled, 'rollup.mjs'));
  return {
    packed,
    installed,
    forms: [
      { name: 'import', cwd: installed, file: 'import.mjs' },
      { name: 'require', cwd: installed, file: 'require.cjs' },
      { name: 'bundled by esbuild', cwd: bundled, file: 'esbuild.cjs' },
      { name: 'bundled by rollup', cwd: bundled, file: 'rollup.mjs' },
    ],
  };
}

/** In CommonJS, which needs no `require()` of ES modules at run time. */
async function byEsbuild(installed, outfile) {
  const contents = IMPORT.replace('await run', 'void run');
  await build({
    stdin: { contents, resolveDir: installed },
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
}

async function byRollup(installed, file) {
  const bundle = await rollup({
    input: join(installed, 'import.mjs'),
    external: [/^node:/],
    plugins: [nodeResolve()],
  });
  await bundle.write({ file, format: 'es' });
  await bundle.close();
}

export function removeForms(folder) {
  rmSync(folder, { recursive: true, force: true });
}
