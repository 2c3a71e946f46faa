import { Buffer } from 'node:buffer';
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

interface Curve {
  /** All of the SubjectPublicKeyInfo before the point, which is the rest. */
  readonly prefix: Buffer;
  readonly jwk: { readonly kty: 'EC' | 'OKP'; readonly crv: string };
  readonly coordinates: 1 | 2;
  readonly coordinateLength: number;
}

/** RFC 5480 §2 with uncompressed points, RFC 8410 §4. */
const CURVES: readonly Curve[] = [
  usual('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'EC', 'P-256', 2, 32),
  usual('3076301006072a8648ce3d020106052b8104002203620004', 'EC', 'P-384', 2, 48),
  usual('30819b301006072a8648ce3d020106052b810400230381860004', 'EC', 'P-521', 2, 66),
  usual('302a300506032b6570032100', 'OKP', 'Ed25519', 1, 32),
];

/** rsaEncryption with NULL parameters, behind a two-byte length (RFC 3279 §2.3.1). */
const RSA_ALGORITHM = Buffer.from('300d06092a864886f70d0101010500', 'hex');

/**
 * A SubjectPublicKeyInfo in one of the encodings of nearly every certificate. On Node 20, where OpenSSL 3 tries its
 * decoders one by one, it costs 140 µs for RSA and P-256; as JWK 10 and 85. Throws when the key is invalid.
 */
export function importSpki(spki: Uint8Array): KeyObject {
  const der = Buffer.from(spki.buffer, spki.byteOffset, spki.length);
  const key = curveJwk(der) ?? rsaJwk(der);
  if (key !== undefined) return createPublicKey({ key, format: 'jwk' });
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

/** A key of a curve in its usual encoding. */
export interface CurvePoint {
  readonly crv: string;
  /** Uncompressed, or a key of Ed25519. */
  readonly point: Uint8Array;
}

/** `undefined` for keys of other types, and other encodings. */
export function curvePoint(spki: Uint8Array): CurvePoint | undefined {
  const curve = curveOf(spki);
  if (curve === undefined) return undefined;
  const { prefix, jwk, coordinates } = curve;
  // The prefix of two coordinates ends with the byte that says so.
  return { crv: jwk.crv, point: spki.subarray(prefix.length - (coordinates - 1)) };
}

function curveJwk(der: Buffer): JsonWebKey | undefined {
  const curve = curveOf(der);
  if (curve === undefined) return undefined;
  const { prefix, jwk, coordinates, coordinateLength } = curve;
  const yAt = prefix.length + coordinateLength;
  const x = der.toString('base64url', prefix.length, yAt);
  const { kty, crv } = jwk;
  return coordinates === 1 ? { kty, crv, x } : { kty, crv, x, y: der.toString('base64url', yAt) };
}

function curveOf(spki: Uint8Array): Curve | undefined {
  return CURVES.find(
    ({ prefix, coordinates, coordinateLength }) =>
      spki.length === prefix.length + coordinates * coordinateLength &&
      prefix.equals(spki.subarray(0, prefix.length)),
  );
}

/**
 * SEQUENCE, algorithm, BIT STRING, SEQUENCE, then modulus and exponent; each length but the exponent's has two bytes
 * from 1024 bits up. OpenSSL handles all other encodings.
 */
function rsaJwk(der: Buffer): JsonWebKey | undefined {
  const end = der.length;
  if (end < 256 || !der.subarray(4, 19).equals(RSA_ALGORITHM)) return undefined;
  const modulusEnd = 32 + der.readUInt16BE(30);
  const exponentAt = modulusEnd + 2;
  const regular =
    opens(der, 0, 0x30, end) &&
    opens(der, 19, 0x03, end) &&
    der[23] === 0 &&
    opens(der, 24, 0x30, end) &&
    opens(der, 28, 0x02, modulusEnd) &&
    der[modulusEnd] === 0x02 &&
    der[modulusEnd + 1] === end - exponentAt &&
    end - exponentAt < 0x80;
  if (!regular) return undefined;
  return {
    kty: 'RSA',
    n: der.toString('base64url', der[32] === 0 ? 33 : 32, modulusEnd),
    e: der.toString('base64url', exponentAt),
  };
}

/** Whether an element with `tag` and a two-byte length begins at `at` and ends at `end`. */
function opens(der: Buffer, at: number, tag: number, end: number): boolean {
  return der[at] === tag && der[at + 1] === 0x82 && at + 4 + der.readUInt16BE(at + 2) === end;
}

function usual(
  prefix: string,
  kty: 'EC' | 'OKP',
  crv: string,
  coordinates: 1 | 2,
  coordinateLength: number,
): Curve {
  return { prefix: Buffer.from(prefix, 'hex'), jwk: { kty, crv }, coordinates, coordinateLength };
}
