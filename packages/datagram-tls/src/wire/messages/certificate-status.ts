import { OCSP } from '../codes.js';
import { Reader, Writer } from '../cursor.js';

/** RFC 6066 §8: a separate message in DTLS 1.2, an extension of a certificate entry in 1.3 (RFC 8446 §4.4.2.1). */
export interface CertificateStatus {
  /** A DER OCSPResponse. */
  readonly response: Uint8Array;
}

/** `undefined` when malformed or not OCSP, the only type a client requests: the caller answers decode_error. */
export function decodeCertificateStatus(body: Uint8Array): CertificateStatus | undefined {
  const r = new Reader(body);
  if (r.u8() !== OCSP) r.fail();
  const response = r.vec24(1);
  return r.finished() ? { response } : undefined;
}

export function encodeCertificateStatus({ response }: CertificateStatus): Uint8Array {
  return new Writer().u8(OCSP).vec24(response).finish();
}
