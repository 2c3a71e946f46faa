/** Our server: `--cert FILE --key FILE [--client-ca FILE]` or `--psk HEX`, `--resumable`, `--libsodium`, `--native`, `--early`, `--traffic echo|sink|source`, `--awake` and `--suite IANA_NAME`: an echo over the library with no cap on associations. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type DTLSSession, type ListenOptions, listen } from 'datagram-tls';
import { createSodium } from 'datagram-tls/libsodium';
import { serveControl } from './control.js';
import { onTraffic } from './traffic.js';

/** Of one client. */
const EARLY_BYTES = 4096;
/** With `--awake`: longer than any measurement. New sessions rest as soon as with the default. */
const LONG_MS = 3_600_000;

const { values } = parseArgs({
  options: {
    cert: { type: 'string' },
    key: { type: 'string' },
    'client-ca': { type: 'string' },
    psk: { type: 'string' },
    resumable: { type: 'boolean', default: false },
    libsodium: { type: 'boolean', default: false },
    native: { type: 'boolean', default: false },
    early: { type: 'boolean', default: false },
    traffic: { type: 'string', default: 'echo' },
    awake: { type: 'boolean', default: false },
    suite: { type: 'string', default: '' },
  },
});

const endpoint = listen(
  (session) => {
    session.onmessage = (message) => answer(session, message);
  },
  {
    host: '127.0.0.1',
    port: 0,
    ...identity(),
    ciphers: [values.suite],
    mtu: 1400,
    maxSessions: 0,
    maxSessionsPerHost: 0,
    acceleration: values.native ? 'auto' : 'off',
    ...(values.awake ? { hibernateAfter: LONG_MS } : {}),
    ...(values.resumable ? {} : { ticketKeys: false }),
    ...(values.early
      ? { maxEarlyData: EARLY_BYTES, onearlydata: (message, session) => answer(session, message) }
      : {}),
    ...(values.libsodium ? { cryptoProvider: await createSodium() } : {}),
  },
);

// What parseArgs gives has no shape that V8 knows: a look into it for each message costs as much as a call.
const { traffic } = values;

function answer(session: DTLSSession, message: Uint8Array): void {
  onTraffic(traffic, message, (reply) => void session.send(reply));
}

function identity(): Partial<ListenOptions> {
  const { cert, key, psk, 'client-ca': ca } = values;
  if (psk !== undefined) return { psk: { bench: Buffer.from(psk, 'hex') } };
  const pem = (file: string | undefined) => readFileSync(file ?? '', 'utf8');
  const asked = ca === undefined ? {} : { requestCert: true, ca: pem(ca) };
  return { cert: pem(cert), key: pem(key), ...asked };
}

await endpoint.opened;
serveControl(endpoint.address?.port ?? 0);
