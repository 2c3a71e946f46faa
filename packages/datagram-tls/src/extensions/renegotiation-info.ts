import { EMPTY } from '../base/bytes.js';
import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { FACTS_12 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

/** Not the signalling suite as well, which RFC 5746 §3.4 advises against: a wolfSSL server refuses both. */
export const renegotiationInfoRow: Extension = extension(
  ExtensionType.renegotiation_info,
  ['CH'],
  () => NO_RENEGOTIATION,
  FACTS_12,
);

/** `renegotiated_connection` (RFC 5746 §3.2), empty in a first handshake; `undefined` when malformed. */
export function decodeRenegotiationInfo(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const renegotiatedConnection = r.vec8();
  return r.finished() ? renegotiatedConnection : undefined;
}

export function encodeRenegotiationInfo(renegotiatedConnection: Uint8Array): Uint8Array {
  return new Writer().vec8(renegotiatedConnection).finish();
}

/** The body in a first handshake: one for all. */
export const NO_RENEGOTIATION: Uint8Array = /* @__PURE__ */ encodeRenegotiationInfo(EMPTY);
