import { Reader } from '../cursor.js';

/** Bytes of a handshake header in DTLS: type, length, message_seq, fragment_offset, fragment_length. */
export const HANDSHAKE_HEADER_LENGTH = 12;

export interface HandshakeHeader {
  readonly type: number;
  /** Bytes of the whole message body, the same in each of its fragments. */
  readonly length: number;
  readonly messageSeq: number;
  readonly fragmentOffset: number;
  readonly fragmentLength: number;
}

/** One handshake message, or a fragment of it, as in a record (RFC 6347 §4.2.2, RFC 9147 §5.2). */
export interface HandshakeFragment extends HandshakeHeader {
  /** A view into the record. */
  readonly fragment: Uint8Array;
}

/**
 * All the fragments in the payload of one handshake record, in order; `undefined` when any is malformed.
 * An empty payload is malformed too (RFC 8446 §5.1). `start` and `end`: of the payload in `bytes`.
 */
export function readHandshakeFragments(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): HandshakeFragment[] | undefined {
  const r = new Reader(bytes, start, end);
  const first = readHandshakeFragment(r);
  if (first === undefined) return undefined;
  // Nearly always the only one: a list that grows has room for 17.
  const fragments = [first];
  while (r.left > 0) {
    const fragment = readHandshakeFragment(r);
    if (fragment === undefined) return undefined;
    fragments.push(fragment);
  }
  return fragments;
}

function readHandshakeFragment(r: Reader): HandshakeFragment | undefined {
  const type = r.u8();
  const length = r.u24();
  const messageSeq = r.u16();
  const fragmentOffset = r.u24();
  const fragmentLength = r.u24();
  const fragment = r.bytes(fragmentLength);
  if (r.failed || fragmentOffset + fragmentLength > length) return undefined;
  return { type, length, messageSeq, fragmentOffset, fragmentLength, fragment };
}

/** Writes {@link HANDSHAKE_HEADER_LENGTH} bytes into `target` from index `at`. */
export function writeHandshakeHeader(target: Uint8Array, at: number, header: HandshakeHeader): void {
  target[at] = header.type;
  putU24(target, at + 1, header.length);
  target[at + 4] = header.messageSeq >>> 8;
  target[at + 5] = header.messageSeq;
  putU24(target, at + 6, header.fragmentOffset);
  putU24(target, at + 9, header.fragmentLength);
}

/** The start of a message in the transcript of a version. */
export type TranscriptHeader = (type: number, messageSeq: number, length: number) => Uint8Array;

/** The start of a message in the DTLS 1.2 transcript: as if it had been sent in one fragment (RFC 6347 §4.2.6). */
export const transcriptHeader12: TranscriptHeader = (type, messageSeq, length) => {
  const header = new Uint8Array(HANDSHAKE_HEADER_LENGTH);
  writeHandshakeHeader(header, 0, { type, length, messageSeq, fragmentOffset: 0, fragmentLength: length });
  return header;
};

/** The same in the DTLS 1.3 transcript: without sequence and fragment fields (RFC 9147 §5.2). */
export const transcriptHeader13: TranscriptHeader = (type, _messageSeq, length) => {
  const header = new Uint8Array(4);
  header[0] = type;
  putU24(header, 1, length);
  return header;
};

function putU24(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 16;
  target[at + 1] = value >>> 8;
  target[at + 2] = value;
}
