/**
 * A runtime without some primitive, and peers that offer nothing else: nobody gets a session, and the sessions of others live on. The
 * runtime has default options throughout.
 */
import { generateKeyPairSync } from 'node:crypto';
import { CERTIFIED, CLIENT_PSK, SERVER_PSK, TRUST } from './identities.mjs';
import { hasOpenssl, opensslClient, opensslServer } from './openssl.mjs';
import { echoed, firstLine, identity, MEETINGS, messageOver, output, results, serve } from './ours.mjs';

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
const RAW_KEY_CLIENT = { peerCertificateTypes: ['RawPublicKey'], rejectUnauthorized: false };

export async function runLacking({ name, start, library, tally }) {
  const lacks = JSON.parse(await output(start('lacks')));
  const run = { name, start, library, tally, lacks, offers: offersOf(lacks) };
  if (Object.values(lacks).flat().length === 0) return;
  await asServer(run);
  await asClient(run);
  await configurationCases(run);
}

/** Offers of a peer that the runtime does not support. */
function offersOf({ aeads, groups }) {
  const suites = aeads.flatMap((aead) => SUITES[aead].map((ciphers) => [ciphers, { ciphers }]));
  const shares = groups.flatMap((group) =>
    ['DTLSv1.2', 'DTLSv1.3'].map((version) => [
      `${group} in ${version}`,
      { groups: group, minVersion: version, maxVersion: version },
    ]),
  );
  return [...suites, ...shares];
}

function keysFor(what) {
  return what.startsWith('PSK') ? 'psk' : 'certificate';
}

async function asServer({ name, start, library, tally, offers }) {
  const server = start('server', JSON.stringify({ ...CERTIFIED, ...SERVER_PSK }));
  const port = Number(await firstLine(server));
  const open = library.connect('127.0.0.1', port, { ...TRUST, servername: 'localhost' });
  await open.opened.catch(() => undefined);
  for (const [what, options] of offers) {
    const ended = await echoed(library, port, { ...options, ...identity('client', keysFor(what)) });
    tally.check(`${name} as server refuses ${what} alone`, ended.alert === REFUSED, ended);
    if (what.startsWith('ECDHE')) await opensslIsRefused({ name, tally, port, suite: what });
  }
  const still = await messageOver(open, 'still open').catch(String);
  tally.check(`${name} as server keeps the session that was open`, still === 'still open', still);
  await open.close();
  server.kill();
}

async function opensslIsRefused({ name, tally, port, suite }) {
  const what = `${name} as server refuses openssl s_client with ${suite} alone`;
  if (!hasOpenssl) return tally.skip(what, 'openssl is not installed');
  const ended = await opensslClient(port, 'certificate', suite);
  tally.check(what, ended.refused, ended);
}

async function asClient({ name, start, library, tally, lacks, offers }) {
  const alone = [
    ...offers.map(([what, options]) => ({ what, options, by: keysFor(what) })),
    ...keysThatItLacks(lacks),
  ];
  const last = { ...MEETINGS[0], what: 'a server after all those', options: {} };
  const servers = [...alone, last].map(({ options, by }) =>
    serve(library, { ...identity('server', by), ...options }),
  );
  const suite = offers.find(([what]) => what.startsWith('ECDHE'))?.[0];
  const openssl = hasOpenssl && suite !== undefined ? [await opensslServer(suite)] : [];
  const targets = [...alone, last].map(({ by }, i) => ({
    port: servers[i].address.port,
    options: by === 'psk' ? CLIENT_PSK : by === 'raw' ? RAW_KEY_CLIENT : TRUST,
    message: 'hello',
  }));
  const all = [...targets, ...openssl.map(({ port }) => ({ port, options: TRUST, message: 'hello' }))];
  const ended = await results(start('client', JSON.stringify(all)));
  const whats = [
    ...alone.map(({ what }) => `a server with ${what} alone`),
    undefined,
    ...openssl.map(() => `openssl s_server with ${suite} alone`),
  ];
  for (const [i, what] of whats.entries())
    if (what === undefined)
      tally.check(`${name} connects to ${last.what}`, ended[i]?.echoed === 'hello', ended[i]);
    else tally.check(`${name} as client is refused by ${what}`, ended[i]?.alert === REFUSED, ended[i]);
  for (const { kill } of openssl) kill();
  for (const endpoint of servers) await endpoint.close();
}

/** Servers with only a key of a type that the runtime lacks. */
function keysThatItLacks({ signatures }) {
  if (!signatures.includes('ed448')) return [];
  const key = generateKeyPairSync('ed448').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const options = { cert: undefined, key, certificateTypes: ['RawPublicKey'] };
  return ['DTLSv1.2', 'DTLSv1.3'].map((version) => ({
    what: `an Ed448 key in ${version}`,
    options: { ...options, minVersion: version, maxVersion: version },
    by: 'raw',
  }));
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
  const child = start('refuse', 'client', JSON.stringify(named.map(([, options]) => options)));
  const codes = (await output(child)).trim().split('\n');
  for (const [i, [what, , kind]] of named.entries())
    tally.check(`${name} refuses the option ${what}`, codes[i] === `ERR_DTLS_UNSUPPORTED_${kind}`, codes[i]);
}
