import { sameBytes } from '../base/bytes.js';
import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { DistinguishedName } from './distinguished-name.js';
import { type Signed, signatureScheme } from './signature-algorithm.js';
import type { TrustStore } from './trust-store.js';

/** Signatures checked in one path validation; the longest path allowed has 11, and as many CRLs. */
const MAX_CHECKS = 32;

type Outcome = VerifyCode | 'valid';

/** Checks who signed what, each pair once, and not without end. */
export class SignatureChecker {
  readonly #provider: CryptoProvider;
  readonly #trust: TrustStore;
  readonly #outcomes = new Map<Signed, Map<Certificate, Outcome>>();
  readonly #keys = new Map<Certificate, PublicKey | undefined>();
  #checks = 0;

  constructor(provider: CryptoProvider, trust: TrustStore) {
    this.#provider = provider;
    this.#trust = trust;
  }

  get exhausted(): boolean {
    return this.#checks >= MAX_CHECKS;
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

  #verify(signed: Signed, issuer: Certificate): Outcome {
    const key = this.#keyOf(issuer);
    if (key === undefined) return 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY';
    if (!sameBytes(signed.signatureAlgorithm.der, signed.signedAlgorithm.der))
      return 'CERT_SIGNATURE_FAILURE';
    const scheme = signatureScheme(signed.signatureAlgorithm, key.type);
    if (scheme === undefined || !this.#provider.capabilities.signature(scheme, key.type))
      return 'UNSUPPORTED_SIGNATURE_ALGORITHM';
    if (this.exhausted) return 'CERT_CHAIN_TOO_LONG';
    this.#checks++;
    const valid = this.#provider.verify(scheme, key, signed.tbs, signed.signature);
    return valid ? 'valid' : 'CERT_SIGNATURE_FAILURE';
  }

  #keyOf(issuer: Certificate): PublicKey | undefined {
    if (this.#keys.has(issuer)) return this.#keys.get(issuer);
    const key = this.#trust.publicKey(issuer, this.#provider);
    this.#keys.set(issuer, key);
    return key;
  }
}
