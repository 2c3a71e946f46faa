import {
  type Cipher,
  type CipherCCM,
  type CipherCCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { plain } from './node-bytes.js';
import type { AeadKey, AeadName, RecordNumberMask } from './provider.js';

interface Algorithm {
  readonly name: string;
  readonly tagLength: number;
  /** CCM wants the length of the text before the associated data (RFC 3610 §2.2). */
  readonly ccm: boolean;
}

interface AcceptsAad {
  setAAD(aad: Uint8Array, options?: { plaintextLength: number }): unknown;
}

const ALGORITHMS: Readonly<Record<AeadName, Algorithm>> = {
  'aes-128-gcm': { name: 'aes-128-gcm', tagLength: 16, ccm: false },
  'aes-256-gcm': { name: 'aes-256-gcm', tagLength: 16, ccm: false },
  'chacha20-poly1305': { name: 'chacha20-poly1305', tagLength: 16, ccm: false },
  'aes-128-ccm': { name: 'aes-128-ccm', tagLength: 16, ccm: true },
  'aes-256-ccm': { name: 'aes-256-ccm', tagLength: 16, ccm: true },
  'aes-128-ccm-8': { name: 'aes-128-ccm', tagLength: 8, ccm: true },
  'aes-256-ccm-8': { name: 'aes-256-ccm', tagLength: 8, ccm: true },
};

/** The platform has no AEAD object that outlives one text, so each record makes one; only the key is kept. */
export class NodeAead implements AeadKey {
  readonly tagLength: number;
  readonly #name: CipherCCMTypes;
  readonly #ccm: boolean;
  readonly #key: KeyObject;
  readonly #options: { authTagLength: number };

  constructor(name: AeadName, key: Uint8Array) {
    const algorithm = ALGORITHMS[name];
    this.tagLength = algorithm.tagLength;
    // The platform's types give CCM the widest of three interfaces that are one at run time.
    this.#name = algorithm.name as CipherCCMTypes;
    this.#ccm = algorithm.ccm;
    this.#key = createSecretKey(key);
    this.#options = { authTagLength: algorithm.tagLength };
  }

  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    const cipher: CipherCCM = createCipheriv(this.#name, this.#key, nonce, this.#options);
    this.#associate(cipher, aad, plaintext.length);
    out.set(cipher.update(plaintext), offset);
    cipher.final();
    out.set(cipher.getAuthTag(), offset + plaintext.length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - this.tagLength;
    if (length < 0) return undefined;
    try {
      const decipher = createDecipheriv(this.#name, this.#key, nonce, this.#options);
      decipher.setAuthTag(sealed.subarray(length));
      this.#associate(decipher, aad, length);
      const plaintext = decipher.update(sealed.subarray(0, length));
      decipher.final();
      return plain(plaintext);
    } catch {
      return undefined;
    }
  }

  #associate(cipher: AcceptsAad, aad: Uint8Array, plaintextLength: number): void {
    if (this.#ccm) cipher.setAAD(aad, { plaintextLength });
    else cipher.setAAD(aad);
  }
}

/** RFC 9147 §4.2.3: AES encrypts the sample, ChaCha20 takes it as counter and nonce. */
export function recordNumberMask(name: AeadName, key: Uint8Array): RecordNumberMask {
  return name === 'chacha20-poly1305' ? new ChaChaMask(key) : new AesMask(key);
}

/** In ECB every block stands for itself, so one cipher object serves a whole epoch. */
class AesMask implements RecordNumberMask {
  readonly #cipher: Cipher;

  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv(`aes-${key.length * 8}-ecb`, createSecretKey(key), null);
    this.#cipher.setAutoPadding(false);
  }

  mask(sample: Uint8Array): Uint8Array {
    return this.#cipher.update(sample);
  }
}

class ChaChaMask implements RecordNumberMask {
  static readonly #zeros = new Uint8Array(2);
  readonly #key: KeyObject;

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  /** OpenSSL's 16-byte IV is the little-endian counter and the nonce, just as the sample is read. */
  mask(sample: Uint8Array): Uint8Array {
    return createCipheriv('chacha20', this.#key, sample).update(ChaChaMask.#zeros);
  }
}
