import { Reader, Writer } from '../cursor.js';

/** RFC 5246 §7.4.8 and RFC 8446 §4.4.3, with the same format. */
export interface CertificateVerify {
  readonly signatureScheme: number;
  readonly signature: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeCertificateVerify(body: Uint8Array): CertificateVerify | undefined {
  const r = new Reader(body);
  const verify = { signatureScheme: r.u16(), signature: r.vec16() };
  return r.finished() ? verify : undefined;
}

export function encodeCertificateVerify({ signatureScheme, signature }: CertificateVerify): Uint8Array {
  return new Writer().u16(signatureScheme).vec16(signature).finish();
}
