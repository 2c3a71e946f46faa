import { writeEpochAndSequence } from '../base/sequence.js';
import { ContentType, WireVersion } from '../wire/codes.js';

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
  /** Of the connection ID; as many bytes as {@link cidLength} says, 0 for none. */
  cidStart: number;
  cidLength: number;
  unified: boolean;
}

export function createHeader(): RecordHeader {
  return {
    type: 0,
    version: 0,
    epoch: 0,
    sequence: 0,
    start: 0,
    bodyStart: 0,
    end: 0,
    cidStart: 0,
    cidLength: 0,
    unified: false,
  };
}

/** What tells how long connection IDs are on records to us: a header does not (RFC 9146 §4, RFC 9147 §4). */
export interface CidLengths {
  /** Bytes of the one that begins at `at`; 0 where there can be none. It may exceed the datagram. */
  lengthAt(datagram: Uint8Array, at: number): number;
}

/** No record to us has one. */
export const NO_CIDS: CidLengths = { lengthAt: () => 0 };

/** Where the connection ID stands in a record of DTLS 1.2 and of 1.3: after the record number, and after the flags. */
const CID_AT_12 = 11;
const CID_AT_13 = 1;

/** Where the connection ID of the record at `offset` begins; `undefined` where it has none. */
export function cidStartOf(datagram: Uint8Array, offset: number): number | undefined {
  const first = datagram[offset] as number;
  if (first === ContentType.tls12_cid) return offset + CID_AT_12;
  const isCid13 = (first & (UNIFIED.mask | UNIFIED.cid)) === (UNIFIED.form | UNIFIED.cid);
  return isCid13 ? offset + CID_AT_13 : undefined;
}

/** A record of a handshake without protection. */
export function isPlaintext(datagram: Uint8Array, at: number): boolean {
  const type = datagram[at];
  const isOfHandshake = type === ContentType.handshake || type === ContentType.change_cipher_spec;
  return isOfHandshake && datagram[at + 3] === 0 && datagram[at + 4] === 0;
}

/** Records of plaintext in a datagram behind which a connection ID is looked for; the longest flight has some tens. */
const MAX_PLAINTEXT_BEFORE = 256;

/** Where the first connection ID of a datagram begins, also behind plaintext of a handshake; `undefined` where it has none. */
export function firstCidOf(datagram: Uint8Array): number | undefined {
  let offset = 0;
  let records = 0;
  while (offset + PLAIN_HEADER_LENGTH <= datagram.length && isPlaintext(datagram, offset)) {
    if (records++ === MAX_PLAINTEXT_BEFORE) return undefined;
    offset += PLAIN_HEADER_LENGTH + u16(datagram, offset + PLAIN_HEADER_LENGTH - 2);
  }
  return offset < datagram.length ? cidStartOf(datagram, offset) : undefined;
}

/**
 * Reads the header at `offset` in either form, distinguished by the first byte (RFC 9147 §4.1). A returned reason
 * means that this record and everything behind it in the datagram cannot be read; `undefined`: `into` is filled in.
 */
export function readHeader(
  datagram: Uint8Array,
  offset: number,
  into: RecordHeader,
  cids: CidLengths = NO_CIDS,
): DropReason | undefined {
  if (offset >= datagram.length) return 'truncated';
  const first = datagram[offset] as number;
  if ((first & UNIFIED.mask) === UNIFIED.form) return readUnified(datagram, offset, first, into, cids);
  if (first < ContentType.change_cipher_spec || first > ContentType.return_routability_check)
    return 'bad_type';
  if (first !== ContentType.tls12_cid) return readPlain(datagram, offset, into, 0);
  const length = cids.lengthAt(datagram, offset + CID_AT_12);
  return length === 0 ? 'unknown_cid' : readPlain(datagram, offset, into, length);
}

/** The connection ID of DTLS 1.2 stands before the length (RFC 9146 §4). */
function readPlain(
  datagram: Uint8Array,
  at: number,
  into: RecordHeader,
  cidLength: number,
): DropReason | undefined {
  const bodyStart = at + PLAIN_HEADER_LENGTH + cidLength;
  if (bodyStart > datagram.length) return 'truncated';
  const length = u16(datagram, bodyStart - 2);
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
  into.cidStart = at + CID_AT_12;
  into.cidLength = cidLength;
  into.unified = false;
  return undefined;
}

function readUnified(
  datagram: Uint8Array,
  at: number,
  flags: number,
  into: RecordHeader,
  cids: CidLengths,
): DropReason | undefined {
  const hasCid = (flags & UNIFIED.cid) !== 0;
  const cidLength = hasCid ? cids.lengthAt(datagram, at + CID_AT_13) : 0;
  if (hasCid && cidLength === 0) return 'unknown_cid';
  const sequenceAt = at + CID_AT_13 + cidLength;
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
  into.cidStart = at + CID_AT_13;
  into.cidLength = cidLength;
  into.unified = true;
  return undefined;
}

/** Writes the header of a record of DTLS 1.2 with a connection ID (RFC 9146 §4). */
export function writeCidHeader12(
  out: Uint8Array,
  at: number,
  cid: Uint8Array,
  epoch: number,
  sequence: number,
  length: number,
): void {
  const idAt = at + CID_AT_12;
  const lengthAt = idAt + cid.length;
  writeStart(out, at, ContentType.tls12_cid, WireVersion.dtls12, epoch, sequence);
  // For so few bytes faster than `set`.
  for (let i = 0; idAt + i < lengthAt; i++) out[idAt + i] = cid[i] as number;
  out[lengthAt] = length >>> 8;
  out[lengthAt + 1] = length;
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
  writeStart(out, at, type, version, epoch, sequence);
  out[at + 11] = length >>> 8;
  out[at + 12] = length;
}

/** Type, version and number. */
function writeStart(
  out: Uint8Array,
  at: number,
  type: number,
  version: number,
  epoch: number,
  sequence: number,
): void {
  out[at] = type;
  out[at + 1] = version >>> 8;
  out[at + 2] = version;
  writeEpochAndSequence(out, at + 3, epoch, sequence);
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
  /** A connection ID where none was negotiated, or one that is not ours. */
  | 'unknown_cid'
  /** No connection ID where one was negotiated (RFC 9146 §3, RFC 9147 §4). */
  | 'missing_cid'
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
