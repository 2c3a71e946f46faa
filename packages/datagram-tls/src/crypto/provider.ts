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
  /** Imports a key for one direction of one epoch; `key` has the length that the name says. */
  aead(name: AeadName, key: Uint8Array): AeadKey;
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
   * HKDF-Expand-Label with this key as the secret (RFC 8446 §7.1), once for each of `heads`: an `HkdfLabel` up to its context,
   * which is the same for all. `undefined`, like a missing function, leaves it to `sign`.
   */
  expandLabels?(heads: readonly Uint8Array[], context: Uint8Array): Uint8Array[] | undefined;
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
   * Optional, because {@link seal} can do it: seals the `length` bytes at `offset` of `bytes` where they are, and writes the tag
   * behind them.
   */
  sealInPlace?(nonce: Uint8Array, aad: Uint8Array, bytes: Uint8Array, offset: number, length: number): void;
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
