import * as nodeCrypto from 'node:crypto';
import { createDecipheriv, createHash, createHmac, getCiphers, pbkdf2Sync } from 'node:crypto';
import { concat } from '../base/bytes.js';
import { plain } from './node-bytes.js';
import type { PasswordCrypto } from './password-crypto.js';

/** Node 20.12 and later: a derivation of 600,000 hashes takes a third of the time. */
const hashAtOnce = (nodeCrypto as { hash?: typeof nodeCrypto.hash }).hash;

/** @see CryptoProvider.passwords */
export const nodePasswords: PasswordCrypto = {
  digest: (hash, data) => plain(hashAtOnce?.(hash, data, 'buffer') ?? createHash(hash).update(data).digest()),
  hmac: (hash, key, data) => plain(createHmac(hash, key).update(data).digest()),
  pbkdf2: (hash, password, salt, iterations, length) =>
    plain(pbkdf2Sync(password, salt, iterations, length, hash)),
  // RC2 is in OpenSSL's legacy provider, which stock Node does not load.
  hasCipher: (cipher) => getCiphers().includes(cipher),
  decrypt: (cipher, key, iv, data) => {
    try {
      const decipher = createDecipheriv(cipher, key, iv);
      return concat(decipher.update(data), decipher.final());
    } catch {
      return undefined;
    }
  },
};
