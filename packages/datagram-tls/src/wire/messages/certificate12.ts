import { Reader, readItems, Writer } from '../cursor.js';

/** RFC 5246 §7.4.2: DER certificates, the sender's own first. Empty when a client has none. */
export interface Certificate12 {
  readonly certificateList: readonly Uint8Array[];
}

/** `undefined` when malformed: the caller answers decode_error. The certificates are views into `body`. */
export function decodeCertificate12(body: Uint8Array): Certificate12 | undefined {
  const r = new Reader(body);
  const certificateList = readItems(r, r.vec24(), (list) => list.vec24(1));
  return r.finished() ? { certificateList } : undefined;
}

export function encodeCertificate12({ certificateList }: Certificate12): Uint8Array {
  const w = new Writer();
  const list = w.openVec24();
  for (const certificate of certificateList) w.vec24(certificate);
  return w.closeVec24(list).finish();
}
