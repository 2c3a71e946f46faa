import { readInnerType } from '../base/bytes.js';
import type { AeadKey } from '../crypto/provider.js';
import { type DropReason, MAX_PLAINTEXT, type RecordHeader } from './header.js';

/*
 * An inner plaintext is a content, its type, and any number of zeros: what every record of DTLS 1.3 protects (RFC 8446 §5.4), and
 * one of DTLS 1.2 that has a connection ID (RFC 9146 §4). A view costs more than to copy a short text, so none is made for the
 * type alone.
 */

/** Seals `plaintext` and `type` into `out` at `at`. */
export function sealInner(
  aead: AeadKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  type: number,
  plaintext: Uint8Array,
  out: Uint8Array,
  at: number,
): void {
  aead.seal(nonce, aad, withType(plaintext, type), out, at);
}

const scratch = new Uint8Array(MAX_PLAINTEXT + 1);
/** The start of {@link scratch}: mostly the next text is as long as the last one. */
let view = scratch;

/** Valid until the next call. */
function withType(plaintext: Uint8Array, type: number): Uint8Array {
  const length = plaintext.length + 1;
  if (view.length !== length)
    view = length > scratch.length ? new Uint8Array(length) : scratch.subarray(0, length);
  view.set(plaintext);
  view[length - 1] = type;
  return view;
}

/** The content of a sealed inner plaintext, whose type goes into the header; `undefined`: it is not authentic. */
export function openInner(
  aead: AeadKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  header: RecordHeader,
): Uint8Array | DropReason | undefined {
  if (aead.openInner === undefined) {
    const inner = aead.open(nonce, aad, sealed);
    return inner && contentOf(inner, header);
  }
  return unlessBare(aead.openInner(nonce, aad, sealed, header), header);
}

/** `content`, unless there was no type for the header to get; `undefined`: it is not authentic. */
export function unlessBare(
  content: Uint8Array | DropReason | undefined,
  { type }: RecordHeader,
): Uint8Array | DropReason | undefined {
  return typeof content === 'object' && type === 0 ? 'no_content_type' : content;
}

/** The same of one that is open. */
export function contentOf(inner: Uint8Array, header: RecordHeader): Uint8Array | DropReason {
  const length = readInnerType(inner, header);
  return header.type === 0 ? 'no_content_type' : inner.subarray(0, length);
}
