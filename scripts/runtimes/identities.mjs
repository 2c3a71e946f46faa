/** Certificates and keys of both sides of an echo, as peer.mjs reads them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const FIXTURES = fileURLToPath(
  new URL('../../packages/datagram-tls/test/support/fixtures/', import.meta.url),
);
export const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
export const CERTIFIED = { cert: fixture('server-p256.pem'), key: fixture('server-p256.key') };
export const TRUST = { ca: fixture('ca.pem') };
export const CLIENT_PSK = { psk: { identity: 'sensor', key: { bytes: KEY.toString('base64') } } };
export const SERVER_PSK = { psk: { sensor: { bytes: KEY.toString('base64') } } };

/** The same for the library in this process. */
export function revive(options) {
  return JSON.parse(JSON.stringify(options), (_, value) =>
    typeof value?.bytes === 'string' ? Buffer.from(value.bytes, 'base64') : value,
  );
}

function fixture(file) {
  return readFileSync(FIXTURES + file, 'utf8');
}
