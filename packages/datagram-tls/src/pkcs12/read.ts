import { EMPTY, joined, sameBytes } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import type { PasswordCrypto } from '../crypto/password-crypto.js';
import { DerReader, explicitTag, implicitTag, oid, Tag } from '../x509/der.js';
import { derOf } from './ber.js';
import { type Algorithm, type Passphrase, Protection, passphrasesOf, readAlgorithm } from './protection.js';

/** The keys and certificates of a PKCS#12 file; everything else in it is ignored. */
interface Pkcs12 {
  /** PKCS#8 in DER. */
  readonly keys: readonly Uint8Array[];
  /** DER. */
  readonly certificates: readonly Uint8Array[];
}

const VERSION = 3;
/** Nested bags: not used in practice. */
const MAX_DEPTH = 4;

const DATA = oid('1.2.840.113549.1.7.1');
const ENCRYPTED_DATA = oid('1.2.840.113549.1.7.6');
const KEY_BAG = oid('1.2.840.113549.1.12.10.1.1');
const SHROUDED_KEY_BAG = oid('1.2.840.113549.1.12.10.1.2');
const CERTIFICATE_BAG = oid('1.2.840.113549.1.12.10.1.3');
const SAFE_CONTENTS_BAG = oid('1.2.840.113549.1.12.10.1.6');
const X509 = oid('1.2.840.113549.1.9.22.1');

interface Mac {
  readonly algorithm: Algorithm;
  readonly digest: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/**
 * Reads a file of PKCS#12 (RFC 7292), BER or DER, with the protections that {@link Protection} supports. `option` is
 * the name to use in errors: `ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE` for a wrong passphrase or a damaged file, which
 * cannot be distinguished; `ERR_CRYPTO_UNSUPPORTED_OPERATION`; `ERR_OSSL_ASN1_NESTED_ASN1_ERROR` for anything else.
 */
export function readPkcs12(
  file: Uint8Array,
  passphrase: string | undefined,
  crypto: PasswordCrypto,
  option: string,
): Pkcs12 {
  const protection = new Protection(crypto, option);
  const { safes, mac } = readOuter(file, protection);
  for (const candidate of passphrasesOf(passphrase ?? '')) {
    if (mac !== undefined && !holds(mac, safes, candidate, protection)) continue;
    const contents = new Contents(protection, candidate);
    if (contents.readSafes(safes)) return contents;
  }
  throw callerError(
    'ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE',
    `${option}: mac verify failure: the passphrase is ${passphrase === undefined ? 'missing' : 'wrong'}, or the file damaged`,
  );
}

function readOuter(file: Uint8Array, protection: Protection): { safes: Uint8Array; mac: Mac | undefined } {
  const reader = new DerReader(derOf(file) ?? EMPTY);
  const outer = reader.inside(Tag.sequence, (r) => {
    if (r.count() !== VERSION) r.fail();
    const { type, content } = r.inside(Tag.sequence, (info) => ({
      type: info.oid(),
      content: info.inside(explicitTag(0), (data) => data.element()),
    }));
    return { type, content, mac: r.left > 0 ? readMac(r) : undefined };
  });
  if (!reader.finished()) throw protection.malformed();
  if (outer.type !== DATA) throw protection.unsupported('signatures');
  return { safes: new DerReader(outer.content).content(Tag.octetString), mac: outer.mac };
}

function readMac(reader: DerReader): Mac {
  return reader.inside(Tag.sequence, (r) => {
    const info = r.inside(Tag.sequence, (digest) => ({
      algorithm: readAlgorithm(digest),
      digest: digest.content(Tag.octetString),
    }));
    const salt = r.content(Tag.octetString);
    return { ...info, salt, iterations: r.left > 0 ? r.count() : 1 };
  });
}

function holds(mac: Mac, safes: Uint8Array, passphrase: Passphrase, protection: Protection): boolean {
  const { algorithm, salt, iterations, digest } = mac;
  return sameBytes(protection.mac(algorithm, passphrase, salt, iterations, safes), digest);
}

/** Collects keys and certificates out of bags. */
class Contents implements Pkcs12 {
  readonly keys: Uint8Array[] = [];
  readonly certificates: Uint8Array[] = [];
  readonly #protection: Protection;
  readonly #passphrase: Passphrase;

  constructor(protection: Protection, passphrase: Passphrase) {
    this.#protection = protection;
    this.#passphrase = passphrase;
  }

