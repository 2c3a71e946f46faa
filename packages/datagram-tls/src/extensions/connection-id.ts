import { own } from '../base/bytes.js';
import { decoded } from '../base/errors.js';
import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import type { Extensions } from '../wire/extension-block.js';
import { type Extension, extension } from './extension.js';

export const connectionIdRow: Extension = extension(
  ExtensionType.connection_id,
  ['CH', 'SH'],
  ({ connectionId }) => (connectionId === undefined ? undefined : encodeConnectionId(connectionId)),
);

/**
 * The connection IDs of one association; an empty one is none (RFC 9146 §3).
 *
 * @example
 * ```ts
 * import type { Connection, ConnectionIdPair } from 'datagram-tls/core';
 *
 * function idOf(connection: Connection): ConnectionIdPair | undefined {
 *   return connection.connectionIds;
 * }
 * ```
 */
export interface ConnectionIdPair {
  /** On our records. */
  readonly send: Uint8Array;
  /** On the peer's. */
  readonly receive: Uint8Array;
}

/** The peer's ID in its hello, which the caller owns; `undefined` where it has none. */
export function readConnectionId(extensions: Extensions): Uint8Array | undefined {
  const body = extensions.get(ExtensionType.connection_id);
  return body === undefined ? undefined : own(decoded(decodeConnectionId(body), 'connection_id'));
}

/** The ID that the sender requires on records to it, or empty for none (RFC 9146 §3); `undefined` when malformed. */
export function decodeConnectionId(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const cid = r.vec8();
  return r.finished() ? cid : undefined;
}

export function encodeConnectionId(cid: Uint8Array): Uint8Array {
  return new Writer().vec8(cid).finish();
}
