import { Reader, Writer } from '../cursor.js';

/** The contents of a Certificate message (RFC 7250 §3). */
export const CertificateType = { X509: 0, RawPublicKey: 2 } as const;
export type CertificateTypeName = keyof typeof CertificateType;

const names = new Map<number, CertificateTypeName>(
  Object.entries(CertificateType).map(([name, code]) => [code, name as CertificateTypeName]),
);

/** `undefined` for unsupported types. */
export function certificateTypeName(code: number): CertificateTypeName | undefined {
  return names.get(code);
}

/**
 * The types a client offers in client_certificate_type or server_certificate_type, one byte each, in order of
 * preference (RFC 7250 §3); `undefined` when malformed.
 */
export function decodeCertificateTypeRequest(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const types = r.vec8(1);
  return r.finished() ? types : undefined;
}

export function encodeCertificateTypeRequest(types: Uint8Array): Uint8Array {
  return new Writer().vec8(types).finish();
}

/** The type a server chose; `undefined` unless it is exactly one byte. */
export function decodeCertificateTypeResponse(body: Uint8Array): number | undefined {
  return body.length === 1 ? body[0] : undefined;
}

export function encodeCertificateTypeResponse(type: number): Uint8Array {
  return Uint8Array.of(type);
}
