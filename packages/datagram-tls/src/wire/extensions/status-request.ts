import { Reader, readItems, Writer } from '../cursor.js';
import { decodeEmpty, encodeEmpty } from './empty.js';

/** `CertificateStatusType.ocsp`, the only one that a client may still request (RFC 6066 §8, RFC 8446 §4.4.2.1). */
export const OCSP = 1;

export interface OcspStatusRequest {
  /** DER ResponderIDs that the client trusts; empty when the server should know. */
  readonly responderIdList: readonly Uint8Array[];
  /** DER Extensions for the OCSP request, or empty. */
  readonly requestExtensions: Uint8Array;
}

export interface StatusRequest {
  readonly statusType: number;
  /** `undefined` for an unknown type, which a server ignores. */
  readonly ocsp: OcspStatusRequest | undefined;
}

/** `undefined` when malformed: the caller answers decode_error. Byte fields are views into `body`. */
export function decodeStatusRequest(body: Uint8Array): StatusRequest | undefined {
  const r = new Reader(body);
  const statusType = r.u8();
  if (statusType !== OCSP) return r.failed ? undefined : { statusType, ocsp: undefined };
  const ocsp = {
    responderIdList: readItems(r, r.vec16(), (list) => list.vec16(1)),
    requestExtensions: r.vec16(),
  };
  return r.finished() ? { statusType, ocsp } : undefined;
}

export function encodeStatusRequest({ responderIdList, requestExtensions }: OcspStatusRequest): Uint8Array {
  const w = new Writer().u8(OCSP);
  const list = w.openVec16();
  for (const id of responderIdList) w.vec16(id);
  return w.closeVec16(list).vec16(requestExtensions).finish();
}

/** A server's acknowledgement in the ServerHello of DTLS 1.2, and its request to a client in 1.3, have no body. */
export const decodeStatusResponse: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeStatusResponse: () => Uint8Array = encodeEmpty;
