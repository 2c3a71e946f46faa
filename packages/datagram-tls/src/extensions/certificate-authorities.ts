import { ExtensionType, readDistinguishedNames, writeDistinguishedNames } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension, NEVER } from './extension.js';

export const certificateAuthoritiesRow: Extension = extension(
  ExtensionType.certificate_authorities,
  ['CH', 'CR'],
  NEVER,
  FACTS_13,
);

/** DER names of acceptable issuers, views into `body` (RFC 8446 §4.2.4); `undefined` when malformed. */
export function decodeCertificateAuthorities(body: Uint8Array): readonly Uint8Array[] | undefined {
  const r = new Reader(body);
  const authorities = readDistinguishedNames(r, 3);
  return r.finished() ? authorities : undefined;
}

export function encodeCertificateAuthorities(authorities: readonly Uint8Array[]): Uint8Array {
  const w = new Writer();
  writeDistinguishedNames(w, authorities);
  return w.finish();
}
