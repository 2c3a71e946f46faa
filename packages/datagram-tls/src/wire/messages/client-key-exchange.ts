import { Reader, Writer } from '../cursor.js';

/** ClientKeyExchange of the ECDHE suites (RFC 8422 §5.7): the client's public key, in the group's own encoding. */
export interface ClientKeyExchange {
  readonly point: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeClientKeyExchange(body: Uint8Array): ClientKeyExchange | undefined {
  const r = new Reader(body);
  const exchange = { point: r.vec8(1) };
  return r.finished() ? exchange : undefined;
}

export function encodeClientKeyExchange({ point }: ClientKeyExchange): Uint8Array {
  return new Writer().vec8(point).finish();
}
