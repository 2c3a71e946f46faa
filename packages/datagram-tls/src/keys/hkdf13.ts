import { concat, utf8 } from '../base/bytes.js';
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

/** HKDF-Expand-Label (RFC 8446 §7.1). Throws a `RangeError` when label or context are too long for their one-byte lengths. */
export function hkdfExpandLabel(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  if (length <= HASH_LENGTH[hash]) return expandBlock(crypto.mac(hash, secret), label, context, length);
  const info = concat(headOf(label, length), lengthOf(context), context);
  return crypto.hkdfExpand(hash, secret, info, length);
}

/** The same for no more bytes than the hash has, as nearly always, from a secret that is an HMAC key already. */
export function expandBlock(secret: MacKey, label: string, context: Uint8Array, length: number): Uint8Array {
  const block = secret.sign(headOf(label, length), lengthOf(context), context, FIRST_BLOCK);
  return block.length === length ? block : block.slice(0, length);
}

/** Those of the key schedule, which each handshake wants; the labels of an application's exporters are not among them. */
const FIXED_LABELS = new Set([
  ...['derived', 'c hs traffic', 's hs traffic', 'c ap traffic', 's ap traffic', 'exp master', 'res master'],
  ...['resumption', 'res binder', 'finished', 'key', 'iv', 'sn', 'traffic upd'],
]);

/** By length, then by label. */
const heads = new Map<number, Map<string, Uint8Array>>();

/** An `HkdfLabel` as far as its context. */
function headOf(label: string, length: number): Uint8Array {
  const ofLength = heads.get(length) ?? new Map<string, Uint8Array>();
  const known = ofLength.get(label);
  if (known !== undefined) return known;
  const head = encodeHead(label, length);
  if (FIXED_LABELS.has(label)) heads.set(length, ofLength.set(label, head));
  return head;
}

function encodeHead(label: string, length: number): Uint8Array {
  return new Writer()
    .u16(length)
    .vec8(utf8(PREFIX + label))
    .finish();
}

function lengthOf(context: Uint8Array): Uint8Array {
  if (context.length > 0xff) throw new RangeError(`A context has at most 255 bytes, not ${context.length}`);
  return Uint8Array.of(context.length);
}
