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

function isPartOfHello(bytes: Uint8Array): boolean {
  const message = Buffer.from(bytes).subarray(RECORD_HEADER);
  if (bytes[0] !== HANDSHAKE || message.length < MESSAGE_HEADER || message[0] !== CLIENT_HELLO) return false;
  return message.readUIntBE(9, 3) < message.readUIntBE(1, 3);
}

function going(passages: readonly Passage[], direction: Direction): Uint8Array[] {
  return passages.filter((passage) => passage.direction === direction).map((passage) => passage.bytes);
}
