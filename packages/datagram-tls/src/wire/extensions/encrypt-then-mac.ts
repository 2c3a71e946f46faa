import { decodeEmpty, encodeEmpty } from './empty.js';

/** RFC 7366 §2: the extension has no body. `undefined` when it has one. */
export const decodeEncryptThenMac: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeEncryptThenMac: () => Uint8Array = encodeEmpty;
