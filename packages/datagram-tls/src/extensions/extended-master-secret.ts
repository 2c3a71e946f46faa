import { ExtensionType } from '../wire/codes.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import { FACTS_12 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const extendedMasterSecretRow: Extension = extension(
  ExtensionType.extended_master_secret,
  ['CH'],
  () => encodeExtendedMasterSecret(),
  FACTS_12,
);

/** RFC 7627 §5.1: the extension has no body. `undefined` when it has one. */
export const decodeExtendedMasterSecret: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeExtendedMasterSecret: () => Uint8Array = encodeEmpty;
