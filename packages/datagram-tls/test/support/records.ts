import { concat } from '#lib/base/bytes.js';
import { createHeader, readHeader, writePlainHeader } from '#lib/record/header.js';
import { ContentType, WireVersion } from '#lib/wire/codes.js';
import {
  HANDSHAKE_HEADER_LENGTH,
  type HandshakeFragment,
  readHandshakeFragments,
  writeHandshakeHeader,
} from '#lib/wire/messages/handshake-header.js';

/** One record of a datagram, as its header tells. Byte fields are views. */
export interface RecordView {
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly body: Uint8Array;
  /** Header and body. */
  readonly whole: Uint8Array;
}

/** The records of a datagram of which every byte is accounted for; `cidLength`: of connection IDs in it. */
export function recordsOf(datagram: Uint8Array, cidLength = 0): RecordView[] {
  const records: RecordView[] = [];
  const header = createHeader();
  for (let offset = 0; offset < datagram.length; offset = header.end) {
    const reason = readHeader(datagram, offset, header, { lengthAt: () => cidLength });
    if (reason !== undefined) throw new Error(`a datagram that cannot be read: ${reason}`);
    const { type, epoch, sequence, start, bodyStart, end } = header;
    const [body, whole] = [datagram.subarray(bodyStart, end), datagram.subarray(start, end)];
    records.push({ type, epoch, sequence, body, whole });
  }
  return records;
}

export interface RecordPlace {
  readonly epoch?: number;
  readonly sequence?: number;
  readonly version?: number;
}

/** A record that nothing protects, whatever its epoch. */
export function plainRecord(type: number, body: Uint8Array, place: RecordPlace = {}): Uint8Array {
  const { epoch = 0, sequence = 1000, version = WireVersion.dtls12 } = place;
  const record = new Uint8Array(13 + body.length);
  writePlainHeader(record, 0, type, version, epoch, sequence, body.length);
  record.set(body, 13);
  return record;
}

/** A record in the form that protects everything in DTLS 1.3, with these bytes as its ciphertext. */
export function unifiedRecord(epoch: number, sequence: number, body: Uint8Array): Uint8Array {
  const flags = 0x2c | (epoch & 3);
  const header = [flags, sequence >>> 8, sequence & 0xff, body.length >>> 8, body.length & 0xff];
  return concat(Uint8Array.from(header), body);
}

export interface FragmentShape {
  readonly type: number;
  readonly messageSeq: number;
  readonly fragment: Uint8Array;
  /** Of the whole message; the fragment is all of it unless this says otherwise. */
  readonly length?: number;
  readonly fragmentOffset?: number;
}

/** Handshake header and bytes of one fragment, however little sense they make. */
export function encodeFragment(shape: FragmentShape): Uint8Array {
  const { type, messageSeq, fragment, length = fragment.length, fragmentOffset = 0 } = shape;
  const bytes = new Uint8Array(HANDSHAKE_HEADER_LENGTH + fragment.length);
  const fragmentLength = fragment.length;
  writeHandshakeHeader(bytes, 0, { type, length, messageSeq, fragmentOffset, fragmentLength });
  bytes.set(fragment, HANDSHAKE_HEADER_LENGTH);
  return bytes;
}

/** A plaintext record with one fragment. */
export function fragmentRecord(shape: FragmentShape, place?: RecordPlace): Uint8Array {
  return plainRecord(ContentType.handshake, encodeFragment(shape), place);
}

export function alertRecord(level: number, description: number, place?: RecordPlace): Uint8Array {
  return plainRecord(ContentType.alert, Uint8Array.of(level, description), place);
}

/** The fragments in the plaintext records of a datagram. */
export function plainFragments(datagram: Uint8Array): HandshakeFragment[] {
  return recordsOf(datagram)
    .filter(({ type, epoch }) => type === ContentType.handshake && epoch === 0)
    .flatMap(({ body }) => readHandshakeFragments(body) ?? []);
}

/** The datagram with each plaintext fragment of a message of `type` replaced; the other records stay as they are. */
export function rewrite(
  datagram: Uint8Array,
  type: number,
  change: (fragment: HandshakeFragment) => FragmentShape,
): Uint8Array {
  return concat(
    ...recordsOf(datagram).map((record) => {
      if (record.type !== ContentType.handshake || record.epoch !== 0) return record.whole;
      const fragments = readHandshakeFragments(record.body) ?? [];
      if (fragments.every((fragment) => fragment.type !== type)) return record.whole;
      const bodies = fragments.map((f) => encodeFragment(f.type === type ? change(f) : f));
      return plainRecord(record.type, concat(...bodies), { sequence: record.sequence });
    }),
  );
}

/** A copy with one byte changed. */
export function flipped(bytes: Uint8Array, at: number, mask = 0x01): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
}
