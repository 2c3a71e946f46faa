/**
 * Echoes with ChaCha20-Poly1305 of libsodium, which some runtimes do not have themselves: prints a line of JSON for each version. Runs
 * where the packed packages and libsodium are installed.
 */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { connect, listen } from 'datagram-tls';
import { createSodium } from 'datagram-tls/libsodium';

const AGAIN_MS = 500;
const SUITES = ['PSK-CHACHA20-POLY1305', 'TLS_CHACHA20_POLY1305_SHA256'];

const key = Buffer.alloc(16, 1);
const cryptoProvider = await createSodium();
for (const ciphers of SUITES) {
  const endpoint = listen((session) => (session.onmessage = (data) => session.send(data)), {
    ...{ host: '127.0.0.1', port: 0, psk: { sensor: key }, ciphers, cryptoProvider },
  });
  const { port } = await endpoint.opened;
  const psk = { identity: 'sensor', key };
  const session = connect('127.0.0.1', port, { psk, ciphers, cryptoProvider, handshakeTimeout: 60_000 });
  await session.opened;
  const again = setInterval(() => session.send('hello'), AGAIN_MS);
  const data = await new Promise((resolve) => {
    session.onmessage = resolve;
    session.send('hello');
  });
  clearInterval(again);
  const { protocol, cipher } = session;
  console.log(JSON.stringify([protocol, cipher.name, Buffer.from(data).toString()]));
  await session.close();
  await endpoint.close();
}
process.exit();
