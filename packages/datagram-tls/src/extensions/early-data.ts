import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const earlyDataRow: Extension = extension(
  ExtensionType.early_data,
  ['CH', 'EE', 'NST'],
  ({ hasEarlyData }) => (hasEarlyData ? encodeEarlyData() : undefined),
  FACTS_13,
);

/** In ClientHello and EncryptedExtensions it has no body (RFC 8446 §4.2.10). `undefined` when it has one. */
export const decodeEarlyData: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeEarlyData: () => Uint8Array = encodeEmpty;

/** In NewSessionTicket: max_early_data_size, the bytes of 0-RTT data a server accepts; `undefined` when malformed. */
export function decodeEarlyDataTicket(body: Uint8Array): number | undefined {
  const r = new Reader(body);
  const maxEarlyDataSize = r.u32();
  return r.finished() ? maxEarlyDataSize : undefined;
}

export function encodeEarlyDataTicket(maxEarlyDataSize: number): Uint8Array {
  return new Writer().u32(maxEarlyDataSize).finish();
}
