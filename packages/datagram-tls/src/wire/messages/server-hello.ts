import { sameBytes } from '../../base/bytes.js';
import { Reader, Writer } from '../cursor.js';
import { type Extensions, readOptionalExtensions, writeOptionalExtensions } from '../extension-block.js';

/** RFC 5246 §7.4.1.3 and RFC 8446 §4.1.3; a HelloRetryRequest too. Byte fields are views into the body. */
export interface ServerHello {
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  readonly compressionMethod: number;
  /** Empty also when the block was left out, as DTLS 1.2 allows. */
  readonly extensions: Extensions;
}

/** The random that makes a ServerHello a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3). */
export const HELLO_RETRY_REQUEST_RANDOM = Uint8Array.of(
  ...[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91],
  ...[0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c],
);

/** The last 8 bytes of the random of a 1.3 server that agreed to 1.2 (RFC 8446 §4.1.3). */
export const DOWNGRADE_TO_12 = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01);

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeServerHello(body: Uint8Array): ServerHello | undefined {
  const r = new Reader(body);
  const hello = {
    legacyVersion: r.u16(),
    random: r.bytes(32),
    sessionId: r.vec8(0, 32),
    cipherSuite: r.u16(),
    compressionMethod: r.u8(),
    extensions: readOptionalExtensions(r),
  };
  return r.finished() ? hello : undefined;
}

export function encodeServerHello(hello: ServerHello): Uint8Array {
  const w = new Writer()
    .u16(hello.legacyVersion)
    .bytes(hello.random)
    .vec8(hello.sessionId)
    .u16(hello.cipherSuite)
    .u8(hello.compressionMethod);
  writeOptionalExtensions(w, hello.extensions);
  return w.finish();
}

/** Only a client that offered 1.3 may ask: for others the random has no meaning. */
export function isHelloRetryRequest(hello: ServerHello): boolean {
  return isRetryRandom(hello.random);
}

export function isRetryRandom(random: Uint8Array): boolean {
  return sameBytes(random, HELLO_RETRY_REQUEST_RANDOM);
}
