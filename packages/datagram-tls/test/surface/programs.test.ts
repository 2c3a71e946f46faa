// Programs written for node:dtls run when the specifier of their import is replaced.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { CA, CLIENTS, SERVERS } from '../support/identities.js';

const run = promisify(execFile);
const OURS = new URL('../../src/index.js', import.meta.url).href;

/** Each prints what it has to. */
const PROGRAMS: readonly (readonly [name: string, output: string, program: string])[] = [
  [
    'an echo over certificates',
    'open DTLSv1.3 true\nback: ping',
    `
import { connect, listen } from 'node:dtls';
import { readFileSync } from 'node:fs';
const server = listen((peer) => {
  peer.onmessage = (text) => peer.send('back: ' + text);
  peer.onerror = (error) => console.error(error);
}, { cert: readFileSync('server.pem'), key: readFileSync('server.key'), port: 0, host: '127.0.0.1' });
const client = connect('127.0.0.1', server.address.port, { ca: [readFileSync('ca.pem')], servername: 'localhost' });
const { protocol } = await client.opened;
console.log('open', protocol, client.authorized);
client.send('ping');
console.log(await new Promise((resolve) => { client.onmessage = (data) => resolve(data.toString()); }));
await client.close();
await server.close();
`,
  ],
  [
    'pre-shared keys, by a map and by functions',
    'map lamp\nfunction lamp',
    `
import dtls from 'node:dtls';
const key = Buffer.from('0123456789abcdef');
for (const [name, stored, own] of [
  ['map', { lamp: key }, { identity: 'lamp', key }],
  ['function', (identity) => (identity === 'lamp' ? key : undefined), () => ({ identity: 'lamp', key })],
]) {
  const server = dtls.listen(() => {}, { port: 0, host: '127.0.0.1', psk: stored });
  const client = dtls.connect('127.0.0.1', server.address.port, { psk: own });
  await client.opened;
  console.log(name, client.authorized && 'lamp');
  await client.close();
  await server.close();
}
`,
  ],
  [
    'one context for many connections, and names on one port',
    'localhost true false\nsecond true false\nrefused',
    `
import { connect, createSecureContext, listen } from 'node:dtls';
import { readFileSync } from 'node:fs';
const cert = readFileSync('server.pem'), key = readFileSync('server.key'), ca = readFileSync('ca.pem');
const context = createSecureContext({ ca, rejectUnauthorized: false });
const server = listen(() => {}, {
  port: 0, host: '127.0.0.1', cert, key,
  sni: { localhost: { cert, key }, second: createSecureContext({ cert, key, isServer: true }) },
});
for (const servername of ['localhost', 'second']) {
  const client = connect('127.0.0.1', server.address.port, { secureContext: context, servername });
  await client.opened;
  console.log(client.servername, context.isServer === false, client.reused);
  await client.close();
}
const refused = connect('127.0.0.1', server.address.port, { secureContext: context, servername: 'third' });
await refused.opened.catch(() => console.log('refused'));
await server.close();
`,
  ],
  [
    'a session that is resumed, and bound to its host',
    'true\nERR_INVALID_ARG_VALUE',
    `
import { connect, listen } from 'node:dtls';
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
const ca = readFileSync('ca.pem');
const server = listen(() => {}, {
  port: 0, host: '127.0.0.1', cert: readFileSync('server.pem'), key: readFileSync('server.key'), ticketKeys: randomBytes(80),
});
const { port } = server.address;
const first = connect('127.0.0.1', port, { ca, servername: 'localhost' });
await first.opened;
while (first.session === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
const session = first.session;
await first.close();
const second = connect('127.0.0.1', port, { ca, servername: 'localhost', session });
await second.opened;
console.log(second.reused);
await second.close();
try {
  connect('127.0.0.1', port, { ca, servername: 'other.example', session });
} catch (error) {
  console.log(error.code);
}
await server.close();
`,
  ],
  [
    'keys for SRTP, a certificate of the client, and a policy of the application',
    'SRTP_AEAD_AES_128_GCM true\nHOSTNAME_MISMATCH',
    `
import { connect, listen } from 'node:dtls';
import { readFileSync } from 'node:fs';
const ca = readFileSync('ca.pem');
const keys = Promise.withResolvers?.() ?? (() => { const d = {}; d.promise = new Promise((r) => { d.resolve = r; }); return d; })();
const server = listen((peer) => {
  peer.onhandshake = () => keys.resolve(peer.authorized && peer.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp'));
}, {
  port: 0, host: '127.0.0.1', cert: readFileSync('server.pem'), key: readFileSync('server.key'),
  ca, requestCert: true, srtp: 'SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM',
});
const options = { ca, cert: readFileSync('client.pem'), key: readFileSync('client.key') };
const client = connect('127.0.0.1', server.address.port, { ...options, servername: 'localhost', srtp: 'SRTP_AEAD_AES_128_GCM' });
await client.opened;
const own = client.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp');
console.log(client.srtpProfile, own.equals(await keys.promise));
await client.close();
const judged = connect('127.0.0.1', server.address.port, { ...options, servername: 'other.example', rejectUnauthorized: false });
await judged.opened;
console.log(judged.authorized || judged.authorizationError);
await judged.close();
await server.close();
`,
  ],
];

suite('a program for node:dtls runs here with the specifier of its import replaced', () => {
  for (const [name, output, program] of PROGRAMS) {
    test(name, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'dtls-program-'));
      t.after(() => rm(folder, { recursive: true }));
      const files = {
        'program.mjs': program.replaceAll("'node:dtls'", `'${OURS}'`),
        'server.pem': SERVERS.p256.cert,
        'server.key': SERVERS.p256.key,
        'client.pem': CLIENTS.p256.cert,
        'client.key': CLIENTS.p256.key,
        'ca.pem': CA,
      };
      for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
      const { stdout, stderr } = await run(process.execPath, ['program.mjs'], {
        cwd: folder,
        timeout: 60_000,
      });
      assert.equal(stderr, '');
      assert.equal(stdout.trim(), output);
    });
  }
});
