import { Reader, Writer } from '../cursor.js';

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
