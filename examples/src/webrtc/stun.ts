/**
 * STUN for the connectivity checks of ICE (RFC 8489, RFC 8445 §7): Binding requests and their success responses, with
 * short-term credentials. Cryptography is Node's: HMAC-SHA1 for MESSAGE-INTEGRITY, CRC-32 for FINGERPRINT.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { crc32 } from 'node:zlib';

const MAGIC_COOKIE = 0x2112_a442;
const HEADER_LENGTH = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const FINGERPRINT_XOR = 0x5354_554e;
const INTEGRITY_LENGTH = 20;

const Attribute = {
  USERNAME: 0x0006,
  'MESSAGE-INTEGRITY': 0x0008,
  'XOR-MAPPED-ADDRESS': 0x0020,
  PRIORITY: 0x0024,
  'USE-CANDIDATE': 0x0025,
  FINGERPRINT: 0x8028,
  'ICE-CONTROLLING': 0x802a,
} as const;

/** A Binding request or a success response. */
export interface StunMessage {
  readonly kind: 'request' | 'success';
  /** 12 bytes: a response repeats those of its request. */
  readonly transaction: Buffer;
  /** `<fragment of the receiver>:<fragment of the sender>`; empty in a response. */
  readonly username: string;
  /** The controlling side has chosen this path. */
  readonly useCandidate: boolean;
  /** Whether its MESSAGE-INTEGRITY was made with `password`. */
  isAuthentic(password: string): boolean;
}

/** `undefined` for anything else than a Binding message with a valid FINGERPRINT. */
export function decodeStun(datagram: Uint8Array): StunMessage | undefined {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  if (!hasHeader(bytes)) return undefined;
  const kind = kindOf(bytes.readUInt16BE(0));
  const found = attributesOf(bytes);
  const fingerprint = found?.get(Attribute.FINGERPRINT);
  if (kind === undefined || found === undefined || fingerprint === undefined) return undefined;
  if (!fingerprint.value.equals(fingerprintOf(bytes.subarray(0, fingerprint.at)))) return undefined;
  const integrity = found.get(Attribute['MESSAGE-INTEGRITY']);
  return {
    kind,
    transaction: Buffer.from(bytes.subarray(8, HEADER_LENGTH)),
    username: found.get(Attribute.USERNAME)?.value.toString() ?? '',
    useCandidate: found.has(Attribute['USE-CANDIDATE']),
    isAuthentic: (password) =>
      integrity?.value.length === INTEGRITY_LENGTH &&
      timingSafeEqual(integrity.value, integrityOf(bytes.subarray(0, integrity.at), password)),
  };
}

/** A check by the controlling side, which nominates the path at once. `password`: the receiver's. */
export function encodeRequest(username: string, password: string): { datagram: Buffer; transaction: Buffer } {
  const transaction = randomBytes(12);
  const body = Buffer.concat([
    attribute(Attribute.USERNAME, Buffer.from(username)),
    // The priority of a peer-reflexive candidate (RFC 8445 §5.1.2.1).
    attribute(Attribute.PRIORITY, uint32(0x6eff_ffff)),
    attribute(Attribute['ICE-CONTROLLING'], randomBytes(8)),
    attribute(Attribute['USE-CANDIDATE'], Buffer.alloc(0)),
  ]);
  return { datagram: finish(BINDING_REQUEST, transaction, body, password), transaction };
}

/** The answer to `request`, which came from `address`. `password`: our own. */
export function encodeSuccess(
  { transaction }: StunMessage,
  address: string,
  port: number,
  password: string,
): Buffer {
  const mapped = attribute(Attribute['XOR-MAPPED-ADDRESS'], xorAddress(address, port));
  return finish(BINDING_SUCCESS, transaction, mapped, password);
}

interface Found {
  readonly value: Buffer;
  /** Where the attribute begins. */
  readonly at: number;
}

function hasHeader(bytes: Buffer): boolean {
  return (
    bytes.length >= HEADER_LENGTH &&
    bytes.readUInt32BE(4) === MAGIC_COOKIE &&
    bytes.readUInt16BE(2) === bytes.length - HEADER_LENGTH &&
    bytes.length % 4 === 0
  );
}

function kindOf(type: number): StunMessage['kind'] | undefined {
  if (type === BINDING_REQUEST) return 'request';
  return type === BINDING_SUCCESS ? 'success' : undefined;
}

/** The first of each type, as RFC 8489 §14 says; `undefined` when an attribute exceeds the message. */
function attributesOf(bytes: Buffer): Map<number, Found> | undefined {
  const found = new Map<number, Found>();
  for (let at = HEADER_LENGTH; at < bytes.length; ) {
    const start = at + 4;
    const end = start + bytes.readUInt16BE(at + 2);
    if (end > bytes.length) return undefined;
    const type = bytes.readUInt16BE(at);
    // What follows MESSAGE-INTEGRITY is not covered by it, and does not count.
    const counts = !found.has(Attribute['MESSAGE-INTEGRITY']) || type === Attribute.FINGERPRINT;
    if (counts && !found.has(type)) found.set(type, { value: bytes.subarray(start, end), at });
    at = start + Math.ceil((end - start) / 4) * 4;
  }
  return found;
}

function finish(type: number, transaction: Buffer, body: Buffer, password: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(type, 0);
  head.writeUInt32BE(MAGIC_COOKIE, 4);
  const message = Buffer.concat([head, transaction, body]);
  const integrity = attribute(Attribute['MESSAGE-INTEGRITY'], integrityOf(message, password));
  const sealed = Buffer.concat([message, integrity]);
  const whole = Buffer.concat([sealed, attribute(Attribute.FINGERPRINT, fingerprintOf(sealed))]);
  whole.writeUInt16BE(whole.length - HEADER_LENGTH, 2);
  return whole;
}

/** Over all that stands before the attribute; the header's length counts the attribute itself. */
function integrityOf(before: Buffer, password: string): Buffer {
  return createHmac('sha1', password)
    .update(withLength(before, 4 + INTEGRITY_LENGTH))
    .digest();
}

function fingerprintOf(before: Buffer): Buffer {
  return uint32((crc32(withLength(before, 8)) ^ FINGERPRINT_XOR) >>> 0);
}

function withLength(before: Buffer, more: number): Buffer {
  const copy = Buffer.from(before);
  copy.writeUInt16BE(before.length - HEADER_LENGTH + more, 2);
  return copy;
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

/** RFC 8489 §14.2, for IPv4: this example has no other candidates. */
function xorAddress(address: string, port: number): Buffer {
  if (!isIPv4(address)) throw new Error(`${address} is no IPv4 address`);
  const value = Buffer.alloc(8);
  value.writeUInt8(1, 1);
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  const bits = Buffer.from(address.split('.').map(Number)).readUInt32BE(0);
  value.writeUInt32BE((bits ^ MAGIC_COOKIE) >>> 0, 4);
  return value;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
