import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import { algorithmsAgree } from './path-checks.js';
import { signatureScheme } from './signature-algorithm.js';
import type { TrustStore } from './trust-store.js';

/** Signatures checked in one path validation; the longest path allowed has 11. */
const MAX_CHECKS = 32;

type Outcome = VerifyCode | 'valid';

/** Checks who signed what, each pair once, and not without end. */
export class SignatureChecker {
  readonly #provider: CryptoProvider;
  readonly #trust: TrustStore;
  readonly #outcomes = new Map<Certificate, Map<Certificate, Outcome>>();
  readonly #keys = new Map<Certificate, PublicKey | undefined>();
  #checks = 0;

  constructor(provider: CryptoProvider, trust: TrustStore) {
    this.#provider = provider;
    this.#trust = trust;
  }

  get exhausted(): boolean {
    return this.#checks >= MAX_CHECKS;
  }

  /** `undefined`: `issuer` signed `certificate`. */
  check(certificate: Certificate, issuer: Certificate): VerifyCode | undefined {
    const known = this.#outcomes.get(certificate) ?? new Map<Certificate, Outcome>();
    this.#outcomes.set(certificate, known);
    const outcome = known.get(issuer) ?? this.#verify(certificate, issuer);
    known.set(issuer, outcome);
    return outcome === 'valid' ? undefined : outcome;
  }

  #verify(certificate: Certificate, issuer: Certificate): Outcome {
    const key = this.#keyOf(issuer);
    if (key === undefined) return 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY';
    if (!algorithmsAgree(certificate)) return 'CERT_SIGNATURE_FAILURE';
    const scheme = signatureScheme(certificate.signatureAlgorithm, key.type);
    if (scheme === undefined) return 'UNSUPPORTED_SIGNATURE_ALGORITHM';
    if (this.exhausted) return 'CERT_CHAIN_TOO_LONG';
    this.#checks++;
    const valid = this.#provider.verify(scheme, key, certificate.tbs, certificate.signature);
    return valid ? 'valid' : 'CERT_SIGNATURE_FAILURE';
  }

  #keyOf(issuer: Certificate): PublicKey | undefined {
    if (this.#keys.has(issuer)) return this.#keys.get(issuer);
    const key = this.#trust.publicKey(issuer, this.#provider);
    this.#keys.set(issuer, key);
    return key;
  }
}
