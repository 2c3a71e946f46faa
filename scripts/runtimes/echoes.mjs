/**
 * Echoes between our Node and another runtime, and between OpenSSL and it: both versions and roles, certificates and pre-shared keys,
 * and peers that offer only what the runtime lacks. The runtime has default options throughout.
 */
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const FIXTURES = fileURLToPath(
  new URL('../../packages/datagram-tls/test/support/fixtures/', import.meta.url),
);
const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'];
const CERTIFIED = { cert: fixture('server-p256.pem'), key: fixture('server-p256.key') };
const TRUST = { ca: fixture('ca.pem') };
const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const CLIENT_PSK = { psk: { identity: 'sensor', key: { bytes: KEY.toString('base64') } } };
const SERVER_PSK = { psk: { sensor: { bytes: KEY.toString('base64') } } };
/** Suites by their AEAD: one of each version with a certificate, one with a pre-shared key. */
const SUITES = {
  'aes-128-gcm': ['TLS_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'PSK-AES128-GCM-SHA256'],
  'aes-256-gcm': ['TLS_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'PSK-AES256-GCM-SHA384'],
  'chacha20-poly1305': [
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'PSK-CHACHA20-POLY1305',
  ],
  'aes-128-ccm': ['TLS_AES_128_CCM_SHA256', 'ECDHE-ECDSA-AES128-CCM', 'PSK-AES128-CCM'],
  'aes-256-ccm': ['ECDHE-ECDSA-AES256-CCM', 'PSK-AES256-CCM'],
  'aes-128-ccm-8': ['ECDHE-ECDSA-AES128-CCM8', 'PSK-AES128-CCM8'],
  'aes-256-ccm-8': ['ECDHE-ECDSA-AES256-CCM8', 'PSK-AES256-CCM8'],
};
const REFUSED = 'handshake_failure';
const OPENSSL_LIMIT_MS = 20_000;

/** All cases of one runtime. `start(...args)` runs peer.mjs on it, `library` is the packed one in this process. */
export async function runEchoes({ name, start, library, tally }) {
  const lacks = JSON.parse(await output(start('lacks')));
  console.log(`  lacks ${Object.values(lacks).flat().join(', ') || 'nothing'}`);
  const offers = offersOf(lacks);
  const run = { name, start, library, tally, lacks, offers };
  await serverCases(run);
  await clientCases(run);
  await configurationCases(run);
}

/** Offers of a peer that the runtime does not support. */
function offersOf({ aeads, groups }) {
  const suites = aeads.flatMap((aead) => SUITES[aead].map((ciphers) => [ciphers, { ciphers }]));
  const shares = groups.flatMap((group) =>
    VERSIONS.map((version) => [
      `${group} in ${version}`,
      { groups: group, minVersion: version, maxVersion: version },
    ]),
  );
  return [...suites, ...shares];
}

function keysFor(what) {
  return what.startsWith('PSK') ? 'psk' : 'certificate';
}

async function serverCases({ name, start, library, tally, offers }) {
  const server = start('server', JSON.stringify({ ...CERTIFIED, ...SERVER_PSK }));
  const port = Number(await firstLine(server));
  const open = library.connect('127.0.0.1', port, { ...TRUST, servername: 'localhost' });
  await open.opened.catch(() => undefined);
  for (const version of VERSIONS) {
    for (const by of ['certificate', 'psk']) {
      const options = { minVersion: version, maxVersion: version, ...ours('client', by) };
      const ended = await echoed(library, port, options);
      tally.check(
        `${name} serves ${version} by ${by}`,
        ended.text === 'hello' && ended.protocol === version,
        ended,
      );
    }
  }
  opensslClient({ name, tally, port, suite: undefined });
  for (const [what, options] of offers) {
    const ended = await echoed(library, port, { ...options, ...ours('client', keysFor(what)) });
    tally.check(`${name} as server refuses ${what} alone`, ended.alert === REFUSED, ended);
    if (what.startsWith('ECDHE')) opensslClient({ name, tally, port, suite: what });
  }
  const still = await messageOver(open, 'still open').catch(String);
  tally.check(`${name} as server keeps the session that was open`, still === 'still open', still);
  await open.close();
  server.kill();
}

/** The other side of the echo, on our Node. */
function ours(role, by) {
  const certificate = role === 'client' ? TRUST : CERTIFIED;
  const psk = role === 'client' ? CLIENT_PSK : SERVER_PSK;
  return revive(by === 'psk' ? psk : certificate);
}

async function clientCases({ name, start, library, tally, lacks, offers }) {
  const normal = VERSIONS.flatMap((version) =>
    ['certificate', 'psk'].map((by) => [
      `${version} by ${by}`,
      { minVersion: version, maxVersion: version },
      by,
    ]),
  );
  const alone = [
    ...offers.map(([what, options]) => [what, options, keysFor(what)]),
    ...keysThatItLacks(lacks),
  ];
  const last = [['a server after all those', {}, 'certificate']];
  const servers = [...normal, ...alone, ...last].map(([, options, by]) =>
    serve(library, { ...ours('server', by), ...options }),
  );
  const openssl = await opensslServer(offers.find(([what]) => what.startsWith('ECDHE'))?.[0]);
  const targets = [...normal, ...alone, ...last].map(([, , by], i) => ({
    port: servers[i].address.port,
    options: by === 'psk' ? CLIENT_PSK : by === 'raw' ? RAW_KEY_CLIENT : TRUST,
    message: 'hello',
  }));
  const all = [...targets, ...openssl.map(({ port }) => ({ port, options: TRUST, message: 'hello' }))];
  const child = start('client', JSON.stringify(all));
  const results = (await output(child))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line || '{}'));
  for (const [i, [what]] of normal.entries())
    tally.check(`${name} connects with ${what}`, results[i]?.echoed === 'hello', results[i]);
  for (const [i, [what]] of alone.entries()) {
    const result = results[normal.length + i];
    tally.check(
      `${name} as client is refused by a server with ${what} alone`,
      result?.alert === REFUSED,
      result,
    );
  }
  const end = normal.length + alone.length;
  tally.check(`${name} connects to ${last[0][0]}`, results[end]?.echoed === 'hello', results[end]);
  for (const [i, { what, refuses }] of openssl.entries()) {
    const result = results[end + 1 + i];
    tally.check(
      `${name} as client and ${what}`,
      refuses ? result?.alert === REFUSED : result?.echoed === 'hello',
      result,
    );
  }
  if (openssl.length === 0) tally.skip(`${name} as client and openssl s_server`, 'openssl is not installed');
  for (const { kill } of openssl) kill();
  for (const endpoint of servers) await endpoint.close();
}

