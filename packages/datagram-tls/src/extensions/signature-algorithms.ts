import { ExtensionType, Scheme } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { type Extension, extension } from './extension.js';

export const signatureAlgorithmsRow: Extension = extension(
  ExtensionType.signature_algorithms,
  ['CH', 'CR'],
  ({ security }) => encodeSignatureAlgorithms(security.sigalgs.map((name) => Scheme[name])),
);

/** Schemes in order of preference (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3); `undefined` when malformed. */
export function decodeSignatureAlgorithms(body: Uint8Array): readonly number[] | undefined {
  const r = new Reader(body);
  const schemes = r.listU16(2);
  return r.finished() ? schemes : undefined;
}

export function encodeSignatureAlgorithms(schemes: readonly number[]): Uint8Array {
  return new Writer().listU16(schemes).finish();
}
