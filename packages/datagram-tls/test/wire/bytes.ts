import assert from 'node:assert/strict';
import { fromHex } from '#lib/base/bytes.js';

/** Bytes from hexadecimal digits, with spaces and line breaks where they help the eye. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s+/g, ''));
  assert.ok(bytes, `not hexadecimal: ${text}`);
  return bytes;
}

/** `count` bytes of the value `fill`. */
export function filled(count: number, fill: number): Uint8Array {
  return new Uint8Array(count).fill(fill);
}
