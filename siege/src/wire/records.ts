/** Records and handshake fragments as bytes: an attacker sends what no library would. */

export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23, ack: 26 };
export const HandshakeType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  certificate: 11,
  finished: 20,
  keyUpdate: 24,
};

const VERSION = 0xfefd;
const RECORD_HEADER = 13;
const FRAGMENT_HEADER = 12;

interface Place {
  readonly epoch?: number;
  readonly sequence?: number;
}

/** A record with the 13-byte header and no protection. */
export function plainRecord(
  type: number,
  body: Uint8Array,
  { epoch = 0, sequence = 1000 }: Place = {},
): Buffer {
  const record = Buffer.alloc(RECORD_HEADER + body.length);
  record[0] = type;
  record.writeUInt16BE(VERSION, 1);
  record.writeUInt16BE(epoch, 3);
  record.writeUIntBE(sequence, 5, 6);
  record.writeUInt16BE(body.length, 11);
  record.set(body, RECORD_HEADER);
  return record;
}

interface Fragment {
  readonly type: number;
  readonly messageSeq: number;
  readonly body?: Uint8Array;
  /** Length of the whole message; by default the body's. */
  readonly length?: number;
  readonly offset?: number;
}

/** A handshake fragment, with consistent numbers or not. */
export function fragment({
  type,
  messageSeq,
  body = new Uint8Array(0),
  length = body.length,
  offset = 0,
}: Fragment): Buffer {
  const bytes = Buffer.alloc(FRAGMENT_HEADER + body.length);
  bytes[0] = type;
  bytes.writeUIntBE(length, 1, 3);
  bytes.writeUInt16BE(messageSeq, 4);
  bytes.writeUIntBE(offset, 6, 3);
  bytes.writeUIntBE(body.length, 9, 3);
  bytes.set(body, FRAGMENT_HEADER);
  return bytes;
}

/** The body of an ACK (RFC 9147 §7). */
export function ackBody(
  ...numbers: readonly { readonly epoch: number; readonly sequence: number }[]
): Buffer {
  const body = Buffer.alloc(2 + 16 * numbers.length);
  body.writeUInt16BE(16 * numbers.length, 0);
  numbers.forEach(({ epoch, sequence }, i) => {
    body.writeUInt32BE(epoch, 2 + 16 * i + 4);
    body.writeUInt32BE(sequence, 2 + 16 * i + 12);
  });
  return body;
}

/** `count` copies of `part`, one after the other. */
export function repeated(part: Uint8Array, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => part));
}

interface PlainRecord {
  readonly type: number;
  readonly epoch: number;
  readonly body: Buffer;
  readonly whole: Buffer;
}

/** The records with a 13-byte header at the front of a datagram. */
export function plainRecords(datagram: Buffer): PlainRecord[] {
  const records: PlainRecord[] = [];
  for (let at = 0; at + RECORD_HEADER <= datagram.length; ) {
    const type = datagram.readUInt8(at);
    // Unified headers begin with 001 (RFC 9147 §4).
    if (type >> 5 === 1) break;
    const end = at + RECORD_HEADER + datagram.readUInt16BE(at + 11);
    const body = datagram.subarray(at + RECORD_HEADER, end);
    records.push({ type, epoch: datagram.readUInt16BE(at + 3), body, whole: datagram.subarray(at, end) });
    at = end;
  }
  return records;
}

/** The random of the ServerHello at the start of a plaintext record of `datagram`. */
export function serverRandom(datagram: Buffer): Buffer | undefined {
  const hello = plainRecords(datagram).find(
    ({ type, epoch, body }) =>
      type === ContentType.handshake && epoch === 0 && body[0] === HandshakeType.serverHello,
  );
  return hello && Buffer.from(hello.body.subarray(FRAGMENT_HEADER + 2, FRAGMENT_HEADER + 34));
}
