import type { Direction, Passage } from './relay.js';

const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
/** The type of a record of DTLS 1.2 with a connection ID (RFC 9146). */
const TLS12_CID = 25;
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;
/** The random by which a ServerHello is a HelloRetryRequest (RFC 8446 §4.1.3). */
const RETRY = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');

/** How many datagrams with a HelloRetryRequest the server sent. */
export function retryRequests(passages: readonly Passage[]): number {
  return going(passages, 'to-client').filter(isRetryRequest).length;
}

/** Whether a datagram has a HelloRetryRequest. */
export function isRetryRequest(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).includes(RETRY);
}

/**
 * The epochs of a direction's encrypted records of DTLS 1.3, by the two bits that their headers show (RFC 9147 §4),
 * in the order in which they first came.
 */
export function epochsShown(passages: readonly Passage[], direction: Direction): number[] {
  const bits = going(passages, direction).flatMap(([first = 0]) =>
    (first & 0xe0) === 0x20 ? [first & 3] : [],
  );
  return [...new Set(bits)];
}

/** Whether a ClientHello came in fragments, each in a datagram of its own. */
export function splitHello(passages: readonly Passage[]): boolean {
  return going(passages, 'to-server').some((bytes) => isPartOfHello(bytes));
}

/** The largest body of a protected record that went in a direction, bytes. */
export function largestProtected(passages: readonly Passage[], direction: Direction): number {
  return Math.max(0, ...going(passages, direction).flatMap((bytes) => protectedBodies(Buffer.from(bytes))));
}

/**
 * The connection IDs in a direction's protected records, hex, where each is of `length` bytes. A record without one
 * has the empty ID.
 */
export function connectionIds(
  passages: readonly Passage[],
  direction: Direction,
  length: number,
): Set<string> {
  return new Set(going(passages, direction).flatMap((bytes) => idsIn(Buffer.from(bytes), length)));
}

function idsIn(bytes: Buffer, length: number): string[] {
  const ids: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const unified = (first & 0xe0) === 0x20;
    const present = unified ? (first & 0x10) !== 0 : first === TLS12_CID;
    const idAt = at + (unified ? 1 : RECORD_HEADER - 2);
    const idEnd = present ? idAt + length : idAt;
    if (unified || bytes.readUInt16BE(at + 3) > 0) ids.push(bytes.toString('hex', idAt, idEnd));
    if (unified && (first & 4) === 0) break;
    const lengthAt = idEnd + (unified ? ((first & 8) === 0 ? 1 : 2) : 0);
    at = lengthAt + 2 + bytes.readUInt16BE(lengthAt);
  }
  return ids;
}

/** Whether a datagram of DTLS 1.3 begins with a protected record. */
export function isProtected13([first = 0]: Uint8Array): boolean {
  return (first & 0xe0) === 0x20;
}

/** Whether a datagram of DTLS 1.2 has a ChangeCipherSpec. */
export function changesCipher(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes);
  for (let at = 0; at + RECORD_HEADER <= view.length; at += RECORD_HEADER + view.readUInt16BE(at + 11)) {
    if (view[at] === CHANGE_CIPHER_SPEC) return true;
    if (view[at] === TLS12_CID) return false;
  }
  return false;
}

/** Whether a datagram of DTLS 1.2 begins with a ServerHello. */
export function hasServerHello(bytes: Uint8Array): boolean {
  return bytes[0] === HANDSHAKE && bytes[RECORD_HEADER] === SERVER_HELLO;
}

/** A datagram with the ServerHello alone, with which `bytes` begins. */
export function serverHelloOf(bytes: Uint8Array): Uint8Array {
  const view = Buffer.from(bytes);
  const length = MESSAGE_HEADER + view.readUIntBE(RECORD_HEADER + 9, 3);
  const alone = Buffer.from(view.subarray(0, RECORD_HEADER + length));
  alone.writeUInt16BE(length, RECORD_HEADER - 2);
  return alone;
}

function protectedBodies(bytes: Buffer): number[] {
  const bodies: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const unified = (first & 0xe0) === 0x20;
    const lengthAt = unified ? at + ((first & 8) === 0 ? 2 : 3) : at + RECORD_HEADER - 2;
    const explicit = !unified || (first & 4) !== 0;
    const start = explicit ? lengthAt + 2 : lengthAt;
    const length = explicit ? bytes.readUInt16BE(lengthAt) : bytes.length - start;
    if (unified || bytes.readUInt16BE(at + 3) > 0) bodies.push(length);
    at = start + length;
  }
  return bodies;
}

function isPartOfHello(bytes: Uint8Array): boolean {
  const message = Buffer.from(bytes).subarray(RECORD_HEADER);
  if (bytes[0] !== HANDSHAKE || message.length < MESSAGE_HEADER || message[0] !== CLIENT_HELLO) return false;
  return message.readUIntBE(9, 3) < message.readUIntBE(1, 3);
}

function going(passages: readonly Passage[], direction: Direction): Uint8Array[] {
  return passages.filter((passage) => passage.direction === direction).map((passage) => passage.bytes);
}
