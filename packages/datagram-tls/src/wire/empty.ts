import { EMPTY } from '../base/bytes.js';

/** The body of an extension or message without content. */
export function decodeEmpty(body: Uint8Array): true | undefined {
  return body.length === 0 ? true : undefined;
}

export function encodeEmpty(): Uint8Array {
  return EMPTY;
}
