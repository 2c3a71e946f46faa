import { concat, utf8 } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import type { FileCipher, FileHash, PasswordCrypto } from '../crypto/password-crypto.js';
import { DerReader, type Oid, oid, Tag } from '../x509/der.js';

/** The purpose of the derived bytes (RFC 7292 appendix B.3). */
const KeyPurpose = { encryption: 1, iv: 2, mac: 3 } as const;

/** Block sizes of the hashes, bytes. */
const BLOCK: Readonly<Record<FileHash, number>> = {
  sha1: 64,
  sha224: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
};

interface KdfParameters {
  readonly hash: FileHash;
  /** UTF-16, big-endian, with a zero at the end. */
  readonly passphrase: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** The key derivation of PKCS#12, by the steps of RFC 7292 appendix B.2. */
function derivePkcs12Key(
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

/** Repeated to a whole number of blocks; an empty input stays empty. */
function stretched(bytes: Uint8Array, block: number): Uint8Array {
  const length = block * Math.ceil(bytes.length / block);
  return Uint8Array.from({ length }, (_, i) => bytes[i % bytes.length] as number);
}

/** `block` + `addend` + 1 as big-endian numbers, in place; the overflow is dropped. */
function addOneMore(block: Uint8Array, addend: Uint8Array): void {
  let carry = 1;
  for (let i = block.length - 1; i >= 0; i--) {
    carry += (block[i] as number) + (addend[i] as number);
    block[i] = carry & 0xff;
    carry >>= 8;
  }
}

/** A passphrase in the two forms of PKCS#12 files. */
export interface Passphrase {
  /** For PBES2: UTF-8. */
  readonly text: Uint8Array;
  /** For PKCS#12's own schemes: UTF-16, big-endian, with a zero at the end (RFC 7292 appendix B.1). */
  readonly wide: Uint8Array;
}

/** An AlgorithmIdentifier. */
export interface Algorithm {
  readonly id: Oid;
  /** DER; empty where there are none. */
  readonly parameters: Uint8Array;
}

/**
 * Rounds of all derivations of one file. More would be a denial of service by the file; NSS, which uses the most,
 * uses 600,000 for each of three.
 */
const MAX_ITERATIONS = 10_000_000;

const PBES2 = oid('1.2.840.113549.1.5.13');
const PBKDF2 = oid('1.2.840.113549.1.5.12');

const HASHES = new Map<Oid, FileHash>([
  [oid('1.3.14.3.2.26'), 'sha1'],
  [oid('2.16.840.1.101.3.4.2.4'), 'sha224'],
  [oid('2.16.840.1.101.3.4.2.1'), 'sha256'],
  [oid('2.16.840.1.101.3.4.2.2'), 'sha384'],
  [oid('2.16.840.1.101.3.4.2.3'), 'sha512'],
]);

const HMACS = new Map<Oid, FileHash>([
  [oid('1.2.840.113549.2.7'), 'sha1'],
  [oid('1.2.840.113549.2.8'), 'sha224'],
  [oid('1.2.840.113549.2.9'), 'sha256'],
  [oid('1.2.840.113549.2.10'), 'sha384'],
  [oid('1.2.840.113549.2.11'), 'sha512'],
]);

interface Cipher {
  readonly name: FileCipher;
  readonly keyLength: number;
}

const CIPHERS = new Map<Oid, Cipher>([
  [oid('2.16.840.1.101.3.4.1.2'), { name: 'aes-128-cbc', keyLength: 16 }],
  [oid('2.16.840.1.101.3.4.1.22'), { name: 'aes-192-cbc', keyLength: 24 }],
  [oid('2.16.840.1.101.3.4.1.42'), { name: 'aes-256-cbc', keyLength: 32 }],
  [oid('1.2.840.113549.3.7'), { name: 'des-ede3-cbc', keyLength: 24 }],
]);

/** RFC 7292 appendix C, without RC4. */
const OLD_CIPHERS = new Map<Oid, Cipher>([
  [oid('1.2.840.113549.1.12.1.3'), { name: 'des-ede3-cbc', keyLength: 24 }],
  [oid('1.2.840.113549.1.12.1.4'), { name: 'des-ede-cbc', keyLength: 16 }],
  [oid('1.2.840.113549.1.12.1.5'), { name: 'rc2-cbc', keyLength: 16 }],
  [oid('1.2.840.113549.1.12.1.6'), { name: 'rc2-40-cbc', keyLength: 5 }],
]);
const OLD_IV_LENGTH = 8;

/**
 * The possible encodings of a passphrase. For an empty one some programs write the closing zero and some nothing at
 * all, so both are tried.
 */
export function passphrasesOf(text: string): readonly Passphrase[] {
  const wide = Array.from({ length: text.length + 1 }, (_, i) => text.charCodeAt(i) || 0);
  const whole = {
    text: utf8(text),
    wide: Uint8Array.from(wide.flatMap((unit) => [unit >> 8, unit & 0xff])),
  };
  return text === '' ? [{ ...whole, wide: new Uint8Array(0) }, whole] : [whole];
}

export function readAlgorithm(reader: DerReader): Algorithm {
  return reader.inside(Tag.sequence, (r) => ({ id: r.oid(), parameters: r.optional() }));
}

/** Opens and checks protected data; throws for unknown algorithms and for those that the platform lacks. */
export class Protection {
  readonly #crypto: PasswordCrypto;
  readonly #option: string;
  #iterations = 0;

  /** `option` is the name to use in errors. */
  constructor(crypto: PasswordCrypto, option: string) {
    this.#crypto = crypto;
    this.#option = option;
  }

  /** `undefined` when the passphrase is wrong. */
  decrypt(algorithm: Algorithm, passphrase: Passphrase, data: Uint8Array): Uint8Array | undefined {
    const old = OLD_CIPHERS.get(algorithm.id);
    if (old !== undefined) return this.#decryptOld(old, algorithm, passphrase, data);
    if (algorithm.id !== PBES2) throw this.unsupported('an unknown encryption');
    return this.#decrypt2(algorithm, passphrase, data);
  }

  /** The MAC over `data` (RFC 7292 §4). */
  mac({ id }: Algorithm, passphrase: Passphrase, salt: Uint8Array, iterations: number, data: Uint8Array) {
    const hash = HASHES.get(id);
    if (hash === undefined) throw this.unsupported('an unknown MAC');
    this.#requireHash(hash);
    const length = this.#crypto.digest(hash, data).length;
    const key = this.#derive({ hash, passphrase: passphrase.wide, salt, iterations }, KeyPurpose.mac, length);
    return this.#crypto.hmac(hash, key, data);
  }

  malformed(): Error {
    return callerError('ERR_OSSL_ASN1_NESTED_ASN1_ERROR', `${this.#option} is not a readable PKCS#12 file`);
  }

  unsupported(what: string): Error {
    return callerError(
      'ERR_CRYPTO_UNSUPPORTED_OPERATION',
      `Unsupported PKCS12 PFX data: ${this.#option} uses ${what}`,
    );
  }

  /** RFC 8018 §6.2. */
  #decrypt2({ parameters }: Algorithm, passphrase: Passphrase, data: Uint8Array): Uint8Array | undefined {
    const reader = new DerReader(parameters);
    const [kdf, scheme] = reader.inside(Tag.sequence, (r) => [readAlgorithm(r), readAlgorithm(r)] as const);
    const iv = new DerReader(scheme.parameters).content(Tag.octetString);
    if (!reader.finished()) throw this.malformed();
    const cipher = CIPHERS.get(scheme.id);
    if (kdf.id !== PBKDF2 || cipher === undefined) throw this.unsupported('an unknown encryption');
    const { prf, salt, iterations } = this.#readPbkdf2(kdf.parameters);
    this.#require(cipher);
    this.#requireHash(prf);
    this.#spend(iterations);
    const key = this.#crypto.pbkdf2(prf, passphrase.text, salt, iterations, cipher.keyLength);
    return this.#crypto.decrypt(cipher.name, key, iv, data);
  }

  /** PBKDF2-params (RFC 8018 appendix A.2). */
  #readPbkdf2(parameters: Uint8Array): { prf: FileHash; salt: Uint8Array; iterations: number } {
    const reader = new DerReader(parameters);
    const { id, ...rest } = reader.inside(Tag.sequence, (r) => {
      const salt = r.content(Tag.octetString);
      const iterations = r.count();
      // The key length, which the cipher also implies.
      if (r.tag === Tag.integer) r.count();
      return { salt, iterations, id: r.left > 0 ? readAlgorithm(r).id : undefined };
    });
    if (!reader.finished()) throw this.malformed();
    const prf = id === undefined ? 'sha1' : HMACS.get(id);
    if (prf === undefined) throw this.unsupported('an unknown key derivation');
    return { prf, ...rest };
  }

