import { Reader, Writer } from '../cursor.js';

/** Schemes in order of preference (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3); `undefined` when malformed. */
export function decodeSignatureAlgorithms(body: Uint8Array): readonly number[] | undefined {
  const r = new Reader(body);
  const schemes = r.listU16(2);
  return r.finished() ? schemes : undefined;
}

export function encodeSignatureAlgorithms(schemes: readonly number[]): Uint8Array {
  return new Writer().listU16(schemes).finish();
}
