import { Reader, type Writer } from './cursor.js';

/** Extension bodies by type, in the order received; the bodies are views into the message. */
export type Extensions = ReadonlyMap<number, Uint8Array>;

/** `Extension extensions<min..2^16-1>`. Fails `r` when a type occurs twice (RFC 8446 §4.2). */
export function readExtensions(r: Reader, min = 0): Extensions {
  const list = new Reader(r.vec16(min));
  const extensions = new Map<number, Uint8Array>();
  while (list.left > 0) {
    const type = list.u16();
    const body = list.vec16();
    if (extensions.has(type)) list.fail();
    extensions.set(type, body);
  }
  if (list.failed) r.fail();
  return extensions;
}

/** The block of a hello message, which may be absent before TLS 1.3 (RFC 5246 §7.4.1.2). */
export function readOptionalExtensions(r: Reader): Extensions {
  return r.left === 0 ? new Map() : readExtensions(r);
}

/** The complete extensions of a block that may be cut off anywhere; stops at the first incomplete one. */
export function readLeadingExtensions(r: Reader): Extensions {
  const block = r.u16();
  const list = new Reader(r.bytes(Math.min(block, r.left)));
  const extensions = new Map<number, Uint8Array>();
  while (list.left > 0) {
    const type = list.u16();
    const body = list.vec16();
    if (list.failed || extensions.has(type)) break;
    extensions.set(type, body);
  }
  return extensions;
}

export function writeExtensions(w: Writer, list: Iterable<readonly [number, Uint8Array]>): void {
  const block = w.openVec16();
  for (const [type, body] of list) w.u16(type).vec16(body);
  w.closeVec16(block);
}

/** Leaves the block out when there are no extensions: a peer from before RFC 4366 expects the message to end here. */
export function writeOptionalExtensions(w: Writer, extensions: Extensions): void {
  if (extensions.size > 0) writeExtensions(w, extensions);
}
