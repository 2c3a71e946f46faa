import {
  type Cipher,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type Decipher,
  type KeyObject,
} from 'node:crypto';

const NAME = 'aes-128-ecb';

/** AES-128 of single blocks of 16 bytes. In ECB every block is independent, so that one object of the platform serves all. */
export class BlockCipher {
  readonly #key: KeyObject;
  readonly #cipher: Cipher;
  #decipher: Decipher | undefined;

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
    this.#cipher = createCipheriv(NAME, this.#key, null).setAutoPadding(false);
  }

  encrypt(block: Uint8Array): Uint8Array {
    return this.#cipher.update(block);
  }

  /** Four passes need none. */
  decrypt(block: Uint8Array): Uint8Array {
    this.#decipher ??= createDecipheriv(NAME, this.#key, null).setAutoPadding(false);
    return this.#decipher.update(block);
  }
}
