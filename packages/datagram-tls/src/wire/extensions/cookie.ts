import { Reader, Writer } from '../cursor.js';

/** The cookie of a HelloRetryRequest and of the ClientHello that answers it (RFC 8446 §4.2.2); `undefined` when malformed. */
export function decodeCookie(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const cookie = r.vec16(1);
  return r.finished() ? cookie : undefined;
}

export function encodeCookie(cookie: Uint8Array): Uint8Array {
  return new Writer().vec16(cookie).finish();
}
