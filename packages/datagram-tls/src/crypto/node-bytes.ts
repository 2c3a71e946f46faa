import type { Buffer } from 'node:buffer';
import * as threads from 'node:worker_threads';
import { protectTexts } from './opened-texts.js';

protectTexts((memory) => threads.markAsUntransferable(memory));

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

/** The same into `out` from `at` on, as far as it has room. */
export function putLatin1(text: string, out: Uint8Array, at: number): void {
  const length = Math.min(text.length, out.length - at);
  for (let i = 0; i < length; i++) out[at + i] = text.charCodeAt(i);
}

/** Memory outside of the heap, where native code takes it from. A short array would be moved there for each call. */
export function offHeap(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

const drafts: (Uint8Array | undefined)[] = [];

/** The same {@link offHeap | memory} for each length: for bytes that native code copies, which the caller wipes then. */
export function draftOf(length: number): Uint8Array {
  const draft = drafts[length] ?? offHeap(length);
  drafts[length] = draft;
  return draft;
}
