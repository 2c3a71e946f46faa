import type { Reader, Writer } from './cursor.js';
import { readItems } from './lists.js';

/** `DistinguishedName names<min..2^16-1>`, each a DER Name of at least one byte (RFC 5246 §7.4.4). */
export function readDistinguishedNames(r: Reader, min = 0): Uint8Array[] {
  return readItems(r, r.vec16(min), (list) => list.vec16(1));
}

export function writeDistinguishedNames(w: Writer, names: readonly Uint8Array[]): void {
  const list = w.openVec16();
  for (const name of names) w.vec16(name);
  w.closeVec16(list);
}
