import { toHex } from '../base/bytes.js';

/** Labels of a key log (RFC 9850 §2); CLIENT_RANDOM is DTLS 1.2's master secret. */
export type KeylogLabel =
  | 'CLIENT_RANDOM'
  | 'CLIENT_EARLY_TRAFFIC_SECRET'
  | 'EARLY_EXPORTER_SECRET'
  | 'CLIENT_HANDSHAKE_TRAFFIC_SECRET'
  | 'SERVER_HANDSHAKE_TRAFFIC_SECRET'
  | `CLIENT_TRAFFIC_SECRET_${number}`
  | `SERVER_TRAFFIC_SECRET_${number}`
  | 'EXPORTER_SECRET';

/**
 * One line of an SSLKEYLOGFILE without its newline. Anyone holding this line can decrypt the session.
 *
 * @example
 * ```ts
 * import { type ConnectionEvent, keylogLine } from 'datagram-tls/core';
 *
 * function lineOf(event: ConnectionEvent): string | undefined {
 *   return event.type === 'secret' ? keylogLine(event.label, event.clientRandom, event.secret) : undefined;
 * }
 * ```
 */
export function keylogLine(label: KeylogLabel, clientRandom: Uint8Array, secret: Uint8Array): string {
  return `${label} ${toHex(clientRandom)} ${toHex(secret)}`;
}
