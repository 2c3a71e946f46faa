import { readDistinguishedNames, writeDistinguishedNames } from '../codes.js';
import { Reader, Writer } from '../cursor.js';

/** `ClientCertificateType`s in use (RFC 8422 §5.5): types of keys that a client may sign with. */
export const ClientCertificateType = { rsa_sign: 1, ecdsa_sign: 64 } as const;

/** RFC 5246 §7.4.4. */
export interface CertificateRequest12 {
  readonly certificateTypes: Uint8Array;
  readonly supportedSignatureAlgorithms: readonly number[];
  /** DER names of acceptable issuers; empty for any. */
  readonly certificateAuthorities: readonly Uint8Array[];
}

/** `undefined` when malformed: the caller answers decode_error. Byte fields are views into `body`. */
export function decodeCertificateRequest12(body: Uint8Array): CertificateRequest12 | undefined {
  const r = new Reader(body);
  const request = {
    certificateTypes: r.vec8(1),
    supportedSignatureAlgorithms: r.listU16(2),
    certificateAuthorities: readDistinguishedNames(r),
  };
  return r.finished() ? request : undefined;
}

export function encodeCertificateRequest12(request: CertificateRequest12): Uint8Array {
  const w = new Writer().vec8(request.certificateTypes).listU16(request.supportedSignatureAlgorithms);
  writeDistinguishedNames(w, request.certificateAuthorities);
  return w.finish();
}
