import { decodeEmpty, encodeEmpty } from './empty.js';

/** RFC 7627 §5.1: the extension has no body. `undefined` when it has one. */
export const decodeExtendedMasterSecret: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeExtendedMasterSecret: () => Uint8Array = encodeEmpty;
