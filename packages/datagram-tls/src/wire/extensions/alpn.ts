import { Reader, readItems, Writer } from '../cursor.js';

/** The protocol names a client offers, as bytes, in order of preference (RFC 7301 §3.1); `undefined` when malformed. */
export function decodeAlpnRequest(body: Uint8Array): readonly Uint8Array[] | undefined {
  const r = new Reader(body);
  const names = readItems(r, r.vec16(2), (list) => list.vec8(1));
  return r.finished() ? names : undefined;
}

export function encodeAlpnRequest(names: readonly Uint8Array[]): Uint8Array {
  const w = new Writer();
  const list = w.openVec16();
  for (const name of names) w.vec8(name);
  return w.closeVec16(list).finish();
}

/** The one name that a server chose (RFC 7301 §3.1); `undefined` when malformed or not exactly one. */
export function decodeAlpnResponse(body: Uint8Array): Uint8Array | undefined {
  const names = decodeAlpnRequest(body);
  return names?.length === 1 ? names[0] : undefined;
}

export function encodeAlpnResponse(name: Uint8Array): Uint8Array {
  return encodeAlpnRequest([name]);
}
