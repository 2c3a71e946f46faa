/**
 * One side of an echo on any runtime. A program that has the library in one way or another gives it to `run`:
 *
 *   supports NAMES        which of these suites, groups and signature schemes there are, as JSON
 *   lacks                 what the runtime lacks, as JSON
 *   server OPTIONS        listens with these options and echoes; prints its port
 *   client TARGETS        connects to each of `{ port, options, message }` in turn; prints how each ended, as JSON
 *   dgram                 an echo between two sockets of datagram-tls/dgram; prints what came back
 *   flows                 streams, loops, back-pressure and channels; prints what is wrong with each, as JSON
 *   refuse ROLE LIST      makes a context with each of these options; prints the error code of each
 *
 * Bytes in options are written as `{ "bytes": BASE64 }`.
 */
import { Buffer } from 'node:buffer';
import { Socket } from 'node:dgram';
import { once } from 'node:events';
import { flows } from './flows.mjs';

const AEADS = [
  'aes-128-gcm',
  'aes-256-gcm',
  'chacha20-poly1305',
  'aes-128-ccm',
  'aes-256-ccm',
  'aes-128-ccm-8',
  'aes-256-ccm-8',
];
const GROUPS = ['X25519MLKEM768', 'x25519', 'secp256r1', 'secp384r1', 'secp521r1'];
const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'];
const SIGNATURES = {
  ecdsa_secp256r1_sha256: 'p256',
  ecdsa_secp384r1_sha384: 'p384',
  ecdsa_secp521r1_sha512: 'p521',
  ed25519: 'ed25519',
  ed448: 'ed448',
  rsa_pss_rsae_sha256: 'rsa',
  rsa_pss_pss_sha256: 'rsa-pss',
  rsa_pkcs1_sha256: 'rsa',
};
const LATE_MS = 30_000;
const AGAIN_MS = 500;

/** `library` has the exports of `datagram-tls`, `datagram-tls/core` and `datagram-tls/dgram`. */
export async function run(library, [command, ...args]) {
  await { supports, lacks, server, client, dgram, flows, refuse }[command](library, ...args);
}

function supports({ createSecureContext }, names) {
  const has = (options) => {
    try {
      createSecureContext(options);
      return true;
    } catch (error) {
      if (!error.code?.startsWith('ERR_DTLS_UNSUPPORTED_')) throw error;
      return false;
    }
  };
  const { suites, groups, schemes } = read(names);
  const psk = { identity: 'sensor', key: Buffer.alloc(16, 1) };
  const answer = {
    suites: suites.filter((ciphers) => has(ciphers.includes('PSK') ? { ciphers, psk } : { ciphers })),
    groups: groups.filter((group) => has({ groups: group })),
    schemes: schemes.filter((sigalgs) => has({ sigalgs })),
  };
  console.log(JSON.stringify(answer));
}

function lacks({ nodeProvider }) {
  const { aead, group, hash, signature } = nodeProvider.capabilities;
  const answer = {
    aeads: AEADS.filter((name) => !aead(name)),
    groups: GROUPS.filter((name) => !group(name)),
    hashes: HASHES.filter((name) => !hash(name)),
    signatures: Object.keys(SIGNATURES).filter((name) => !signature(name, SIGNATURES[name])),
  };
  console.log(JSON.stringify(answer));
}

async function server({ listen }, options) {
  const endpoint = listen(
    (session) => {
      session.onmessage = (data) => session.send(data);
      session.onerror = () => undefined;
    },
    { host: '127.0.0.1', port: 0, ...read(options) },
  );
  const { port } = await endpoint.opened;
  console.log(port);
}

async function client({ connect }, targets) {
  for (const { port, options, message } of read(targets)) {
    console.log(JSON.stringify(await outcome(connect, port, options, message)));
  }
}

async function outcome(connect, port, options, message) {
  try {
    const session = connect('127.0.0.1', port, {
      servername: 'localhost',
      handshakeTimeout: 60_000,
      ...options,
    });
    session.onerror = () => undefined;
    await session.opened;
    const echoed = await echo(session, message);
    const { protocol, cipher, group } = session;
    await session.close();
    return { echoed, protocol, cipher: cipher.name, group };
  } catch (error) {
    return { code: error.code ?? String(error), alert: error.alert };
  }
}

async function echo(session, message) {
  const { promise, resolve } = withResolvers();
  session.onmessage = (data) => resolve(new TextDecoder().decode(data));
  const again = setInterval(() => session.send(message), AGAIN_MS);
  session.send(message);
  const late = setTimeout(() => resolve('nothing'), LATE_MS);
  const echoed = await promise;
  clearInterval(again);
  clearTimeout(late);
  return echoed;
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function dgram({ createSocket }) {
  const key = Buffer.alloc(16, 1);
  const server = createSocket({ type: 'udp4', dtls: { server: { psk: { sensor: key } } } });
  server.on('message', (message, { port, address }) => server.send(message, port, address));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createSocket({ type: 'udp4', dtls: { client: { psk: { identity: 'sensor', key } } } });
  const { port } = server.address();
  client.send('hello', port, '127.0.0.1');
  const again = setInterval(() => client.send('hello', port, '127.0.0.1'), AGAIN_MS);
  const [answer] = await once(client, 'message');
  clearInterval(again);
  console.log(client instanceof Socket ? String(answer) : 'no socket of dgram');
  client.close();
  server.close();
}

function refuse({ createSecureContext }, role, list) {
  for (const options of read(list)) {
    try {
      createSecureContext({ isServer: role === 'server', ...options });
      console.log('taken');
    } catch (error) {
      console.log(error.code);
    }
  }
}

function read(text) {
  return JSON.parse(text, (_, value) =>
    typeof value?.bytes === 'string' ? Buffer.from(value.bytes, 'base64') : value,
  );
}
