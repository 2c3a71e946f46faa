import { Reader, Writer } from '../cursor.js';

/** `ECCurveType.named_curve`, the only one that RFC 8422 §5.4 left in use. */
const NAMED_CURVE = 3;

/** The server's share of an ECDHE exchange (RFC 8422 §5.4). */
export interface ServerEcdhParams {
  readonly namedCurve: number;
  /** The public key, in the group's own encoding. */
  readonly point: Uint8Array;
}

/** ServerKeyExchange of the ECDHE_ECDSA and ECDHE_RSA suites. */
export interface ServerKeyExchange extends ServerEcdhParams {
  /** The encoded {@link ServerEcdhParams} exactly as received: the signature covers them after both randoms. */
  readonly params: Uint8Array;
  readonly signatureScheme: number;
  readonly signature: Uint8Array;
}

/** `undefined` when malformed or when the curve is not a named one: the caller answers decode_error. */
export function decodeServerKeyExchange(body: Uint8Array): ServerKeyExchange | undefined {
  const r = new Reader(body);
  const { namedCurve, point } = readServerEcdhParams(r);
  const params = body.subarray(0, body.length - r.left);
  const exchange = { namedCurve, point, params, signatureScheme: r.u16(), signature: r.vec16() };
  return r.finished() ? exchange : undefined;
}

/** `params` come from {@link encodeServerEcdhParams}, so that the sent bytes are the signed bytes. */
export function encodeServerKeyExchange(
  exchange: Pick<ServerKeyExchange, 'params' | 'signatureScheme' | 'signature'>,
): Uint8Array {
  return new Writer().bytes(exchange.params).u16(exchange.signatureScheme).vec16(exchange.signature).finish();
}

export function encodeServerEcdhParams(params: ServerEcdhParams): Uint8Array {
  const w = new Writer();
  writeServerEcdhParams(w, params);
  return w.finish();
}

/** For messages with the params among other fields. */
export function readServerEcdhParams(r: Reader): ServerEcdhParams {
  if (r.u8() !== NAMED_CURVE) r.fail();
  return { namedCurve: r.u16(), point: r.vec8(1) };
}

export function writeServerEcdhParams(w: Writer, { namedCurve, point }: ServerEcdhParams): void {
  w.u8(NAMED_CURVE).u16(namedCurve).vec8(point);
}
