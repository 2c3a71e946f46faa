import { ExtensionType } from '../wire/codes.js';
import { Reader, readItems, Writer } from '../wire/cursor.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const supportedVersionsRow: Extension = extension(
  ExtensionType.supported_versions,
  ['CH', 'SH', 'HRR'],
  ({ versions }) => encodeSupportedVersionsRequest(versions.map(({ code }) => code)),
  FACTS_13,
);

/** The versions a client offers, in order of preference (RFC 8446 §4.2.1); `undefined` when malformed. */
export function decodeSupportedVersionsRequest(body: Uint8Array): readonly number[] | undefined {
  const r = new Reader(body);
  const versions = readItems(r, r.vec8(2, 254), (list) => list.u16());
  return r.finished() ? versions : undefined;
}

export function encodeSupportedVersionsRequest(versions: readonly number[]): Uint8Array {
  const w = new Writer();
  const list = w.openVec8();
  for (const version of versions) w.u16(version);
  return w.closeVec8(list).finish();
}

/** The version a server chose, in ServerHello or HelloRetryRequest; `undefined` when malformed. */
export function decodeSupportedVersionsResponse(body: Uint8Array): number | undefined {
  const r = new Reader(body);
  const version = r.u16();
  return r.finished() ? version : undefined;
}

export function encodeSupportedVersionsResponse(version: number): Uint8Array {
  return new Writer().u16(version).finish();
}
