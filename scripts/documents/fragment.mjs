/**
 * Runs one block of a document, in the folder of its page: `node given.mjs BLOCK.mjs`. The names of given.d.ts have
 * values, a server answers where the block connects to, and a client visits each port where the block listens.
 * The exit code is 0 when the block ran to its end, and each of its sessions opened.
 */
import { createPrivateKey, sign } from 'node:crypto';
import dns from 'node:dns';
import { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';
import { connect, listen } from 'datagram-tls';

const HOST = '127.0.0.1';
/** Where b.example is, so that two names are two peers. */
const OTHER_HOST = '127.0.0.2';
/** A server that the block talks to closes after this long, so that a loop over messages ends. */
const PATIENCE_MS = 300;

const [file] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const pem = (name) => readFileSync(name, 'utf8');
const cert = existsSync('cert.pem') ? pem('cert.pem') : undefined;
const key = existsSync('key.pem') ? pem('key.pem') : undefined;
const secret = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const psk = { identity: 'sensor-1', key: secret };
const context = 'sensor-1 to hub';

const listensAt = /\blisten\(/.test(text) ? ports(/\bport: (\d+)/g) : [];
const connectsTo = ports(/\bconnect\(\s*(?:'[^']*'|\w+), (\d+)/g).filter((port) => !listensAt.includes(port));

resolveExamples();
const opened = new Map();
for (const port of new Set(connectsTo)) {
  if (text.includes('b.example')) await serve(port, OTHER_HOST);
  await serve(port);
}
Object.assign(globalThis, await givenNames());
const done = import(pathToFileURL(file).href);
// A loop over the sessions of an endpoint has no end.
if (!/for await \(.* of (endpoint|listen)\b/.test(text)) await done;
for (const port of new Set(listensAt)) await visit(port);
for (const port of connectsTo) await opened.get(port)(connectsTo.filter((other) => other === port).length);
// What a callback of the block throws now is an uncaught exception, and the exit code is not 0.
await new Promise((resolve) => setTimeout(resolve, 20));
process.exit(0);

function ports(pattern) {
  return [...text.matchAll(pattern)].map(([, port]) => Number(port)).filter((port) => port > 1023);
}

/** The names that are reserved for documents are hosts on loopback. */
function resolveExamples() {
  const { lookup } = dns;
  const { lookup: promised } = dns.promises;
  const addressOf = (name) => (name === 'b.example' ? OTHER_HOST : HOST);
  const isExample = (name) => /(^|\.)example(\.net)?$/.test(name);
  const answer = (name, options) => {
    const found = { address: addressOf(name), family: 4 };
    return options.all ? [found] : found;
  };
  dns.lookup = (name, options, callback = options) => {
    if (!isExample(name)) return lookup(name, options, callback);
    const found = answer(name, options);
    setImmediate(() => (options.all ? callback(null, found) : callback(null, found.address, found.family)));
  };
  dns.promises.lookup = async (name, options = {}) =>
    isExample(name) ? answer(name, options) : promised(name, options);
  syncBuiltinESMExports();
}

async function givenNames() {
  const names = {
    cert,
    key,
    ca: cert,
    secret,
    stateKey: Buffer.alloc(32, 7),
    certA: cert,
    keyA: key,
    clientsOfA: cert,
    certB: cert,
    keyB: key,
    clientsOfB: cert,
    onsession: echo,
    findKey: async (identity) => (identity === psk.identity ? secret : undefined),
    isKnown: async () => true,
    isIdempotent: () => true,
    answerTo: (data) => `answer to ${data}`,
    hsm: {
      sign: async (_scheme, data) => sign('sha256', data, { key: createPrivateKey(key), dsaEncoding: 'der' }),
    },
  };
  if (uses('saved')) names.saved = await savedSession();
  if (uses('endpoint')) names.endpoint = await serve(0);
  if (uses('session')) {
    names.session = connect(HOST, (await serve(0)).address.port, { ca: cert });
    await names.session.opened;
  }
  return names;
}

/** Whether the block uses a name that it does not declare. */
function uses(name) {
  const declared = new RegExp(
    `\\b(const|let|import \\{[^}]*|function \\w+\\([^)]*|\\() ?${name}\\b|\\b${name} =>`,
  );
  return new RegExp(`(?<![.'])\\b${name}\\b(?!['])`).test(text) && !declared.test(text);
}

function echo(session) {
  session.onmessage = (data) => void session.send(data);
  session.onerror = (error) => console.error(error);
}

async function serve(port, host = HOST) {
  let count = 0;
  let told = () => {};
  opened.set(port, async (expected) => {
    while (count < expected) await new Promise((resolve) => (told = resolve));
  });
  const endpoint = listen(
    (session) => {
      session.onmessage = (data) => void session.send(data);
      session.onerror = () => {};
      session.opened.then(
        () => {
          count += 1;
          told();
          session.send('hello');
          setTimeout(() => void session.close(), PATIENCE_MS);
        },
        () => {},
      );
    },
    {
      host,
      port,
      cert,
      key,
      ca: cert,
      requestCert: true,
      rejectUnauthorized: false,
      certificateTypes: ['X509', 'RawPublicKey'],
      peerCertificateTypes: ['X509', 'RawPublicKey'],
      maxEarlyData: 1000,
      connectionId: true,
      onearlydata: (data, session) => void session.send(data),
      psk: { 'sensor-1': text.includes('import:') ? { key: secret, import: { context } } : secret },
    },
  );
  await endpoint.opened;
  return endpoint;
}

/** A client with a certificate and a key, for a block that listens: the handshake has to be done by both. */
async function visit(port) {
  const imported = text.includes('import:') ? { import: { context } } : {};
  const session = connect(HOST, port, {
    ca: cert,
    cert,
    key,
    ...(text.includes('psk') ? { psk: { ...psk, ...imported } } : {}),
    ...(text.includes('sni') ? { servername: 'localhost' } : {}),
  });
  try {
    await session.opened;
  } catch (error) {
    if (error.code === 'ERR_DTLS_UNREACHABLE') return visit(port); // The block does not listen yet.
    throw error;
  }
  session.send('hello');
  await session.close();
}

/** What a client keeps of a session, from a server that the block itself may take the place of. */
async function savedSession() {
  const endpoint = await serve(0);
  const session = connect(HOST, endpoint.address.port, { ca: cert });
  const saved = new Promise((resolve) => (session.onsession = resolve));
  await session.opened;
  const state = await saved;
  await endpoint.close();
  return state;
}
