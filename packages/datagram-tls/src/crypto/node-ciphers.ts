import type { Buffer } from 'node:buffer';
import {
  type Cipher,
  type CipherCCM,
  type CipherCCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type DecipherCCM,
  type KeyObject,
} from 'node:crypto';
import process from 'node:process';
import { own, put, readInnerType } from '../base/bytes.js';
import { ChaChaMask } from './chacha-mask.js';
import { offHeap, plain } from './node-bytes.js';
import type { AeadKey, AeadName, CbcKey, RecordNumberMask } from './provider.js';
import { checkKeyLength } from './suites.js';

interface Algorithm {
  /** Node's types give CCM the widest of the AEAD interfaces; at run time they are one. */
  readonly name: CipherCCMTypes;
  readonly options: { readonly authTagLength: number };
  /** CCM needs the length of the text before the associated data (RFC 3610 §2.2). */
  readonly ccm: boolean;
}

interface AcceptsAad {
  setAAD(aad: Uint8Array, options?: { plaintextLength: number }): unknown;
}

const ALGORITHMS: Readonly<Record<AeadName, Algorithm>> = {
  'aes-128-gcm': algorithm('aes-128-gcm', 16),
  'aes-256-gcm': algorithm('aes-256-gcm', 16),
  'chacha20-poly1305': algorithm('chacha20-poly1305', 16),
  'aes-128-ccm': algorithm('aes-128-ccm', 16),
  'aes-256-ccm': algorithm('aes-256-ccm', 16),
  'aes-128-ccm-8': algorithm('aes-128-ccm', 8),
  'aes-256-ccm-8': algorithm('aes-256-ccm', 8),
};

function algorithm(name: string, authTagLength: number): Algorithm {
  return { name: name as CipherCCMTypes, options: { authTagLength }, ccm: name.endsWith('ccm') };
}

/**
 * OpenSSL takes a null pointer as no text at all, and then CCM neither makes nor checks a tag. Empty arrays may have
 * that pointer; this one does not.
 */
const EMPTY = new Uint8Array(1).subarray(0, 0);

/**
 * Up to Node 22 a key in bytes is the cheaper one for few texts: to make and to collect a key object costs as much as half a record.
 * Later versions make an object of the bytes each time.
 */
const TAKES_BYTES = Number.parseInt(process.versions.node, 10) < 24;
/** A key object does not pay for fewer texts than three: a ticket is one, and a handshake has a Finished and an alert. */
const FEW = 2;

/** The platform's AEAD objects serve one text each, so each record makes one; only the key is kept. */
export class NodeAead implements AeadKey {
  readonly tagLength: number;
  readonly #algorithm: Algorithm;
  /** Of the first {@link FEW} texts; `undefined` once there is {@link #object}. */
  #bytes: Uint8Array | undefined;
  #object: KeyObject | undefined;
  #left = FEW;

  constructor(name: AeadName, key: Uint8Array) {
    checkKeyLength(name, key);
    this.#algorithm = ALGORITHMS[name];
    this.tagLength = this.#algorithm.options.authTagLength;
    if (TAKES_BYTES) this.#bytes = own(key);
    else this.#object = createSecretKey(key);
  }

  /** For one text; {@link takeBack} has to follow. */
  #key(): KeyObject | Uint8Array {
    const bytes = this.#bytes;
    if (bytes === undefined) return this.#object as KeyObject;
    if (this.#left-- > 0) return lend(bytes);
    this.#object = createSecretKey(bytes);
    bytes.fill(0);
    this.#bytes = undefined;
    return this.#object;
  }

  /** A nonce of another length is refused: nothing of a key stays lent. */
  #cipher(nonce: Uint8Array): CipherCCM {
    const { name, options } = this.#algorithm;
    const key = this.#key();
    try {
      return createCipheriv(name, key, nonce, options);
    } finally {
      takeBack(key);
    }
  }

  #decipher(nonce: Uint8Array): DecipherCCM {
    const { name, options } = this.#algorithm;
    const key = this.#key();
    try {
      return createDecipheriv(name, key, nonce, options);
    } finally {
      takeBack(key);
    }
  }

  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    const length = plaintext.length;
    const cipher = this.#cipher(nonce);
    this.#associate(cipher, aad, length);
    out.set(cipher.update(length === 0 ? EMPTY : plaintext), offset);
    cipher.final();
    out.set(cipher.getAuthTag(), offset + length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const opened = this.#open(nonce, aad, sealed);
    return opened && plain(opened);
  }

  openInner(
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    found: { type: number },
  ): Uint8Array | undefined {
    const inner = this.#open(nonce, aad, sealed);
    return inner && plain(inner, readInnerType(inner, found));
  }

  #open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
    const length = sealed.length - this.tagLength;
    if (length < 0) return undefined;
    try {
      const decipher = this.#decipher(nonce);
      decipher.setAuthTag(sealed.subarray(length));
      this.#associate(decipher, aad, length);
      const plaintext = decipher.update(length === 0 ? EMPTY : sealed.subarray(0, length));
      decipher.final();
      return plaintext;
    } catch {
      return undefined;
    }
  }

  #associate(cipher: AcceptsAad, aad: Uint8Array, plaintextLength: number): void {
    if (this.#algorithm.ccm) cipher.setAAD(aad, { plaintextLength });
    else cipher.setAAD(aad);
  }
}

/** Where the bytes of a key are while a cipher takes them: the platform would move a short array out of the heap for that. */
const lent16 = offHeap(16);
const lent32 = offHeap(32);

/** The bytes of a key for a cipher that is made next. */
function lend(key: Uint8Array): Uint8Array {
  const room = key.length === lent16.length ? lent16 : lent32;
  put(key, room, 0);
  return room;
}

/** The cipher is made. */
function takeBack(key: KeyObject | Uint8Array): void {
  if (key === lent16 || key === lent32) for (let i = 0; i < key.length; i++) key[i] = 0;
}

/** RFC 9147 §4.2.3: AES encrypts the sample, ChaCha20 uses it as counter and nonce. */
export function recordNumberMask(name: AeadName, key: Uint8Array): RecordNumberMask {
  checkKeyLength(name, key);
  return name === 'chacha20-poly1305' ? new ChaChaMask(key) : new AesMask(key);
}

/** In ECB every block is independent, so one cipher object serves a whole epoch. */
class AesMask implements RecordNumberMask {
  readonly #cipher: Cipher;

  constructor(key: Uint8Array) {
    const given = TAKES_BYTES ? lend(key) : createSecretKey(key);
    this.#cipher = createCipheriv(`aes-${key.length * 8}-ecb`, given, null);
    takeBack(given);
    this.#cipher.setAutoPadding(false);
  }

  mask(sample: Uint8Array): Uint8Array {
    return this.#cipher.update(sample);
  }
}

export class NodeAesCbc implements CbcKey {
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(key: Uint8Array) {
    this.#name = `aes-${key.length * 8}-cbc`;
    this.#key = createSecretKey(key);
  }

  encrypt(iv: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    const cipher = createCipheriv(this.#name, this.#key, iv).setAutoPadding(false);
    out.set(cipher.update(plaintext), offset);
    cipher.final();
  }

  decrypt(iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const decipher = createDecipheriv(this.#name, this.#key, iv).setAutoPadding(false);
    const plaintext = decipher.update(ciphertext);
    decipher.final();
    return plain(plaintext);
  }
}
