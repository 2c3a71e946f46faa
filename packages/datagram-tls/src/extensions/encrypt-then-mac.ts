import { needsEncryptThenMac } from '../crypto/suites.js';
import { ExtensionType } from '../wire/codes.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import { FACTS_12 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const encryptThenMacRow: Extension = extension(
  ExtensionType.encrypt_then_mac,
  ['CH'],
  ({ suites }) => (suites.some(needsEncryptThenMac) ? encodeEncryptThenMac() : undefined),
  FACTS_12,
);

/** RFC 7366 §2: the extension has no body. `undefined` when it has one. */
export const decodeEncryptThenMac: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeEncryptThenMac: () => Uint8Array = encodeEmpty;