const RAW_KEY_CLIENT = { peerCertificateTypes: ['RawPublicKey'], rejectUnauthorized: false };

/** Servers with only a key of a type that the runtime lacks. */
function keysThatItLacks({ signatures }) {
  if (!signatures.includes('ed448')) return [];
  const key = generateKeyPairSync('ed448').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const options = { cert: undefined, key, certificateTypes: ['RawPublicKey'] };
  return VERSIONS.map((version) => [
    `an Ed448 key in ${version}`,
    { ...options, minVersion: version, maxVersion: version },
    'raw',
  ]);
}

/** A context refuses the name of a missing primitive. */
async function configurationCases({ name, start, tally, lacks, offers }) {
  const named = [
    ...offers.map(([what, options]) => [
      what,
      { ...options, ...CLIENT_PSK },
      'groups' in options ? 'GROUP' : 'CIPHER',
    ]),
    ...lacks.signatures.map((sigalgs) => [sigalgs, { sigalgs }, 'SIGALG']),
  ];
  if (named.length === 0) return;
  const child = start('refuse', 'client', JSON.stringify(named.map(([, options]) => options)));
  const codes = (await output(child)).trim().split('\n');
  for (const [i, [what, , kind]] of named.entries())
    tally.check(`${name} refuses the option ${what}`, codes[i] === `ERR_DTLS_UNSUPPORTED_${kind}`, codes[i]);
}

function serve(library, options) {
  const onsession = (session) => {
    session.onmessage = (data) => session.send(data);
    session.onerror = () => undefined;
  };
  return library.listen(onsession, { host: '127.0.0.1', port: 0, ...options });
}

async function echoed(library, port, options) {
  const session = library.connect('127.0.0.1', port, {
    servername: 'localhost',
    handshakeTimeout: 10_000,
    ...options,
  });
  try {
    await session.opened;
    const text = await messageOver(session, 'hello');
    const { protocol } = session;
    await session.close();
    return { text, protocol };
  } catch (error) {
    return { code: error.code, alert: error.alert };
  }
}

/** The echo; a datagram that a busy machine loses is sent again. */
async function messageOver(session, text) {
  return await new Promise((resolve, reject) => {
    const again = setInterval(() => session.send(text), 500);
    const late = setTimeout(() => reject(new Error('no answer')), 8000);
    session.onmessage = (data) => {
      clearInterval(again);
      clearTimeout(late);
      resolve(new TextDecoder().decode(data));
    };
    session.send(text);
  });
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** DTLS 1.2 is what OpenSSL 3 has. */
function opensslClient({ name, tally, port, suite }) {
  const what =
    suite === undefined
      ? 'serves openssl s_client'
      : `as server refuses openssl s_client with ${suite} alone`;
  if (!hasOpenssl) return tally.skip(`${name} ${what}`, 'openssl is not installed');
  const args = ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-CAfile', `${FIXTURES}ca.pem`];
  if (suite !== undefined) args.push('-cipher', `${suite}:@SECLEVEL=0`);
  // Its input ends after the time for an answer.
  const script = `(echo hello; sleep 2) | openssl ${args.join(' ')}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    timeout: OPENSSL_LIMIT_MS,
  });
  const refused = /alert handshake failure/.test(stderr);
  tally.check(`${name} ${what}`, suite === undefined ? /^hello$/m.test(stdout) : refused, stderr);
}

/** With all suites, and with `suite` alone. It echoes. */
async function opensslServer(suite) {
  if (!hasOpenssl) return [];
  const choices = [
    [undefined, 'openssl s_server'],
    ...(suite === undefined ? [] : [[suite, `openssl s_server with ${suite} alone`]]),
  ];
  return await Promise.all(
    choices.map(async ([cipher, what]) => {
      const port = await freePort();
      const args = ['s_server', '-dtls1_2', '-quiet', '-accept', `127.0.0.1:${port}`];
      args.push('-cert', `${FIXTURES}server-p256.pem`, '-key', `${FIXTURES}server-p256.key`);
      if (cipher !== undefined) args.push('-cipher', `${cipher}:@SECLEVEL=0`);
      const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
      child.stdout.on('data', (data) => child.stdin.write(data));
      child.stdin.on('error', () => undefined);
      return { what, port, refuses: cipher !== undefined, kill: () => child.kill() };
    }),
  );
}

async function freePort() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function output(child) {
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return text;
}

async function firstLine({ stdout }) {
  const lines = createInterface(stdout);
  for await (const line of lines) return line;
  throw new Error('the peer said nothing');
}

function fixture(file) {
  return readFileSync(FIXTURES + file, 'utf8');
}

function revive(options) {
  return JSON.parse(JSON.stringify(options), (_, value) =>
    typeof value?.bytes === 'string' ? Buffer.from(value.bytes, 'base64') : value,
  );
}
