/**
 * Bundles programs over `datagram-tls/core` that speak one version of DTLS, and one that speaks both, and prints their sizes.
 * Fails where code of a version is in a bundle that does not speak it, or is missing where it does. `npm run build` first.
 */
import { fileURLToPath } from 'node:url';
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

const failures = [];
const both = await sizeOf(['dtls13', 'dtls12']);
for (const version of Object.keys(MARKS)) {
  const alone = await sizeOf([version]);
  if (alone >= both) failures.push(`${version} alone is as large as both`);
}
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
