import { Scheme, type SchemeName, type Version } from '../wire/codes.js';
import { rulesOf } from '../wire/version.js';
import { type Capabilities, HASH_LENGTH, type HashName, type KeyShape, type KeyType } from './provider.js';

export type SignatureAlgorithm = 'ecdsa' | 'eddsa' | 'rsa-pkcs1' | 'rsa-pss';

export interface SignatureScheme {
  readonly name: SchemeName;
  readonly code: number;
  readonly algorithm: SignatureAlgorithm;
  /** `undefined` for EdDSA, which signs the message itself. */
  readonly hash: HashName | undefined;
  /** The keys that can make it in DTLS 1.3; `undefined` where 1.3 allows it in certificates only. */
  readonly keyType13: KeyType | undefined;
  readonly keyTypes12: readonly KeyType[];
  /** The smallest RSA modulus that the encoded hash fits, in bits; 0 for curves. */
  readonly minBits: number;
}

/** All schemes, in the default order of preference. */
export const SIGNATURE_SCHEMES: readonly SignatureScheme[] = [
  ecdsa('ecdsa_secp256r1_sha256', 'sha256', 'p256'),
  eddsa('ed25519'),
  ecdsa('ecdsa_secp384r1_sha384', 'sha384', 'p384'),
  ecdsa('ecdsa_secp521r1_sha512', 'sha512', 'p521'),
  eddsa('ed448'),
  pss('rsa_pss_rsae_sha256', 'sha256', 'rsa'),
  pss('rsa_pss_rsae_sha384', 'sha384', 'rsa'),
  pss('rsa_pss_rsae_sha512', 'sha512', 'rsa'),
  pss('rsa_pss_pss_sha256', 'sha256', 'rsa-pss'),
  pss('rsa_pss_pss_sha384', 'sha384', 'rsa-pss'),
  pss('rsa_pss_pss_sha512', 'sha512', 'rsa-pss'),
  pkcs1('rsa_pkcs1_sha256', 'sha256'),
  pkcs1('rsa_pkcs1_sha384', 'sha384'),
  pkcs1('rsa_pkcs1_sha512', 'sha512'),
];

/** The default schemes, in order of preference. */
export const DEFAULT_SCHEMES: readonly SchemeName[] = SIGNATURE_SCHEMES.map((scheme) => scheme.name);

const byCode = new Map(SIGNATURE_SCHEMES.map((scheme) => [scheme.code, scheme]));
const byName = new Map(SIGNATURE_SCHEMES.map((scheme) => [scheme.name, scheme]));

export function schemeByCode(code: number): SignatureScheme | undefined {
  return byCode.get(code);
}

export function scheme(name: SchemeName): SignatureScheme {
  return byName.get(name) as SignatureScheme;
}

/** Whether the platform supports a scheme with keys of its own curve, as in DTLS 1.3. */
export function hasScheme({ name, keyType13 = 'rsa' }: SignatureScheme, capabilities: Capabilities): boolean {
  return capabilities.signature(name, keyType13);
}

/**
 * Whether a key can sign the handshake under a scheme. DTLS 1.2 reads an ECDSA scheme as a hash for any curve (RFC
 * 8422 §5.4); 1.3 ties it to one curve and forbids PKCS#1 v1.5 (RFC 8446 §4.2.3).
 */
export function schemeFits(name: SchemeName, key: KeyShape, version: Version): boolean {
  return canMake(name, key) && (!rulesOf(version).schemesFixKeys || scheme(name).keyType13 === key.type);
}

/** By algorithm, size and hash alone: the handshake checks the curve of the scheme. */
export function canMake(name: SchemeName, { type, bits, hashes }: KeyShape): boolean {
  const { keyTypes12, minBits, hash } = scheme(name);
  if (bits < minBits || !keyTypes12.includes(type)) return false;
  return hashes === undefined || (hash !== undefined && hashes.includes(hash));
}

/**
 * The schemes under which a key can sign the handshake, best first: an ECDSA key starts with the hash of its own
 * size.
 */
export function schemesFor(key: KeyShape, version: Version): readonly SchemeName[] {
  const fitting = SIGNATURE_SCHEMES.filter(({ name }) => schemeFits(name, key, version));
  const native = fitting.filter((candidate) => candidate.keyType13 === key.type);
  const others = fitting.filter((candidate) => candidate.keyType13 !== key.type);
  return [...native, ...others].map((candidate) => candidate.name);
}

function ecdsa(name: SchemeName, hash: HashName, curve: KeyType): SignatureScheme {
  const keyTypes12: KeyType[] = ['p256', 'p384', 'p521'];
  return { name, code: Scheme[name], algorithm: 'ecdsa', hash, keyType13: curve, keyTypes12, minBits: 0 };
}

/** RFC 8422 §5.1.3 defines EdDSA for 1.2 as well. */
function eddsa(name: 'ed25519' | 'ed448'): SignatureScheme {
  return {
    name,
    code: Scheme[name],
    algorithm: 'eddsa',
    hash: undefined,
    keyType13: name,
    keyTypes12: [name],
    minBits: 0,
  };
}

/** RFC 8017 §9.1.1 with a salt as long as the hash: the encoding, one bit shorter than the modulus, holds both and 2 bytes. */
function pss(name: SchemeName, hash: HashName, keyType: 'rsa' | 'rsa-pss'): SignatureScheme {
  const minBits = 8 * (2 * HASH_LENGTH[hash] + 1) + 2;
  return {
    name,
    code: Scheme[name],
    algorithm: 'rsa-pss',
    hash,
    keyType13: keyType,
    keyTypes12: [keyType],
    minBits,
  };
}

/** RFC 8017 §9.2: 11 bytes of padding and 19 bytes of DigestInfo around the hash. */
function pkcs1(name: SchemeName, hash: HashName): SignatureScheme {
  const minBits = 8 * (HASH_LENGTH[hash] + 29) + 1;
  return {
    name,
    code: Scheme[name],
    algorithm: 'rsa-pkcs1',
    hash,
    keyType13: undefined,
    keyTypes12: ['rsa'],
    minBits,
  };
}
