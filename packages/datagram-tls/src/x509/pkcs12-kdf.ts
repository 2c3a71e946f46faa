import { concat } from '../base/bytes.js';
import type { FileHash, PasswordCrypto } from '../crypto/password-crypto.js';

/** What the derived bytes are for (RFC 7292 appendix B.3). */
export const KeyPurpose = { encryption: 1, iv: 2, mac: 3 } as const;

/** Bytes that the hashes take at a time. */
const BLOCK: Readonly<Record<FileHash, number>> = {
  sha1: 64,
  sha224: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
};

export interface KdfParameters {
  readonly hash: FileHash;
  /** UTF-16, big-endian, with a zero at the end. */
  readonly passphrase: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** The key derivation of PKCS#12, by the steps of RFC 7292 appendix B.2. */
export function derivePkcs12Key(
  crypto: PasswordCrypto,
  { hash, passphrase, salt, iterations }: KdfParameters,
  purpose: number,
  length: number,
): Uint8Array {
  const block = BLOCK[hash];
  const diversifier = new Uint8Array(block).fill(purpose);
  const input = concat(stretched(salt, block), stretched(passphrase, block));
  const derived: Uint8Array[] = [];
  for (let made = 0; made < length; ) {
    let bytes = crypto.digest(hash, concat(diversifier, input));
    for (let i = 1; i < iterations; i++) bytes = crypto.digest(hash, bytes);
    derived.push(bytes);
    made += bytes.length;
    const addend = stretched(bytes, block).subarray(0, block);
    for (let at = 0; at < input.length; at += block) addOneMore(input.subarray(at, at + block), addend);
  }
  return concat(...derived).subarray(0, length);
}

/** Repeated to a whole number of blocks; nothing stays nothing. */
function stretched(bytes: Uint8Array, block: number): Uint8Array {
  const length = block * Math.ceil(bytes.length / block);
  return Uint8Array.from({ length }, (_, i) => bytes[i % bytes.length] as number);
}

/** `block` + `addend` + 1 as big-endian numbers, in place, without what does not fit. */
function addOneMore(block: Uint8Array, addend: Uint8Array): void {
  let carry = 1;
  for (let i = block.length - 1; i >= 0; i--) {
    carry += (block[i] as number) + (addend[i] as number);
    block[i] = carry & 0xff;
    carry >>= 8;
  }
}
