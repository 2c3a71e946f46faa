/**
 * One side of an echo on any runtime, over the packed library: `npm run runtimes` copies it into the folder where that is installed.
 *
 *   peer.mjs lacks               what the runtime lacks, as JSON
 *   peer.mjs server OPTIONS      listens with these options and echoes; prints its port
 *   peer.mjs client TARGETS      connects to each of `{ port, options, message }` in turn; prints how each ended, as JSON
 *   peer.mjs refuse ROLE LIST    makes a context with each of these options; prints the error code of each
 *
 * Bytes in options are written as `{ "bytes": BASE64 }`.
 */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { connect, createSecureContext, listen } from 'datagram-tls';
import { nodeProvider } from 'datagram-tls/core';

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

const [command, ...args] = process.argv.slice(2);
const run = { lacks, server, client, refuse }[command];
await run(...args);

function lacks() {
  const { aead, group, hash, signature } = nodeProvider.capabilities;
  const answer = {
    aeads: AEADS.filter((name) => !aead(name)),
    groups: GROUPS.filter((name) => !group(name)),
    hashes: HASHES.filter((name) => !hash(name)),
    signatures: Object.keys(SIGNATURES).filter((name) => !signature(name, SIGNATURES[name])),
  };
  console.log(JSON.stringify(answer));
}

async function server(options) {
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

async function client(targets) {
  for (const { port, options, message } of read(targets)) {
    console.log(JSON.stringify(await outcome(port, options, message)));
  }
}

async function outcome(port, options, message) {
  try {
    const session = connect('127.0.0.1', port, {
      servername: 'localhost',
      handshakeTimeout: 10_000,
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
  const again = setInterval(() => session.send(message), 500);
  session.send(message);
  const late = setTimeout(() => resolve('nothing'), 8000);
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

function refuse(role, list) {
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
