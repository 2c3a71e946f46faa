import type { Buffer } from 'node:buffer';

/**
 * The same memory as a plain Uint8Array. The core gets no Buffer, whose `slice` is a view and whose prototype would
 * show up in what users receive.
 */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/**
 * A digest that came as text. The platform makes a Buffer by way of an allocation of its own, which the collector has to
 * follow up; text, and an array as short as this, live and die on the heap, which costs a third less for each hash.
 */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
