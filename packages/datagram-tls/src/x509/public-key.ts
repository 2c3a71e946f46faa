import type { KeyType } from '../crypto/provider.js';
import { DerReader, type Oid, oid, Tag } from './der.js';

/** The fields of a SubjectPublicKeyInfo; the provider makes a key of it. */
export interface KeyInfo {
  /** SubjectPublicKeyInfo in DER. */
  readonly der: Uint8Array;
  /**
   * `undefined` for unsupported algorithms and curves, for curves given as explicit parameters, and for RSA keys
   * beyond the limits.
   */
  readonly type: KeyType | undefined;
  /** Modulus length for RSA, field size for curves; 0 where `type` is `undefined`. */
  readonly bits: number;
  /** Of the public exponent; 0 for curves. */
  readonly exponentBits: number;
}

const RSA = oid('1.2.840.113549.1.1.1');
const RSA_PSS = oid('1.2.840.113549.1.1.10');
const EC = oid('1.2.840.10045.2.1');
const ED25519 = oid('1.3.101.112');
const ED448 = oid('1.3.101.113');

const CURVES = new Map<Oid, { type: KeyType; bits: number; exponentBits: 0 }>([
  [oid('1.2.840.10045.3.1.7'), { type: 'p256', bits: 256, exponentBits: 0 }],
  [oid('1.3.132.0.34'), { type: 'p384', bits: 384, exponentBits: 0 }],
  [oid('1.3.132.0.35'), { type: 'p521', bits: 521, exponentBits: 0 }],
]);

const UNSUPPORTED = { type: undefined, bits: 0, exponentBits: 0 };

/** OpenSSL's OPENSSL_RSA_MAX_MODULUS_BITS: a check under a longer key costs too much. */
const MAX_RSA_BITS = 16_384;
/** OpenSSL's OPENSSL_RSA_MAX_PUBEXP_BITS, which OpenSSL enforces above 3072 bits only. 65537 has 17 bits. */
const MAX_EXPONENT_BITS = 64;

/** A SubjectPublicKeyInfo without a certificate; `undefined` when malformed. Never throws. */
export function parseKeyInfo(der: Uint8Array): KeyInfo | undefined {
  const reader = new DerReader(der);
  const info = readKeyInfo(reader);
  return reader.finished() ? info : undefined;
}

/** Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
export function readKeyInfo(reader: DerReader): KeyInfo {
  const der = reader.peek(Tag.sequence);
  return reader.inside(Tag.sequence, (spki) => {
    const [algorithm, parameters] = spki.inside(Tag.sequence, (id) => [id.oid(), id.optional()] as const);
    return { der, ...describeKey(algorithm, parameters, spki.octets()) };
  });
}

/** The key itself, out of the SubjectPublicKeyInfo `spki`; empty when malformed. */
export function subjectPublicKey(spki: Uint8Array): Uint8Array {
  return new DerReader(spki).inside(Tag.sequence, (r) => {
    r.element(Tag.sequence);
    return r.octets();
  });
}

function describeKey(algorithm: Oid, parameters: Uint8Array, key: Uint8Array): Omit<KeyInfo, 'der'> {
  switch (algorithm) {
    case RSA:
      return rsa('rsa', key);
    case RSA_PSS:
      return rsa('rsa-pss', key);
    case EC:
      return CURVES.get(new DerReader(parameters).oid()) ?? UNSUPPORTED;
    case ED25519:
      return { type: 'ed25519', bits: 255, exponentBits: 0 };
    case ED448:
      return { type: 'ed448', bits: 448, exponentBits: 0 };
    default:
      return UNSUPPORTED;
  }
}

/** RSAPublicKey (RFC 8017 §A.1.1). Read apart from the certificate: a malformed key counts as unsupported. */
function rsa(type: 'rsa' | 'rsa-pss', key: Uint8Array): Omit<KeyInfo, 'der'> {
  const reader = new DerReader(key);
  const [modulus, exponent] = reader.inside(Tag.sequence, (r) => [r.integer(), r.integer()] as const);
  if (!reader.finished()) return UNSUPPORTED;
  const bits = bitLength(modulus);
  const exponentBits = bitLength(exponent);
  // A signature under the exponent 1 is the message itself; an even exponent has no inverse.
  const isSound = exponentBits > 1 && ((exponent[exponent.length - 1] as number) & 1) === 1;
  if (!isSound || bits > MAX_RSA_BITS || exponentBits > MAX_EXPONENT_BITS) return UNSUPPORTED;
  return { type, bits, exponentBits };
}

/** Of a positive integer in DER; 0 for others. */
function bitLength(integer: Uint8Array): number {
  if ((integer[0] ?? 0) >= 0x80) return 0;
  const start = integer[0] === 0 ? 1 : 0;
  return Math.max(8 * (integer.length - start) - Math.clz32(integer[start] ?? 0) + 24, 0);
}
