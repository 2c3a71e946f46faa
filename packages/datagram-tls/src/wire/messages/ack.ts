import { Reader, readItems, Writer } from '../cursor.js';

/** Both fields take 64 bits here, yet no record has an epoch above 2^16-1 or a number above 2^48-1. */
export interface RecordNumber {
  readonly epoch: number;
  readonly sequenceNumber: number;
}

/** RFC 9147 §7. */
export interface Ack {
  readonly recordNumbers: readonly RecordNumber[];
}

/** The payload of an ACK record; `undefined` when malformed, or when it names a record that cannot exist. */
export function decodeAck(body: Uint8Array): Ack | undefined {
  const r = new Reader(body);
  const recordNumbers = readItems(r, r.vec16(), readRecordNumber);
  return r.finished() ? { recordNumbers } : undefined;
}

export function encodeAck({ recordNumbers }: Ack): Uint8Array {
  const w = new Writer();
  const list = w.openVec16();
  for (const { epoch, sequenceNumber } of recordNumbers) w.u48(0).u16(epoch).u16(0).u48(sequenceNumber);
  return w.closeVec16(list).finish();
}

function readRecordNumber(r: Reader): RecordNumber {
  if (r.u48() !== 0) r.fail();
  const epoch = r.u16();
  if (r.u16() !== 0) r.fail();
  return { epoch, sequenceNumber: r.u48() };
}
