import { keyOf } from './bytes.js';

/**
 * Few bytes that are kept for long and seldom read, one in a character: a string of them takes a quarter of the memory of a
 * typed array, which costs 230 bytes by itself. Secrets are no worse off: typed arrays of this size are on the garbage
 * collected heap, too, which moves them, and leaves copies.
 */
export type Packed = string & { readonly packed: unique symbol };

export function pack(bytes: Uint8Array): Packed {
  return keyOf(bytes) as Packed;
}

export function unpack(packed: Packed): Uint8Array {
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  return bytes;
}

export const NONE_PACKED = '' as Packed;
