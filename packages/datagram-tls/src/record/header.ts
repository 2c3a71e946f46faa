import { ContentType } from '../wire/codes.js';
import { writeEpochAndSequence } from './sequence.js';

/** Type, version, epoch, sequence number, length (RFC 6347 §4.1). */
export const PLAIN_HEADER_LENGTH = 13;
/** Content of a record, in bytes (RFC 8446 §5.1). */
export const MAX_PLAINTEXT = 0x4000;
/** The most that DTLS 1.2 lets protection add (RFC 5246 §6.2.3). DTLS 1.3 adds less. */
const MAX_BODY = MAX_PLAINTEXT + 2048;

/** Top bits of a unified header and its flags (RFC 9147 §4). */
export const UNIFIED = {
  mask: 0xe0,
  form: 0x20,
  cid: 0x10,
  sequence16: 0x08,
  length: 0x04,
  epoch: 0x03,
} as const;

/** Position and header fields of one record in a datagram. One scratch object serves every record. */
export interface RecordHeader {
  /** Content type; 0 for a unified header until the record is opened. */
  type: number;
  /** As on the wire; 0 for a unified header. */
  version: number;
  /** Complete; for a unified header only the two low bits until its reader is found. */
  epoch: number;
  /** Complete; for a unified header the 8 or 16 masked bits until the record is opened. */
  sequence: number;
  /** Offsets into the datagram: of the record, of the bytes after the header, of the next record. */
  start: number;
  bodyStart: number;
  end: number;
  unified: boolean;
}

export function createHeader(): RecordHeader {
  return { type: 0, version: 0, epoch: 0, sequence: 0, start: 0, bodyStart: 0, end: 0, unified: false };
}

/**
 * Reads the header at `offset` in either form, distinguished by the first byte (RFC 9147 §4.1). A returned reason
 * means that this record and everything behind it in the datagram cannot be read; `undefined`: `into` is filled in.
 */
export function readHeader(datagram: Uint8Array, offset: number, into: RecordHeader): DropReason | undefined {
  if (offset >= datagram.length) return 'truncated';
  const first = datagram[offset] as number;
  if ((first & UNIFIED.mask) === UNIFIED.form) return readUnified(datagram, offset, first, into);
  if (first < ContentType.change_cipher_spec || first > ContentType.ack) return 'bad_type';
  if (first === ContentType.tls12_cid) return 'unknown_cid';
  return readPlain(datagram, offset, into);
}

function readPlain(datagram: Uint8Array, at: number, into: RecordHeader): DropReason | undefined {
  const bodyStart = at + PLAIN_HEADER_LENGTH;
  if (bodyStart > datagram.length) return 'truncated';
  const length = u16(datagram, at + 11);
  if (bodyStart + length > datagram.length) return 'truncated';
  if (length > MAX_BODY) return 'too_long';
  into.type = datagram[at] as number;
  into.version = u16(datagram, at + 1);
  into.epoch = u16(datagram, at + 3);
  into.sequence =
    u16(datagram, at + 5) * 0x1_0000_0000 + u16(datagram, at + 7) * 0x1_0000 + u16(datagram, at + 9);
  into.start = at;
  into.bodyStart = bodyStart;
  into.end = bodyStart + length;
  into.unified = false;
  return undefined;
}

function readUnified(
  datagram: Uint8Array,
  at: number,
  flags: number,
  into: RecordHeader,
): DropReason | undefined {
  if ((flags & UNIFIED.cid) !== 0) return 'unknown_cid';
  const sequenceAt = at + 1;
  const lengthAt = sequenceAt + ((flags & UNIFIED.sequence16) !== 0 ? 2 : 1);
  const bodyStart = lengthAt + ((flags & UNIFIED.length) !== 0 ? 2 : 0);
  if (bodyStart > datagram.length) return 'truncated';
  const end = bodyStart === lengthAt ? datagram.length : bodyStart + u16(datagram, lengthAt);
  if (end > datagram.length) return 'truncated';
  if (end - bodyStart > MAX_BODY) return 'too_long';
  into.type = 0;
  into.version = 0;
  into.epoch = flags & UNIFIED.epoch;
  into.sequence =
    (flags & UNIFIED.sequence16) !== 0 ? u16(datagram, sequenceAt) : (datagram[sequenceAt] as number);
  into.start = at;
  into.bodyStart = bodyStart;
  into.end = end;
  into.unified = true;
  return undefined;
}

/** Writes a header in the form of DTLS 1.2 and epoch 0. */
export function writePlainHeader(
  out: Uint8Array,
  at: number,
  type: number,
  version: number,
  epoch: number,
  sequence: number,
  length: number,
): void {
  out[at] = type;
  out[at + 1] = version >>> 8;
  out[at + 2] = version;
  writeEpochAndSequence(out, at + 3, epoch, sequence);
  out[at + 11] = length >>> 8;
  out[at + 12] = length;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/**
 * Why a record was discarded. All but the last two can be caused by any sender and are only counted (RFC 9147
 * §4.5.2). The last two are authentic, so the peer violated the protocol.
 */
export type DropReason =
  /** The header, or the length it states, exceeds the datagram. */
  | 'truncated'
  | 'bad_type'
  | 'bad_version'
  /** No connection ID was negotiated. */
  | 'unknown_cid'
  /** No keys for the epoch: too old, or not there yet. */
  | 'unknown_epoch'
  /** Longer than a record may be. */
  | 'too_long'
  /** Too short for its protection. */
  | 'too_short'
  /** Seen before, or older than the replay window. */
  | 'replayed'
  /** Not authentic. */
  | 'bad_record'
  /** Too many forgeries were tried with this key: the connection must end (RFC 9147 §4.5.3). */
  | 'forgery_limit'
  /** More plaintext than 2^14 bytes: alert record_overflow. */
  | 'record_overflow'
  /** Only padding: alert unexpected_message (RFC 8446 §5.4). */
  | 'no_content_type';
