import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { plain } from './node-bytes.js';
import type { CbcKey } from './provider.js';

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
