import type { Direction, Passage } from './relay.js';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;
/** The random by which a ServerHello is a HelloRetryRequest (RFC 8446 §4.1.3). */
const RETRY = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');

/** How many datagrams with a HelloRetryRequest the server sent. */
export function retryRequests(passages: readonly Passage[]): number {
  return going(passages, 'to-client').filter((bytes) => Buffer.from(bytes).includes(RETRY)).length;
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
