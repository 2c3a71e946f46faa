import { HASH_LENGTH } from '../crypto/hashes.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { KdfHash } from '../wire/imported-identity.js';
import { hkdfExpandLabel, hkdfExtract } from './hkdf13.js';

/**
 * The pre-shared key that stands behind an imported identity (RFC 9258 §5.1). `hash` is the one that the external key was
 * agreed on with, `target` that of the suites which the result is for; `identity` is the imported one, encoded.
 */
export function deriveImportedPsk13(
  crypto: CryptoProvider,
  key: Uint8Array,
  hash: KdfHash,
  identity: Uint8Array,
  target: KdfHash,
): Uint8Array {
  const extracted = hkdfExtract(crypto, hash, new Uint8Array(HASH_LENGTH[hash]), key);
  const digest = crypto.hash(hash);
  digest.update(identity);
  return hkdfExpandLabel(crypto, hash, extracted, 'derived psk', digest.digest(), HASH_LENGTH[target]);
}
