import { Reader, Writer } from '../cursor.js';
import { type Extensions, readExtensions, writeExtensions } from '../extension-block.js';

/** RFC 8446 §4.3.2. */
export interface CertificateRequest13 {
  /** Empty in the handshake; identifies the request after it. */
  readonly certificateRequestContext: Uint8Array;
  /** Never empty: signature_algorithms is required, or the caller answers missing_extension. */
  readonly extensions: Extensions;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeCertificateRequest13(body: Uint8Array): CertificateRequest13 | undefined {
  const r = new Reader(body);
  const request = { certificateRequestContext: r.vec8(), extensions: readExtensions(r, 2) };
  return r.finished() ? request : undefined;
}

export function encodeCertificateRequest13(request: CertificateRequest13): Uint8Array {
  const w = new Writer().vec8(request.certificateRequestContext);
  writeExtensions(w, request.extensions);
  return w.finish();
}
