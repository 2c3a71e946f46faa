import { Reader, Writer } from '../cursor.js';

/** ServerKeyExchange of the PSK suites; a server without a hint omits the message (RFC 4279 §2). */
export interface PskServerKeyExchange {
  readonly pskIdentityHint: Uint8Array;
}

/** ClientKeyExchange of the PSK suites. */
export interface PskClientKeyExchange {
  readonly pskIdentity: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodePskServerKeyExchange(body: Uint8Array): PskServerKeyExchange | undefined {
  const r = new Reader(body);
  const pskIdentityHint = r.vec16();
  return r.finished() ? { pskIdentityHint } : undefined;
}

export function encodePskServerKeyExchange({ pskIdentityHint }: PskServerKeyExchange): Uint8Array {
  return new Writer().vec16(pskIdentityHint).finish();
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodePskClientKeyExchange(body: Uint8Array): PskClientKeyExchange | undefined {
  const r = new Reader(body);
  const pskIdentity = r.vec16();
  return r.finished() ? { pskIdentity } : undefined;
}

export function encodePskClientKeyExchange({ pskIdentity }: PskClientKeyExchange): Uint8Array {
  return new Writer().vec16(pskIdentity).finish();
}
