import type { KeyType } from '../crypto/provider.js';
import type { SchemeName } from '../wire/codes.js';
import { DerReader, explicitTag, type Oid, oid, Tag } from './der.js';

/** An AlgorithmIdentifier of a signature. */
export interface SignatureAlgorithm {
  readonly der: Uint8Array;
  readonly id: Oid;
  /** DER of the parameters; empty where there are none. */
  readonly parameters: Uint8Array;
}

/** The common parts of certificates and CRLs. */
export interface Signed {
  /** The bytes that were signed. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** The algorithm as the signed part states it: it must be the same (RFC 5280 §4.1.1.2). */
  readonly signedAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const der = reader.peek(Tag.sequence);
  return reader.inside(Tag.sequence, (r) => ({ der, id: r.oid(), parameters: r.optional() }));
}

type Hash = 'sha256' | 'sha384' | 'sha512';

const ED25519 = oid('1.3.101.112');
const ED448 = oid('1.3.101.113');
const PSS = oid('1.2.840.113549.1.1.10');
const MGF1 = oid('1.2.840.113549.1.1.8');
const SHA1 = oid('1.3.14.3.2.26');

const PKCS1 = new Map<Oid, SchemeName>([
  [oid('1.2.840.113549.1.1.11'), 'rsa_pkcs1_sha256'],
  [oid('1.2.840.113549.1.1.12'), 'rsa_pkcs1_sha384'],
  [oid('1.2.840.113549.1.1.13'), 'rsa_pkcs1_sha512'],
]);

/** The schemes' names include curves; in a certificate they mean the hash, and any curve signs under any of them. */
const ECDSA = new Map<Oid, SchemeName>([
  [oid('1.2.840.10045.4.3.2'), 'ecdsa_secp256r1_sha256'],
  [oid('1.2.840.10045.4.3.3'), 'ecdsa_secp384r1_sha384'],
  [oid('1.2.840.10045.4.3.4'), 'ecdsa_secp521r1_sha512'],
]);

const HASHES = new Map<Oid, Hash>([
  [oid('2.16.840.1.101.3.4.2.1'), 'sha256'],
  [oid('2.16.840.1.101.3.4.2.2'), 'sha384'],
  [oid('2.16.840.1.101.3.4.2.3'), 'sha512'],
]);
const HASH_LENGTH = { sha256: 32, sha384: 48, sha512: 64 };

/** MD2, MD4, MD5 and SHA-1, with RSA, DSA and ECDSA. */
const BROKEN = new Set(
  [
    '1.2.840.113549.1.1.2',
    '1.2.840.113549.1.1.3',
    '1.2.840.113549.1.1.4',
    '1.2.840.113549.1.1.5',
    '1.3.14.3.2.29',
    '1.2.840.10040.4.3',
    '1.3.14.3.2.27',
    '1.2.840.10045.4.1',
  ].map((dotted) => oid(dotted)),
);

/** The hash is broken: collisions exist. */
export function isBroken(algorithm: SignatureAlgorithm): boolean {
  return BROKEN.has(algorithm.id) || (algorithm.id === PSS && pssHash(algorithm.parameters) === SHA1);
}

/** The scheme under which a key of this type makes such a signature; `undefined` where unsupported. */
export function signatureScheme(algorithm: SignatureAlgorithm, signer: KeyType): SchemeName | undefined {
  const { id, parameters } = algorithm;
  switch (signer) {
    case 'ed25519':
      return id === ED25519 && parameters.length === 0 ? 'ed25519' : undefined;
    case 'ed448':
      return id === ED448 && parameters.length === 0 ? 'ed448' : undefined;
    case 'p256':
    case 'p384':
    case 'p521':
      // RFC 5758 §3.2 requires them to be absent; signers that write NULL are in use, and OpenSSL and GnuTLS accept
      // them.
      return absentOrNull(parameters) ? ECDSA.get(id) : undefined;
    case 'rsa':
      return id === PSS
        ? pssScheme('rsae', parameters)
        : absentOrNull(parameters)
          ? PKCS1.get(id)
          : undefined;
    case 'rsa-pss':
      return id === PSS ? pssScheme('pss', parameters) : undefined;
  }
}

function pssScheme(key: 'rsae' | 'pss', parameters: Uint8Array): SchemeName | undefined {
  const pss = readPssParameters(parameters);
  const hash = pss && HASHES.get(pss.hash);
  if (hash === undefined || pss?.mask !== pss?.hash || pss?.saltLength !== HASH_LENGTH[hash])
    return undefined;
  return `rsa_pss_${key}_${hash}`;
}

function pssHash(parameters: Uint8Array): Oid | undefined {
  return readPssParameters(parameters)?.hash;
}

/** RSASSA-PSS-params (RFC 4055 §3.1), all of whose defaults are those of SHA-1. */
function readPssParameters(der: Uint8Array): { hash: Oid; mask: Oid; saltLength: number } | undefined {
  const reader = new DerReader(der);
  const parameters = reader.inside(Tag.sequence, (r) => ({
    hash: r.tag === explicitTag(0) ? r.inside(explicitTag(0), readHash) : SHA1,
    mask: r.tag === explicitTag(1) ? r.inside(explicitTag(1), readMask) : SHA1,
    saltLength: r.tag === explicitTag(2) ? r.inside(explicitTag(2), (salt) => salt.count()) : 20,
    trailer: r.tag === explicitTag(3) ? r.inside(explicitTag(3), (trailer) => trailer.count()) : 1,
  }));
  return reader.finished() && parameters.trailer === 1 ? parameters : undefined;
}

function readHash(reader: DerReader): Oid {
  return reader.inside(Tag.sequence, (r) => {
    const id = r.oid();
    if (!absentOrNull(r.optional())) r.fail();
    return id;
  });
}

function readMask(reader: DerReader): Oid {
  return reader.inside(Tag.sequence, (r) => {
    if (r.oid() !== MGF1) r.fail();
    return readHash(r);
  });
}

function absentOrNull(parameters: Uint8Array): boolean {
  return (
    parameters.length === 0 || (parameters.length === 2 && parameters[0] === Tag.null && parameters[1] === 0)
  );
}
