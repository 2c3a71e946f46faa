import type { Buffer } from 'node:buffer';

/**
 * The same memory, or the first `length` bytes of it, as a plain Uint8Array. The core gets no Buffer: its `slice` is a view, and its prototype would be
 * visible to users.
 */
export function plain(buffer: Buffer, length = buffer.length): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}

/**
 * A digest that came as text. The platform allocates a Buffer outside the heap, which the collector has to track.
 * Text, and an array as short as this, stay on the heap, which costs a third less per hash.
 */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Memory outside of the heap, where native code takes it from. A short array would be moved there for each call. */
export function offHeap(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}
