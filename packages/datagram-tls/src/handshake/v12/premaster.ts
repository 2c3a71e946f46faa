import { Writer } from '../../wire/cursor.js';

/**
 * Premaster secret of the suites with a pre-shared key: the secret of the key exchange, or as many zeros as the key is
 * long where there is none, and the key (RFC 4279 §2, RFC 5489 §2).
 */
export function pskPremaster(psk: Uint8Array, exchanged: Uint8Array | undefined): Uint8Array {
  const other = exchanged ?? new Uint8Array(psk.length);
  return new Writer().vec16(other).vec16(psk).finish();
}
