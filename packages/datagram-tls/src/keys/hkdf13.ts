import { concat, EMPTY, utf8 } from '../base/bytes.js';
import { HASH_LENGTH } from '../crypto/hashes.js';
import type { CryptoProvider, HashName, MacKey } from '../crypto/provider.js';
import { Writer } from '../wire/cursor.js';

/** Where TLS 1.3 has "tls13 ", DTLS 1.3 has six letters and no space (RFC 9147 §5.9). */
const PREFIX = 'dtls13';

/** HKDF counts its blocks from 1 (RFC 5869 §2.3). */
const FIRST_BLOCK = Uint8Array.of(1);

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
  if (length <= HASH_LENGTH[hash]) return expandBlock(crypto.mac(hash, secret), label, context, length);
  return crypto.hkdfExpand(hash, secret, encodeInfo(label, context, length), length);
}

/** The same for no more bytes than the hash has, as nearly always, from a secret that is an HMAC key already. */
export function expandBlock(secret: MacKey, label: string, context: Uint8Array, length: number): Uint8Array {
  const block = secret.sign(concat(infoFor(label, context, length), FIRST_BLOCK));
  return block.length === length ? block : block.slice(0, length);
}

/** The `HkdfLabel`s of keys, which have no context, by label and length: each handshake wants the same few. */
const known = new Map<string, Uint8Array>();
/** The labels of an application's exporters are not among them. */
const FIXED_LABELS = new Set(['key', 'iv', 'sn', 'finished', 'traffic upd']);

function infoFor(label: string, context: Uint8Array, length: number): Uint8Array {
  if (context.length > 0 || !FIXED_LABELS.has(label)) return encodeInfo(label, context, length);
  const name = `${label} ${length}`;
  const info = known.get(name) ?? encodeInfo(label, EMPTY, length);
  known.set(name, info);
  return info;
}

function encodeInfo(label: string, context: Uint8Array, length: number): Uint8Array {
  return new Writer()
    .u16(length)
    .vec8(utf8(PREFIX + label))
    .vec8(context)
    .finish();
}
