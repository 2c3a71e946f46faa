import type { GroupName, SchemeName } from '../wire/codes.js';
import type { PasswordCrypto } from './password-crypto.js';

/**
 * All cryptography and randomness the core uses. `crypto/node.ts` implements it over node:crypto, `layerProvider` lays a provider
 * with some primitives over another.
 *
 * @example
 * ```ts
 * import { type CryptoProvider, nodeProvider } from 'datagram-tls/core';
 *
 * function nonce(provider: CryptoProvider): Uint8Array {
 *   return provider.randomBytes(12);
 * }
 * console.log(nonce(nodeProvider).length);
 * ```
 */
export interface CryptoProvider {
  /** What this platform supports. Nothing else of the provider is called for unsupported primitives. */
  readonly capabilities: Capabilities;
  /** Cryptographically secure bytes, owned by the caller. */
  randomBytes(length: number): Uint8Array;
  /** A new hash. SHA-1 is a look-up key only. */
  hash(name: HashName | 'sha1'): RunningHash;
  /** Imports an HMAC key once; HKDF-Extract is HMAC with the salt as key. */
  mac(hash: HashName, key: Uint8Array): MacKey;
  /** HKDF-Expand (RFC 5869 §2.3). */
  hkdfExpand(hash: HashName, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** Imports a key for one direction of one epoch. Throws a `RangeError` unless `key` has the length that the name says. */
  aead(name: AeadName, key: Uint8Array): AeadKey;
  /**
   * Optional, because {@link hkdfExpand} and {@link aead} can do it: texts under keys that are each made for one of them, such as
   * tickets. `undefined`, like a missing function, leaves it to those.
   */
  derivedAead?(hash: HashName, name: AeadName): DerivedAead | undefined;
  /**
   * Optional, because {@link aead} and {@link recordNumberMask} can do it: imports all keys of one direction of one epoch, for the
   * records of a suite with this AEAD. `undefined`: not for these.
   */
  recordKey?(name: AeadName, secrets: RecordSecrets): RecordKey | undefined;
  /** AES in CBC mode, for suites that authenticate by HMAC. */
  aesCbc(key: Uint8Array): CbcKey;
  /** Record number encryption of DTLS 1.3 (RFC 9147 §4.2.3); one object per epoch and direction. */
  recordNumberMask(name: AeadName, key: Uint8Array): RecordNumberMask;
  /** Starts a key exchange: makes an ephemeral key pair and the share to send. */
  startKeyExchange(group: GroupName): KeyExchange;
  /** Answers a peer's share; `undefined` when the share is invalid (RFC 8446 §4.2.8.2, §7.4.2). */
  answerKeyExchange(group: GroupName, peerShare: Uint8Array): KeyExchangeAnswer | undefined;
  /** PEM or DER (PKCS#8, PKCS#1, SEC1). Throws an error with Node's OpenSSL code when it cannot be read. */
  importPrivateKey(data: string | Uint8Array, passphrase?: string | Uint8Array): PrivateKey;
  /** SubjectPublicKeyInfo in DER; `undefined` when it cannot be read, or no signature of such a key is supported. */
  importPublicKey(spki: Uint8Array): PublicKey | undefined;
  /** Whether `spki`, in DER, is the public half of `key`, in any encodings. */
  isKeyOf(spki: Uint8Array, key: PublicKey | PrivateKey): boolean;
  /** Signs `data` itself, not a hash of it; ECDSA signatures are DER (RFC 8446 §4.2.3). May throw. */
  sign(scheme: SchemeName, key: PrivateKey, data: Uint8Array): Uint8Array;
  /** The same in another thread, where the platform has some; rejects where `sign` throws. `undefined`: not with this key. */
  signInThread?(scheme: SchemeName, key: PrivateKey, data: Uint8Array): Promise<Uint8Array> | undefined;
  /** Never throws: a malformed signature is a wrong one. */
  verify(scheme: SchemeName, key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean;
  /** For files with keys and certificates. */
  readonly passwords: PasswordCrypto;
  /** Compares secrets in constant time; unequal lengths are unequal. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
}

/**
 * What a platform supports, by name. Each answer stays the same; the first may take some milliseconds, because it is
 * found by trying.
 *
 * @example
 * ```ts
 * import { type Capabilities, nodeProvider } from 'datagram-tls/core';
 *
 * const capabilities: Capabilities = nodeProvider.capabilities;
 * console.log(capabilities.aead('aes-128-gcm'));
 * ```
 */
export interface Capabilities {
  /** The hash, and HMAC with it. */
  hash(name: HashName | 'sha1'): boolean;
  /** The AEAD, in both directions. */
  aead(name: AeadName): boolean;
  /** AES-128-CBC. */
  aesCbc(): boolean;
  /** The record number encryption that belongs to an AEAD in DTLS 1.3. */
  recordNumberMask(name: AeadName): boolean;
  /** Key exchanges in the group. */
  group(name: GroupName): boolean;
  /**
   * Signatures under the scheme by keys of the type. As in DTLS 1.2, an ECDSA scheme means its hash and works with
   * any curve.
   */
  signature(scheme: SchemeName, key: KeyType): boolean;
}

/**
 * Hashes that are strong enough for proofs. SHA-1 is only a look-up key for proofs of others, as in OCSP.
 *
 * @example
 * ```ts
 * import type { HashName } from 'datagram-tls/core';
 *
 * const name: HashName = 'sha256';
 * ```
 */
export type HashName = 'sha256' | 'sha384' | 'sha512';

/**
 * A hash of what is given piece by piece.
 *
 * @example
 * ```ts
 * import { nodeProvider, type RunningHash } from 'datagram-tls/core';
 *
 * const hash: RunningHash = nodeProvider.hash('sha256');
 * hash.update(new Uint8Array(3));
 * console.log(hash.digest().length);
 * ```
 */
export interface RunningHash {
  /** Adds bytes, which are not kept. */
  update(data: Uint8Array): void;
  /** The digest of all updates so far; the hash can go on. */
  digest(): Uint8Array;
  /** A copy with the same input so far. */
  copy(): RunningHash;
}

/**
 * An HMAC key.
 *
 * @example
 * ```ts
 * import { type MacKey, nodeProvider } from 'datagram-tls/core';
 *
 * const mac: MacKey = nodeProvider.mac('sha256', secret);
 * ```
 */
export interface MacKey {
  /** HMAC of the parts, one after the other. */
  sign(...parts: Uint8Array[]): Uint8Array;
  /**
   * `length` bytes of the PRF of TLS 1.2 with this key as the secret (RFC 5246 §5); `seed`, of any parts, begins with the
   * label. `undefined`, like a missing function, leaves it to `sign`.
   */
  prf?(length: number, ...seed: Uint8Array[]): Uint8Array | undefined;
  /**
   * The outputs of several derivations with the same hash, each of this key or of the output of one before. `inputs`: what they
   * refer to. `undefined`, like a missing function, leaves it to `sign`.
   */
  derive?(steps: readonly Derivation[], inputs: readonly Uint8Array[]): Uint8Array[] | undefined;
}

/**
 * One of several derivations.
 *
 * @example
 * ```ts
 * import type { Derivation } from 'datagram-tls/core';
 *
 * const hmacOfTheFirstInput: Derivation = {
 *   ...{ from: 0, by: 'hmac', length: 32 },
 *   ...{ head: new Uint8Array(0), input: 0 },
 * };
 * ```
 */
export interface Derivation {
  /** Its key: 0 for the key itself, n for the output of the nth derivation. */
  readonly from: number;
  /** HKDF-Expand (RFC 5869 §2.3), or HMAC, which is HKDF-Extract with a salt as its key (RFC 5869 §2.2). */
  readonly by: 'expand' | 'hmac';
  /** Bytes of its output; for `hmac` those of the hash. */
  readonly length: number;
  /** What its text begins with, such as a label. */
  readonly head: Uint8Array;
  /** Which of the inputs follows, from 0. */
  readonly input: number;
}

/**
 * Names of AEADs; `-8` means a tag of 8 bytes.
 *
 * @example
 * ```ts
 * import type { AeadName } from 'datagram-tls/core';
 *
 * const name: AeadName = 'aes-128-gcm';
 * ```
 */
export type AeadName =
  | 'aes-128-gcm'
  | 'aes-256-gcm'
  | 'chacha20-poly1305'
  | 'aes-128-ccm'
  | 'aes-256-ccm'
  | 'aes-128-ccm-8'
  | 'aes-256-ccm-8';

/**
 * An AEAD under one key.
 *
 * @example
 * ```ts
 * import { type AeadKey, nodeProvider } from 'datagram-tls/core';
 *
 * const aead: AeadKey = nodeProvider.aead('aes-128-gcm', secret);
 * console.log(aead.tagLength);
 * ```
 */
export interface AeadKey {
  /** Bytes that a sealed text is longer than its plaintext. */
  readonly tagLength: number;
  /**
   * Writes ciphertext and tag into `out` at `offset`. `plaintext` may be exactly the bytes at that offset, which are
   * then sealed in place, or bytes elsewhere that do not overlap.
   */
  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void;
  /** The plaintext in its own memory, or `undefined` when it is not authentic. Never throws, whatever the length. */
  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
  /**
   * Optional, because {@link open} can do most of it: opens a text that ends with a content type, which is not zero, and any number
   * of zeros (RFC 8446 §5.4, RFC 9146 §4). Returns what comes before the type, in its own memory, and the type in `found`; zeros
   * alone have type 0. Leaves `found` as it is when the text is not authentic.
   */
  openInner?(
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    found: { type: number },
  ): Uint8Array | undefined;
}

/**
 * The keys of one direction of one epoch, and what is on its records besides.
 *
 * @example
 * ```ts
 * import type { RecordSecrets } from 'datagram-tls/core';
 *
 * const none = new Uint8Array(0);
 * const secrets: RecordSecrets = { epoch: 1, key: secret, iv: new Uint8Array(4), sn: none };
 * ```
 */
export interface RecordSecrets {
  /** That of the records: 0 to 2^16 - 1 in DTLS 1.2, 1 to 2^48 - 1 in DTLS 1.3. */
  readonly epoch: number;
  /** Of the AEAD. */
  readonly key: Uint8Array;
  /** The fixed part of nonces: 12 bytes, or 4 where records have an explicit nonce (RFC 5288 §3, RFC 6655 §3). */
  readonly iv: Uint8Array;
  /** The key of record numbers in DTLS 1.3 (RFC 9147 §4.2.3); empty in DTLS 1.2, where they are not encrypted. */
  readonly sn: Uint8Array;
}

/**
 * Protects and opens whole records of one direction of one epoch: those of DTLS 1.2 with an AEAD (RFC 6347 §4.1), also with a
 * connection ID (RFC 9146 §4), and those of DTLS 1.3 (RFC 9147 §4).
 *
 * @example
 * ```ts
 * import { nodeProvider, type RecordKey } from 'datagram-tls/core';
 *
 * const secrets = { epoch: 1, key: secret, iv: new Uint8Array(4), sn: new Uint8Array(0) };
 * const made: RecordKey | undefined = nodeProvider.recordKey?.('aes-128-gcm', secrets);
 * ```
 */
export interface RecordKey {
  /** Bytes of the AEAD's tag. */
  readonly tagLength: number;
  /** Records that are sealed from now on have this connection ID, of at most 255 bytes; an empty one is none. */
  useConnectionId(cid: Uint8Array): void;
  /**
   * Writes a record into `out` at `at`, and returns its length. `content`, of at most 2^14 bytes, does not overlap it. In DTLS 1.3
   * the header has 16 bits of the number, and the length. Throws where `out` has no room.
   */
  seal(type: number, sequence: number, content: Uint8Array, out: Uint8Array, at: number): number;
  /**
   * Opens the record that stands in `datagram`: what comes before content type and padding, in its own memory. The type, which is 0
   * where there is only padding, and the number are in `record` then. `'replayed'`: its number is not fresh, and it was not opened;
   * `undefined`: it is not authentic.
   */
  open(datagram: Uint8Array, record: RecordPlace, seen: SeenNumbers): Uint8Array | 'replayed' | undefined;
}

/**
 * Where a record stands in a datagram, and what its header says.
 *
 * @example
 * ```ts
 * import type { RecordPlace } from 'datagram-tls/core';
 *
 * const record: RecordPlace = { start: 0, bodyStart: 13, end: 50, type: 23, sequence: 7 };
 * ```
 */
export interface RecordPlace {
  /** Offset of its first byte in the datagram. */
  readonly start: number;
  /** Offset of the bytes after its header. */
  readonly bodyStart: number;
  /** Offset of what comes behind it. */
  readonly end: number;
  /** Its content type (RFC 9147 §4.1); in DTLS 1.3 that of the header until the record is opened. */
  type: number;
  /** Encrypted numbers are not known before the record is opened. */
  sequence: number;
}

/**
 * The numbers of the records of an epoch that came before (RFC 6347 §4.1.2.6, RFC 9147 §4.5.1).
 *
 * @example
 * ```ts
 * import type { SeenNumbers } from 'datagram-tls/core';
 *
 * const none: SeenNumbers = { newest: -1, fresh: () => true };
 * ```
 */
export interface SeenNumbers {
  /** -1 before the first. */
  readonly newest: number;
  /** It did not come before, and is not too old to know. */
  fresh(sequence: number): boolean;
}

/**
 * An AEAD whose key and nonce HKDF-Expand makes, one behind the other, of a root and of information about the text (RFC 5869
 * §2.3). No two texts have the same information. The parts of information and additional data follow one another.
 *
 * @example
 * ```ts
 * import { type DerivedAead, nodeProvider } from 'datagram-tls/core';
 *
 * const aead: DerivedAead | undefined = nodeProvider.derivedAead?.('sha256', 'aes-256-gcm');
 * console.log(aead?.tagLength);
 * ```
 */
export interface DerivedAead {
  /** Bytes that a sealed text is longer than its plaintext. */
  readonly tagLength: number;
  /** Writes ciphertext and tag into `out` at `offset`; nothing of the rest is there. */
  seal(
    root: Uint8Array,
    info: readonly Uint8Array[],
    aad: readonly Uint8Array[],
    plaintext: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): void;
  /** The plaintext in its own memory, or `undefined` when it is not authentic. Never throws, whatever the length. */
  open(
    root: Uint8Array,
    info: readonly Uint8Array[],
    aad: readonly Uint8Array[],
    sealed: Uint8Array,
  ): Uint8Array | undefined;
}

/**
 * AES-CBC under one key. Texts are whole blocks of 16 bytes, as are IVs: the record layer pads.
 *
 * @example
 * ```ts
 * import { type CbcKey, nodeProvider } from 'datagram-tls/core';
 *
 * const cbc: CbcKey = nodeProvider.aesCbc(secret);
 * ```
 */
export interface CbcKey {
  /** Writes the ciphertext into `out` at `offset`. */
  encrypt(iv: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void;
  /** The plaintext in its own memory. */
  decrypt(iv: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

/**
 * Makes the masks that hide record numbers of DTLS 1.3 (RFC 9147 §4.2.3).
 *
 * @example
 * ```ts
 * import { nodeProvider, type RecordNumberMask } from 'datagram-tls/core';
 *
 * const mask: RecordNumberMask = nodeProvider.recordNumberMask('aes-128-gcm', secret);
 * ```
 */
export interface RecordNumberMask {
  /** The mask for the 16-byte `sample` of ciphertext; at least 2 bytes, valid until the next call. */
  mask(sample: Uint8Array): Uint8Array;
}

/**
 * Our part of a key exchange that we began.
 *
 * @example
 * ```ts
 * import { type KeyExchange, nodeProvider } from 'datagram-tls/core';
 *
 * const exchange: KeyExchange = nodeProvider.startKeyExchange('x25519');
 * console.log(exchange.share.length);
 * ```
 */
export interface KeyExchange {
  /** Its group. */
  readonly group: GroupName;
  /** Uncompressed point for NIST curves, 32 bytes for X25519, ML-KEM key then X25519 key for the hybrid. */
  readonly share: Uint8Array;
  /** `undefined` when the peer's share is not a valid public value, or the secret would be all zeros. */
  finish(peerShare: Uint8Array): Uint8Array | undefined;
}

/**
 * Our part of a key exchange that the peer began.
 *
 * @example
 * ```ts
 * import { type KeyExchangeAnswer, nodeProvider } from 'datagram-tls/core';
 *
 * const { share } = nodeProvider.startKeyExchange('x25519');
 * const answer: KeyExchangeAnswer | undefined = nodeProvider.answerKeyExchange('x25519', share);
 * ```
 */
export interface KeyExchangeAnswer {
  /** To send; in the form of {@link KeyExchange.share}, or the ML-KEM ciphertext and the X25519 key for the hybrid. */
  readonly share: Uint8Array;
  /** The shared secret, which the core owns. */
  readonly secret: Uint8Array;
}

/**
 * Types of keys that sign; `rsa-pss` is a key restricted to RSASSA-PSS.
 *
 * @example
 * ```ts
 * import type { KeyType } from 'datagram-tls/core';
 *
 * const type: KeyType = 'p256';
 * ```
 */
export type KeyType = 'p256' | 'p384' | 'p521' | 'ed25519' | 'ed448' | 'rsa' | 'rsa-pss';

/**
 * The properties of a key, and what it may sign.
 *
 * @example
 * ```ts
 * import type { KeyShape, PublicKey } from 'datagram-tls/core';
 *
 * function shapeOf(key: PublicKey): KeyShape {
 *   return key;
 * }
 * ```
 */
export interface KeyShape {
  /** Its type and curve. */
  readonly type: KeyType;
  /** Modulus length for RSA, field size for curves. */
  readonly bits: number;
  /**
   * For a key that is restricted to some hashes: those hashes, none of which may be supported here. An RSASSA-PSS key
   * may be restricted (RFC 4055 §3.1), and a platform may support a curve with some hashes only.
   */
  readonly hashes: readonly HashName[] | undefined;
}

/**
 * A key of a provider that verifies signatures; only that provider uses it.
 *
 * @example
 * ```ts
 * import { nodeProvider, type PublicKey } from 'datagram-tls/core';
 *
 * function read(spki: Uint8Array): PublicKey | undefined {
 *   return nodeProvider.importPublicKey(spki);
 * }
 * ```
 */
export interface PublicKey extends KeyShape {
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array;
  /** The platform's own object. */
  readonly handle: unknown;
}

/**
 * A key of a provider that signs; only that provider uses it.
 *
 * @example
 * ```ts
 * import { nodeProvider, type PrivateKey } from 'datagram-tls/core';
 *
 * const privateKey: PrivateKey | undefined = nodeProvider.importPrivateKey(key);
 * ```
 */
export interface PrivateKey extends KeyShape {
  /** SubjectPublicKeyInfo of its public half, to match it with a certificate. */
  readonly spki: Uint8Array;
  /** The platform's own object. */
  readonly handle: unknown;
}

/** Bytes of a digest, and so of every secret made with it. */
export const HASH_LENGTH: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 };
