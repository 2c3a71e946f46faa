import { utf8 } from '../base/bytes.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import { Writer } from '../wire/cursor.js';

/** Where TLS 1.3 has "tls13 ", DTLS 1.3 has six letters and no space (RFC 9147 §5.9). */
const PREFIX = 'dtls13';

export function hkdfExtract(
  crypto: CryptoProvider,
  hash: HashName,
  salt: Uint8Array,
  input: Uint8Array,
): Uint8Array {
  return crypto.mac(hash, salt).sign(input);
}

/** HKDF-Expand-Label (RFC 8446 §7.1). */
export function hkdfExpandLabel(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer()
    .u16(length)
    .vec8(utf8(PREFIX + label))
    .vec8(context)
    .finish();
  return crypto.hkdfExpand(hash, secret, info, length);
}
