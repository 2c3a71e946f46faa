import { Reader, Writer } from '../cursor.js';

/** RFC 6347 §4.2.1. `serverVersion` does not select the protocol version. */
export interface HelloVerifyRequest {
  readonly serverVersion: number;
  readonly cookie: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeHelloVerifyRequest(body: Uint8Array): HelloVerifyRequest | undefined {
  const r = new Reader(body);
  const request = { serverVersion: r.u16(), cookie: r.vec8() };
  return r.finished() ? request : undefined;
}

export function encodeHelloVerifyRequest(request: HelloVerifyRequest): Uint8Array {
  return new Writer().u16(request.serverVersion).vec8(request.cookie).finish();
}
