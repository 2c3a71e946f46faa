import { Reader, Writer } from '../cursor.js';
import { readServerEcdhParams, type ServerEcdhParams, writeServerEcdhParams } from './server-key-exchange.js';

/** ServerKeyExchange of the ECDHE_PSK suites: not signed; the PSK authenticates it (RFC 5489 §2). */
export interface EcdhePskServerKeyExchange extends ServerEcdhParams {
  /** Empty for no hint. */
  readonly pskIdentityHint: Uint8Array;
}

/** ClientKeyExchange of the ECDHE_PSK suites. */
export interface EcdhePskClientKeyExchange {
  readonly pskIdentity: Uint8Array;
  /** The public key, in the group's own encoding. */
  readonly point: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeEcdhePskServerKeyExchange(body: Uint8Array): EcdhePskServerKeyExchange | undefined {
  const r = new Reader(body);
  const exchange = { pskIdentityHint: r.vec16(), ...readServerEcdhParams(r) };
  return r.finished() ? exchange : undefined;
}

export function encodeEcdhePskServerKeyExchange(exchange: EcdhePskServerKeyExchange): Uint8Array {
  const w = new Writer().vec16(exchange.pskIdentityHint);
  writeServerEcdhParams(w, exchange);
  return w.finish();
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeEcdhePskClientKeyExchange(body: Uint8Array): EcdhePskClientKeyExchange | undefined {
  const r = new Reader(body);
  const exchange = { pskIdentity: r.vec16(), point: r.vec8(1) };
  return r.finished() ? exchange : undefined;
}

export function encodeEcdhePskClientKeyExchange(exchange: EcdhePskClientKeyExchange): Uint8Array {
  return new Writer().vec16(exchange.pskIdentity).vec8(exchange.point).finish();
}
