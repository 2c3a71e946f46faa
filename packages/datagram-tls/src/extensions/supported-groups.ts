import { ExtensionType, Group } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { type Extension, extension } from './extension.js';

export const supportedGroupsRow: Extension = extension(
  ExtensionType.supported_groups,
  ['CH', 'EE'],
  ({ groups }) => encodeSupportedGroups(groups.map((name) => Group[name])),
);

/** Named groups in order of preference (RFC 8446 §4.2.7); `undefined` when malformed. */
export function decodeSupportedGroups(body: Uint8Array): readonly number[] | undefined {
  const r = new Reader(body);
  const groups = r.listU16(2);
  return r.finished() ? groups : undefined;
}

export function encodeSupportedGroups(groups: readonly number[]): Uint8Array {
  return new Writer().listU16(groups).finish();
}
