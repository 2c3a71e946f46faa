import { Reader, readItems } from '../cursor.js';

/** The compression algorithms a peer accepts, in order of preference (RFC 8879 §3); `undefined` when malformed. */
export function decodeCompressCertificate(body: Uint8Array): readonly number[] | undefined {
  const r = new Reader(body);
  const algorithms = readItems(r, r.vec8(2, 254), (list) => list.u16());
  return r.finished() ? algorithms : undefined;
}
