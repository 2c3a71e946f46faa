/**
 * Protection of keys and certificates in files with a passphrase. Never for the protocol: old files need old
 * algorithms.
 */
export interface PasswordCrypto {
  digest(hash: FileHash, data: Uint8Array): Uint8Array;
  hmac(hash: FileHash, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** RFC 8018 §5.2. */
  pbkdf2(
    hash: FileHash,
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    length: number,
  ): Uint8Array;
  /** Not every platform supports all of them; found by trying, once. */
  hasHash(hash: FileHash): boolean;
  hasCipher(cipher: FileCipher): boolean;
  /** Without the padding; `undefined` where the padding is wrong, as it usually is under a wrong key. Never throws. */
  decrypt(cipher: FileCipher, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array | undefined;
}

export type FileHash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** OpenSSL's names. */
export type FileCipher =
  | 'aes-128-cbc'
  | 'aes-192-cbc'
  | 'aes-256-cbc'
  | 'des-ede3-cbc'
  | 'des-ede-cbc'
  | 'rc2-cbc'
  | 'rc2-40-cbc';
