import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { FACTS_12 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const ecPointFormatsRow: Extension = extension(
  ExtensionType.ec_point_formats,
  ['CH'],
  () => encodeEcPointFormats(Uint8Array.of(UNCOMPRESSED)),
  FACTS_12,
);

/** The only point format still in use (RFC 8422 §5.1.2). */
export const UNCOMPRESSED = 0;

/** `ECPointFormat`s, one byte each (RFC 8422 §5.1.2); `undefined` when malformed. */
export function decodeEcPointFormats(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const formats = r.vec8(1);
  return r.finished() ? formats : undefined;
}

export function encodeEcPointFormats(formats: Uint8Array): Uint8Array {
  return new Writer().vec8(formats).finish();
}
