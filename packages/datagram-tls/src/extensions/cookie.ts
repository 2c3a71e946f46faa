import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension, NEVER } from './extension.js';

/** RFC 8446 §4.2: a HelloRetryRequest may hold it though no ClientHello offers it. */
export const cookieRow: Extension = {
  ...extension(ExtensionType.cookie, ['CH', 'HRR'], NEVER, FACTS_13),
  unasked: ['HRR'],
};

/** The cookie of a HelloRetryRequest and of the ClientHello that answers it (RFC 8446 §4.2.2); `undefined` when malformed. */
export function decodeCookie(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const cookie = r.vec16(1);
  return r.finished() ? cookie : undefined;
}

export function encodeCookie(cookie: Uint8Array): Uint8Array {
  return new Writer().vec16(cookie).finish();
}
