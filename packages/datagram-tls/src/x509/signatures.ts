import { sameBytes } from '../base/bytes.js';
import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import type { ValidationBudget } from './budget.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { DistinguishedName } from './distinguished-name.js';
import type { KeyInfo } from './public-key.js';
import { type Signed, signatureScheme } from './signature-algorithm.js';
import type { TrustStore } from './trust-store.js';

type Outcome = VerifyCode | 'valid';

/** Verifies signatures of certificates, each pair once, as far as the budget allows. */
export class SignatureChecker {
  readonly #provider: CryptoProvider;
  readonly #trust: TrustStore;
  readonly #budget: ValidationBudget;
  readonly #outcomes = new Map<Signed, Map<Certificate, Outcome>>();
  readonly #keys = new Map<Certificate, PublicKey | undefined>();

  constructor(provider: CryptoProvider, trust: TrustStore, budget: ValidationBudget) {
    this.#provider = provider;
    this.#trust = trust;
    this.#budget = budget;
  }

  /** The trusted certificates of one name. */
  trusted(name: DistinguishedName): readonly Certificate[] {
    return this.#trust.bySubject(name);
  }

  /** `undefined`: `issuer` signed it. */
  check(signed: Signed, issuer: Certificate): VerifyCode | undefined {
    const known = this.#outcomes.get(signed) ?? new Map<Certificate, Outcome>();
    this.#outcomes.set(signed, known);
    const outcome = known.get(issuer) ?? this.#verify(signed, issuer);
    known.set(issuer, outcome);
    return outcome === 'valid' ? undefined : outcome;
  }

  /** The key of `certificate` is imported already. */
  know(certificate: Certificate, key: PublicKey): void {
    this.#keys.set(certificate, key);
  }

  /** The key of a certificate, imported once; `undefined` where it is unsupported, or the budget is spent. */
  keyOf(certificate: Certificate): PublicKey | undefined {
    if (this.#keys.has(certificate)) return this.#keys.get(certificate);
    const isUsable =
      certificate.key.type !== undefined &&
      this.#budget.allows('signatureWork', keyWork(certificate.key).import);
    const key = isUsable ? this.#trust.publicKey(certificate, this.#provider) : undefined;
    this.#keys.set(certificate, key);
    return key;
  }

  #verify(signed: Signed, issuer: Certificate): Outcome {
    const key = this.keyOf(issuer);
    if (this.#budget.exhausted) return 'VALIDATION_LIMIT_REACHED';
    if (key === undefined) return 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY';
    if (!sameBytes(signed.signatureAlgorithm.der, signed.signedAlgorithm.der))
      return 'CERT_SIGNATURE_FAILURE';
    const scheme = signatureScheme(signed.signatureAlgorithm, key.type);
    if (scheme === undefined || !this.#provider.capabilities.signature(scheme, key.type))
      return 'UNSUPPORTED_SIGNATURE_ALGORITHM';
    const work = keyWork(issuer.key).check + Math.floor(signed.tbs.length / HASHED_PER_UNIT);
    const isAllowed = this.#budget.allows('signatures') && this.#budget.allows('signatureWork', work);
    if (!isAllowed) return 'VALIDATION_LIMIT_REACHED';
    const valid = this.#provider.verify(scheme, key, signed.tbs, signed.signature);
    return valid ? 'valid' : 'CERT_SIGNATURE_FAILURE';
  }
}

/**
 * Bytes that are hashed in one unit of `signatureWork`. Certificates of a peer are shorter; revocation lists may be
 * longer.
 */
const HASHED_PER_UNIT = 0x1_0000;

interface KeyWork {
  readonly import: number;
  readonly check: number;
}

/** Measured with OpenSSL 3.0, in the unit of `signatureWork`. */
const CURVE_WORK: Readonly<Record<'p256' | 'p384' | 'p521' | 'ed25519' | 'ed448', KeyWork>> = {
  p256: { import: 3, check: 2 },
  p384: { import: 17, check: 24 },
  p521: { import: 32, check: 52 },
  ed25519: { import: 1, check: 3 },
  ed448: { import: 4, check: 8 },
};

/** The cost of an RSA check grows with the square of the modulus length. */
function keyWork({ type, bits, exponentBits }: KeyInfo): KeyWork {
  if (type === undefined) return { import: 1, check: 1 };
  if (type !== 'rsa' && type !== 'rsa-pss') return CURVE_WORK[type];
  return { import: 1, check: Math.ceil(((bits / 2048) ** 2 * exponentBits) / 28) };
}
