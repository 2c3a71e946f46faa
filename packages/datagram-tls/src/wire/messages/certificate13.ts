import { Reader, readItems, Writer } from '../cursor.js';
import { type Extensions, readExtensions, writeExtensions } from '../extension-block.js';

/** One certificate, or a raw public key (RFC 7250), with its extensions. */
export interface CertificateEntry {
  readonly certData: Uint8Array;
  readonly extensions: Extensions;
}

/** RFC 8446 §4.4.2: the sender's own certificate first. The list is empty when a client has none. */
export interface Certificate13 {
  /** From the CertificateRequest that it answers; empty in a server's message. */
  readonly certificateRequestContext: Uint8Array;
  readonly certificateList: readonly CertificateEntry[];
}

/** `undefined` when malformed: the caller answers decode_error. Byte fields are views into `body`. */
export function decodeCertificate13(body: Uint8Array): Certificate13 | undefined {
  const r = new Reader(body);
  const certificate = {
    certificateRequestContext: r.vec8(),
    certificateList: readItems(r, r.vec24(), readEntry),
  };
  return r.finished() ? certificate : undefined;
}

export function encodeCertificate13(certificate: Certificate13): Uint8Array {
  const w = new Writer().vec8(certificate.certificateRequestContext);
  const list = w.openVec24();
  for (const { certData, extensions } of certificate.certificateList) {
    w.vec24(certData);
    writeExtensions(w, extensions);
  }
  return w.closeVec24(list).finish();
}

function readEntry(r: Reader): CertificateEntry {
  return { certData: r.vec24(1), extensions: readExtensions(r) };
}