  #decryptOld(
    cipher: Cipher,
    { parameters }: Algorithm,
    { wide: passphrase }: Passphrase,
    data: Uint8Array,
  ): Uint8Array | undefined {
    const reader = new DerReader(parameters);
    const [salt, iterations] = reader.inside(
      Tag.sequence,
      (r) => [r.content(Tag.octetString), r.count()] as const,
    );
    if (!reader.finished()) throw this.malformed();
    this.#require(cipher);
    this.#requireHash('sha1');
    const terms = { hash: 'sha1', passphrase, salt, iterations } as const;
    const key = this.#derive(terms, KeyPurpose.encryption, cipher.keyLength);
    const iv = this.#derive(terms, KeyPurpose.iv, OLD_IV_LENGTH);
    return this.#crypto.decrypt(cipher.name, key, iv, data);
  }

  #derive(terms: Parameters<typeof derivePkcs12Key>[1], purpose: number, length: number): Uint8Array {
    this.#spend(terms.iterations);
    return derivePkcs12Key(this.#crypto, terms, purpose, length);
  }

  #require({ name }: Cipher): void {
    if (!this.#crypto.hasCipher(name)) {
      throw this.unsupported(
        `${name.startsWith('rc2') ? 'RC2' : name}, which this platform does not have; make it anew with \`openssl pkcs12 -export\``,
      );
    }
  }

  #requireHash(hash: FileHash): void {
    if (!this.#crypto.hasHash(hash)) throw this.unsupported(`${hash}, which this platform does not have`);
  }

  #spend(iterations: number): void {
    this.#iterations += iterations;
    if (iterations < 1 || this.#iterations > MAX_ITERATIONS)
      throw this.unsupported(`${this.#iterations} rounds of key derivations`);
  }
}
