import * as nodeCrypto from 'node:crypto';
import { createDecipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { concat } from '../base/bytes.js';
import { plain } from './node-bytes.js';
import { once } from './once.js';
import type { FileCipher, FileHash, PasswordCrypto } from './password-crypto.js';

/** Node 20.12 and later: a derivation of 600,000 hashes takes a third of the time. */
const hashAtOnce = (nodeCrypto as { hash?: typeof nodeCrypto.hash }).hash;

/** Bytes of key and IV. */
const CIPHERS: Readonly<Record<FileCipher, readonly [number, number]>> = {
  'aes-128-cbc': [16, 16],
  'aes-192-cbc': [24, 16],
  'aes-256-cbc': [32, 16],
  'des-ede3-cbc': [24, 8],
  'des-ede-cbc': [16, 8],
  'rc2-cbc': [16, 8],
  'rc2-40-cbc': [5, 8],
};

/** @see CryptoProvider.passwords */
export const nodePasswords: PasswordCrypto = {
  digest,
  hmac,
  pbkdf2,
  hasHash: once((hash: FileHash) => {
    const salt = new Uint8Array(16);
    // The minimum that FIPS modules accept.
    const derived = pbkdf2(hash, salt, salt, 1000, 16);
    return derived.length === 16 && digest(hash, salt).length === hmac(hash, salt, salt).length;
  }),
  // RC2 is in OpenSSL's legacy provider, which stock Node does not load.
  hasCipher: once((cipher: FileCipher) => {
    const [key, iv] = CIPHERS[cipher];
    const decipher = createDecipheriv(cipher, new Uint8Array(key), new Uint8Array(iv)).setAutoPadding(false);
    return concat(decipher.update(new Uint8Array(16)), decipher.final()).length === 16;
  }),
  decrypt: (cipher, key, iv, data) => {
    try {
      const decipher = createDecipheriv(cipher, key, iv);
      return concat(decipher.update(data), decipher.final());
    } catch {
      return undefined;
    }
  },
};

function digest(hash: FileHash, data: Uint8Array): Uint8Array {
  return plain(hashAtOnce?.(hash, data, 'buffer') ?? createHash(hash).update(data).digest());
}

function hmac(hash: FileHash, key: Uint8Array, data: Uint8Array): Uint8Array {
  return plain(createHmac(hash, key).update(data).digest());
}

/** RFC 8018 §5.2. */
function pbkdf2(
  hash: FileHash,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Uint8Array {
  return plain(pbkdf2Sync(password, salt, iterations, length, hash));
}
