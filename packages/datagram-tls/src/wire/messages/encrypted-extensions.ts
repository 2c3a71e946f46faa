import { Reader, Writer } from '../cursor.js';
import { type Extensions, readExtensions, writeExtensions } from '../extension-block.js';

/** RFC 8446 §4.3.1. */
export interface EncryptedExtensions {
  readonly extensions: Extensions;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeEncryptedExtensions(body: Uint8Array): EncryptedExtensions | undefined {
  const r = new Reader(body);
  const extensions = readExtensions(r);
  return r.finished() ? { extensions } : undefined;
}

export function encodeEncryptedExtensions({ extensions }: EncryptedExtensions): Uint8Array {
  const w = new Writer();
  writeExtensions(w, extensions);
  return w.finish();
}
