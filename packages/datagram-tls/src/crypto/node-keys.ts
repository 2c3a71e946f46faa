import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, type KeyObject, type PrivateKeyInput } from 'node:crypto';
import { callerError } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import { plain } from './node-bytes.js';
import { nodeCapabilities } from './node-capabilities.js';
import { importSpki } from './node-spki.js';
import {
  HASH_LENGTH,
  type HashName,
  type KeyShape,
  type KeyType,
  type PrivateKey,
  type PublicKey,
} from './provider.js';
import { SIGNATURE_SCHEMES } from './signatures.js';

/** PEM begins with dashes, after white space or explanatory text (RFC 7468 §2); DER with a SEQUENCE. */
const DER_SEQUENCE = 0x30;

const DER_TYPES = ['pkcs8', 'sec1', 'pkcs1'] as const;

/** Node has no code for a valid key that cannot be used here. */
const UNSUPPORTED = 'ERR_DTLS_UNSUPPORTED_KEY';

/** @see CryptoProvider.importPrivateKey */
export function importPrivateKey(data: string | Uint8Array, passphrase?: string | Uint8Array): PrivateKey {
  const handle = readPrivateKey(data, passphrase === undefined ? undefined : Buffer.from(passphrase));
  const shape = shapeOf(handle);
  if (shape === undefined) {
    throw callerError(
      UNSUPPORTED,
      `A private key of type ${handle.asymmetricKeyType ?? 'unknown'} is not supported`,
    );
  }
  return { ...shape, spki: exportSpki(createPublicKey(handle)), handle };
}

/** @see CryptoProvider.importPublicKey */
export function importPublicKey(spki: Uint8Array): PublicKey | undefined {
  try {
    const handle = importSpki(spki);
    const shape = shapeOf(handle);
    if (shape === undefined) return undefined;
    const { type, bits, hashes } = shape;
    return { type, bits, hashes, spki, handle };
  } catch {
    return undefined;
  }
}

/**
 * Keys of two types are not compared: Node leaves OpenSSL's error about them in its queue, and the next import throws
 * it.
 *
 * @see CryptoProvider.isKeyOf
 */
export function isKeyOf(spki: Uint8Array, key: PublicKey | PrivateKey): boolean {
  const handle = key.handle as KeyObject;
  try {
    const other = importSpki(spki);
    if (describeKey(other)?.type !== key.type) return false;
    return other.equals(handle.type === 'private' ? createPublicKey(handle) : handle);
  } catch {
    return false;
  }
}

/** A missing passphrase has the code of node:tls and node:dtls, whatever this version of Node says of it. */
function readPrivateKey(data: string | Uint8Array, passphrase: Buffer | undefined): KeyObject {
  try {
    return readKey(typeof data === 'string' ? data : Buffer.from(data), passphrase);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (passphrase !== undefined || !WITHOUT_PASSPHRASE.test(String(code))) throw error;
    throw callerError(
      'ERR_OSSL_BAD_DECRYPT',
      'bad decrypt: the private key is encrypted. Give options.passphrase',
      error,
    );
  }
}

/** The ends of Node's code, and of OpenSSL's where Node does not look for it. */
const WITHOUT_PASSPHRASE = /_(MISSING_PASSPHRASE|INTERRUPTED_OR_CANCELLED)$/;

function readKey(key: string | Buffer, passphrase: Buffer | undefined): KeyObject {
  if (typeof key === 'string' || key[0] !== DER_SEQUENCE)
    return createPrivateKey(ownProperties<PrivateKeyInput>({ key, format: 'pem', passphrase }));
  let first: unknown;
  for (const type of DER_TYPES) {
    try {
      return createPrivateKey(ownProperties<PrivateKeyInput>({ key, format: 'der', type, passphrase }));
    } catch (error) {
      // PKCS#8 is the most likely format, so its error is the most useful.
      first ??= error;
    }
  }
  throw first;
}

/** `undefined` for keys whose signatures this platform does not support. */
function shapeOf(key: KeyObject): KeyShape | undefined {
  const shape = describeKey(key);
  const hashes = shape && platformHashes(shape.type);
  if (shape === undefined || hashes === undefined || hashes === 'every') return hashes && shape;
  return { ...shape, hashes: (shape.hashes ?? hashes).filter((name) => hashes.includes(name)) };
}

const hashesByType = new Map<KeyType, readonly HashName[] | 'every' | undefined>();

/** The hashes that this platform supports with keys of the type; `undefined`: it supports no signature. */
function platformHashes(type: KeyType): readonly HashName[] | 'every' | undefined {
  if (hashesByType.has(type)) return hashesByType.get(type);
  const all = SIGNATURE_SCHEMES.filter(({ keyTypes12 }) => keyTypes12.includes(type));
  const able = all.filter(({ name }) => nodeCapabilities.signature(name, type));
  const hashes = able.flatMap(({ hash }) => hash ?? []);
  const answer = able.length === all.length ? 'every' : able.length > 0 ? hashes : undefined;
  hashesByType.set(type, answer);
  return answer;
}

function describeKey(key: KeyObject): KeyShape | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { type: 'rsa', bits: modulusLength, hashes: undefined };
    case 'rsa-pss':
      return { type: 'rsa-pss', bits: modulusLength, hashes: pssHashes(key) };
    case 'ed25519':
      return { type: 'ed25519', bits: 255, hashes: undefined };
    case 'ed448':
      return { type: 'ed448', bits: 448, hashes: undefined };
    case 'ec':
      return CURVES.get(namedCurve ?? '');
    default:
      return undefined;
  }
}

/** TLS uses the signature's hash for the mask, and a salt of the same length (RFC 8446 §4.2.3). */
function pssHashes(key: KeyObject): readonly HashName[] | undefined {
  const { hashAlgorithm, mgf1HashAlgorithm, saltLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (hashAlgorithm === undefined) return undefined;
  const hash = HASHES.find((name) => name === hashAlgorithm && name === mgf1HashAlgorithm);
  return hash !== undefined && saltLength <= HASH_LENGTH[hash] ? [hash] : [];
}

const HASHES = Object.keys(HASH_LENGTH) as HashName[];

const CURVES: ReadonlyMap<string, KeyShape> = new Map([
  ['prime256v1', { type: 'p256', bits: 256, hashes: undefined }],
  ['secp384r1', { type: 'p384', bits: 384, hashes: undefined }],
  ['secp521r1', { type: 'p521', bits: 521, hashes: undefined }],
]);

/** A curve is named, and its point uncompressed, whatever the key's file has: peers take no other form (RFC 5480 §2.1.1, §2.2). */
function exportSpki(key: KeyObject): Uint8Array {
  const usual =
    key.asymmetricKeyType === 'ec'
      ? createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' })
      : key;
  return plain(usual.export({ type: 'spki', format: 'der' }));
}
