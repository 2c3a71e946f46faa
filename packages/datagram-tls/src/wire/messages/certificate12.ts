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

/** The Certificate message of DTLS 1.2 where a raw public key was negotiated (RFC 7250 §3). */
export interface RawPublicKey12 {
  /** A DER SubjectPublicKeyInfo; empty when a client has none, as GnuTLS also sends it. */
  readonly subjectPublicKeyInfo: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeRawPublicKey12(body: Uint8Array): RawPublicKey12 | undefined {
  const r = new Reader(body);
  const subjectPublicKeyInfo = r.vec24();
  return r.finished() ? { subjectPublicKeyInfo } : undefined;
}

export function encodeRawPublicKey12({ subjectPublicKeyInfo }: RawPublicKey12): Uint8Array {
  return new Writer().vec24(subjectPublicKeyInfo).finish();
}
