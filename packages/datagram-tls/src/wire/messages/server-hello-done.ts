import { decodeEmpty, encodeEmpty } from '../empty.js';

/** RFC 5246 §7.4.5: the message has no body. `undefined` when it has one. */
export const decodeServerHelloDone: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeServerHelloDone: () => Uint8Array = encodeEmpty;
