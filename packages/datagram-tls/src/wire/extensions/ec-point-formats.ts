import { Reader, Writer } from '../cursor.js';

/** The only point format still in use (RFC 8422 §5.1.2). */
export const UNCOMPRESSED = 0;

/** `ECPointFormat`s, one byte each (RFC 8422 §5.1.2); `undefined` when malformed. */
export function decodeEcPointFormats(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const formats = r.vec8(1);
  return r.finished() ? formats : undefined;
}

export function encodeEcPointFormats(formats: Uint8Array): Uint8Array {
  return new Writer().vec8(formats).finish();
}
