/**
 * Bundles programs over `datagram-tls/core` that speak one version of DTLS, and one that speaks both, and prints their sizes.
 * Fails where code of a version is in a bundle that does not speak it, or is missing where it does. Then it bundles a program
 * that is given its cryptography, and fails where that reaches a module of Node or does not shake hands. `npm run build` first.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../packages/datagram-tls/', import.meta.url));

/** What only the code of one version holds: labels of its key schedule, names of its messages, classes, steps. */
const MARKS = {
  dtls12: [
    'extended master secret',
    'key expansion',
    'ServerKeyExchange',
    'RecordWriter12',
    'onHelloDone',
    'prf12',
  ],
  dtls13: [
    'c hs traffic',
    'onEncryptedExtensions',
    'RecordWriter13',
    'encodeHelloRetryRequest13',
    'nextGeneration',
  ],
};

/** Modules and globals of Node in the text of a bundle. */
const OF_NODE = /["']node:[a-z]+["']|(?<![#.])\brequire\(|\bprocess\.\w+|\bBuffer\.\w+/g;

const failures = [];
const both = await sizeOf(['dtls13', 'dtls12']);
for (const version of Object.keys(MARKS)) {
  const alone = await sizeOf([version]);
  if (alone >= both) failures.push(`${version} alone is as large as both`);
}
await coreWithoutNode();
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;

async function sizeOf(versions) {
  const text = await bundle(versions, false);
  for (const [version, marks] of Object.entries(MARKS)) {
    const wanted = versions.includes(version);
    for (const mark of marks.filter((mark) => text.includes(mark) !== wanted))
      failures.push(`${versions.join(' and ')}: "${mark}" of ${version} is ${wanted ? 'missing' : 'there'}`);
  }
  const { length } = Buffer.from(await bundle(versions, true));
  console.log(`${(length / 1024).toFixed(1).padStart(7)} KiB minified  ${versions.join(' and ')}`);
  return length;
}

/** A client and a server without sockets. */
async function bundle(versions, minify) {
  const contents = `
    import { Connection, Endpoint, nodeProvider, resolveBehaviour, resolveLimits, resolveSecurity, TrustStore, ${versions} }
      from './dist/core.js';
    const platform = { provider: nodeProvider, versions: [${versions}], defaultTrust: () => new TrustStore([]) };
    const behaviour = resolveBehaviour({}, false);
    export const connect = (options, destination) =>
      Connection.create(resolveSecurity(options, 'client', platform), behaviour, destination);
    export const serve = (options) => {
      const endpoint = new Endpoint(resolveLimits({}));
      endpoint.serve({ security: resolveSecurity(options, 'server', platform), behaviour });
      return endpoint;
    };`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'node',
    minify,
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

/** Bundles examples/src/core-only.ts for a platform that has no modules, and runs it with a provider from outside. */
async function coreWithoutNode() {
  const { metafile, outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../examples/dist/core-only.js', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    external: ['node:*'],
    // A comment may name what the code does not use.
    minifyWhitespace: true,
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const [output] = Object.values(metafile.outputs);
  for (const { path } of output.imports) failures.push(`core with a provider: imports ${path}`);
  const { text } = outputFiles[0];
  for (const [name] of text.matchAll(OF_NODE)) failures.push(`core with a provider: holds ${name}`);
  const said = await runBundle(text);
  if (said.join() !== 'DTLSv1.3,hello') failures.push(`core with a provider: says ${said.join()}`);
  console.log(
    `${(output.bytes / 1024).toFixed(1).padStart(7)} KiB           core without Node, ${said.join(': ')}`,
  );
}

async function runBundle(text) {
  const folder = mkdtempSync(join(tmpdir(), 'datagram-tls-'));
  try {
    const file = join(folder, 'core-only.mjs');
    writeFileSync(file, text);
    const { echo } = await import(pathToFileURL(file).href);
    const { nodeProvider } = await import('datagram-tls/core');
    const fixture = (name) => readFileSync(join(root, 'test/support/fixtures', name), 'utf8');
    const identity = {
      ca: fixture('ca.pem'),
      cert: fixture('server-p256.pem'),
      key: fixture('server-p256.key'),
    };
    return echo(nodeProvider, identity, 'hello');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
