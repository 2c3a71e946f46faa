import { Reader, Writer } from '../cursor.js';

/** The smallest limit a peer may set, in bytes; for less the caller answers illegal_parameter (RFC 8449 §4). */
export const MIN_RECORD_SIZE_LIMIT = 64;

/** The largest plaintext, in bytes, that the sender accepts in one record (RFC 8449 §4); `undefined` when malformed. */
export function decodeRecordSizeLimit(body: Uint8Array): number | undefined {
  const r = new Reader(body);
  const limit = r.u16();
  return r.finished() ? limit : undefined;
}

export function encodeRecordSizeLimit(limit: number): Uint8Array {
  return new Writer().u16(limit).finish();
}
