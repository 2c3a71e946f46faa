import { EMPTY } from '../base/bytes.js';
import { decoded } from '../base/errors.js';
import { ExtensionType, OCSP } from '../wire/codes.js';
import { Reader, readItems, Writer } from '../wire/cursor.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import type { Extensions } from '../wire/extension-block.js';
import { type Extension, extension } from './extension.js';

/** We take any responder that the server's issuer lets speak for it (RFC 6066 §8, RFC 8446 §4.4.2.1). */
export const statusRequestRow: Extension = extension(
  ExtensionType.status_request,
  ['CH', 'CR', 'CT'],
  ({ security }) =>
    security.requestStaple
      ? encodeStatusRequest({ responderIdList: [], requestExtensions: EMPTY })
      : undefined,
);

/** Whether a client asks for an OCSP response; other kinds of status are passed over. */
export function clientWantsStaple(extensions: Extensions): boolean {
  const body = extensions.get(ExtensionType.status_request);
  return body !== undefined && decoded(decodeStatusRequest(body), 'status_request').ocsp !== undefined;
}

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