  /** AuthenticatedSafe (RFC 7292 §4.1); `false` when the passphrase does not open something in it. */
  readSafes(ber: Uint8Array): boolean {
    return this.#each(ber, (r) => {
      const { type, content } = r.inside(Tag.sequence, (info) => ({
        type: info.oid(),
        content: info.inside(explicitTag(0), (data) => data.element()),
      }));
      if (r.failed) return true;
      const reader = new DerReader(content);
      if (type === DATA) return this.#readBags(reader.content(Tag.octetString), 0);
      if (type !== ENCRYPTED_DATA) throw this.#protection.unsupported('encryption to a public key');
      const { algorithm, encrypted } = readEncryptedData(reader);
      if (!reader.finished()) throw this.#protection.malformed();
      const bags = this.#decrypt(algorithm, encrypted);
      return bags !== undefined && this.#readBags(bags, 0);
    });
  }

  /** SafeContents (RFC 7292 §4.2). */
  #readBags(ber: Uint8Array, depth: number): boolean {
    if (depth > MAX_DEPTH) throw this.#protection.malformed();
    return this.#each(ber, (r) => {
      const { type, value } = r.inside(Tag.sequence, (bag) => {
        const found = { type: bag.oid(), value: bag.inside(explicitTag(0), (content) => content.element()) };
        // Names and numbers that match keys with certificates. Their public halves do that here.
        if (bag.left > 0) bag.element(Tag.set);
        return found;
      });
      return r.failed || this.#readBag(type, value, depth);
    });
  }

  #readBag(type: string, value: Uint8Array, depth: number): boolean {
    switch (type) {
      case KEY_BAG:
        this.keys.push(value);
        return true;
      case SHROUDED_KEY_BAG:
        return this.#readShroudedKey(value);
      case CERTIFICATE_BAG:
        this.#readCertificate(value);
        return true;
      case SAFE_CONTENTS_BAG:
        return this.#readBags(value, depth + 1);
      default:
        // CRLs and secrets.
        return true;
    }
  }

  /** EncryptedPrivateKeyInfo (RFC 5958 §3). */
  #readShroudedKey(value: Uint8Array): boolean {
    const reader = new DerReader(value);
    const { algorithm, encrypted } = reader.inside(Tag.sequence, (r) => ({
      algorithm: readAlgorithm(r),
      encrypted: r.content(Tag.octetString),
    }));
    if (!reader.finished()) throw this.#protection.malformed();
    const key = this.#decrypt(algorithm, encrypted);
    if (key !== undefined) this.keys.push(key);
    return key !== undefined;
  }

  #readCertificate(value: Uint8Array): void {
    const reader = new DerReader(value);
    const { type, content } = reader.inside(Tag.sequence, (r) => ({
      type: r.oid(),
      content: r.inside(explicitTag(0), (certificate) => certificate.element()),
    }));
    if (!reader.finished()) throw this.#protection.malformed();
    if (type === X509) this.certificates.push(new DerReader(content).content(Tag.octetString));
  }

  /** In DER. */
  #decrypt(algorithm: Algorithm, encrypted: Uint8Array): Uint8Array | undefined {
    const opened = this.#protection.decrypt(algorithm, this.#passphrase, encrypted);
    // One of 256 wrong keys leaves a valid padding.
    return opened && derOf(opened);
  }

  /** Whether all elements of a SEQUENCE OF could be read; throws where one is malformed. */
  #each(ber: Uint8Array, read: (reader: DerReader) => boolean): boolean {
    const der = derOf(ber);
    if (der === undefined) throw this.#protection.malformed();
    const reader = new DerReader(der);
    let all = true;
    reader.inside(Tag.sequence, (list) =>
      list.each((r) => {
        if (all) all = read(r);
        else r.element();
      }),
    );
    if (!reader.finished()) throw this.#protection.malformed();
    return all;
  }
}

/** EncryptedData (RFC 5652 §8). */
function readEncryptedData(reader: DerReader): { algorithm: Algorithm; encrypted: Uint8Array } {
  return reader.inside(Tag.sequence, (r) => {
    r.count();
    return r.inside(Tag.sequence, (info) => {
      info.oid();
      return { algorithm: readAlgorithm(info), encrypted: readImplicitOctets(info) };
    });
  });
}

/** `[0] IMPLICIT OCTET STRING`, which BER allows to be in pieces. */
function readImplicitOctets(reader: DerReader): Uint8Array {
  if (reader.tag === implicitTag(0)) return reader.content(implicitTag(0));
  return reader.inside(explicitTag(0), (r) => {
    const pieces: Uint8Array[] = [];
    r.each((piece) => pieces.push(piece.content(Tag.octetString)));
    return joined(pieces);
  });
}
