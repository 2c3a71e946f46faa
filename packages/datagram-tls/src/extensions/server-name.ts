import { decodeUtf8, utf8 } from '../base/bytes.js';
import { ExtensionType } from '../wire/codes.js';
import { Reader, readItems, Writer } from '../wire/cursor.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import { type Extension, extension } from './extension.js';

export const serverNameRow: Extension = extension(
  ExtensionType.server_name,
  ['CH', 'EE'],
  ({ destination: { serverName } }) =>
    serverName === undefined ? undefined : encodeServerNameRequest({ hostName: serverName }),
);

const HOST_NAME = 0;

/** A client's request (RFC 6066 §3). */
export interface ServerNameRequest {
  /** ASCII as received, an internationalized name in its A-label form; `undefined` when no name is a host name. */
  readonly hostName: string | undefined;
}

/**
 * `undefined` when malformed, or when there are two host names: the caller answers decode_error. The caller checks
 * whether the name is served, or is an IP address.
 */
export function decodeServerNameRequest(body: Uint8Array): ServerNameRequest | undefined {
  const r = new Reader(body);
  const names = readItems(r, r.vec16(1), (list) => ({ type: list.u8(), name: list.vec16(1) }));
  const hostNames = names.filter((entry) => entry.type === HOST_NAME);
  if (!r.finished() || hostNames.length > 1) return undefined;
  const [host] = hostNames;
  if (host === undefined) return { hostName: undefined };
  return isPrintableAscii(host.name) ? { hostName: decodeUtf8(host.name) } : undefined;
}

/** `hostName` is ASCII; the caller has converted it to A-labels and refused IP addresses. */
export function encodeServerNameRequest({ hostName }: { readonly hostName: string }): Uint8Array {
  const w = new Writer();
  const list = w.openVec16();
  return w.u8(HOST_NAME).vec16(utf8(hostName)).closeVec16(list).finish();
}

/** A server's acknowledgement has no body. */
export const decodeServerNameResponse: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeServerNameResponse: () => Uint8Array = encodeEmpty;

function isPrintableAscii(name: Uint8Array): boolean {
  return name.every((byte) => byte > 0x20 && byte < 0x7f);
}
