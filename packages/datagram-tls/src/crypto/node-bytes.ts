import type { Buffer } from 'node:buffer';

/**
 * The same memory as a plain Uint8Array. The core gets no Buffer, whose `slice` is a view and whose prototype would
 * show up in what users receive.
 */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
