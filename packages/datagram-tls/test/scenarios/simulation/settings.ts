import type { PairOptions } from '../../support/pair.js';
import type { Random } from '../../support/random.js';
import type { TestedVersion } from '../../support/settings.js';

const PSK = { identity: 'sensor-1', key: new Uint8Array(32).fill(7) };
const CIPHERS: Readonly<Record<TestedVersion, readonly string[]>> = {
  'DTLSv1.2': ['ECDHE-PSK-CHACHA20-POLY1305', 'PSK-AES128-CCM8', 'PSK-AES128-GCM-SHA256', 'PSK-AES256-CCM'],
  'DTLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_CCM_SHA256'],
};

/** Objects of which there are few, so that they are parsed once. */
export type Settings = Pick<PairOptions, 'client' | 'server'>;

/** Parsed once: with a certificate, and with a shared key and each cipher. Servers give tickets for the first alone. */
export const WITH_CERTIFICATE: Settings = { client: {}, server: {} };
const WITH_KEY = Object.fromEntries(
  Object.entries(CIPHERS).map(([version, names]) => [
    version,
    names.map((ciphers) => ({ client: { psk: PSK, ciphers }, server: { psk: () => PSK.key, ciphers } })),
  ]),
) as unknown as Readonly<Record<TestedVersion, readonly Settings[]>>;

/** Of both sides of a session; few have certificates, which cost most. */
export function settingsOf(version: TestedVersion, random: Random, certificates = 0.1): Settings {
  return random.chance(certificates) ? WITH_CERTIFICATE : random.pick(WITH_KEY[version]);
}
