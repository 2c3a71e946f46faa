import { Reader, Writer } from '../cursor.js';

/** `renegotiated_connection` (RFC 5746 §3.2), empty in a first handshake; `undefined` when malformed. */
export function decodeRenegotiationInfo(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const renegotiatedConnection = r.vec8();
  return r.finished() ? renegotiatedConnection : undefined;
}

export function encodeRenegotiationInfo(renegotiatedConnection: Uint8Array): Uint8Array {
  return new Writer().vec8(renegotiatedConnection).finish();
}
