import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { type Extension, extension, NEVER } from './extension.js';

export const connectionIdRow: Extension = extension(ExtensionType.connection_id, ['CH', 'SH'], NEVER);

/** The ID that the sender requires on records to it, or empty for none (RFC 9146 §3); `undefined` when malformed. */
export function decodeConnectionId(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const cid = r.vec8();
  return r.finished() ? cid : undefined;
}

export function encodeConnectionId(cid: Uint8Array): Uint8Array {
  return new Writer().vec8(cid).finish();
}
