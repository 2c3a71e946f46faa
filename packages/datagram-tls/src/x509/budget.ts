/**
 * The most that one validation of a peer may cost, over all candidate paths and with the OCSP response.
 * An honest chain needs a small part of it. The limits keep a validation below 100 ms of CPU.
 */
export const VALIDATION_LIMITS = {
  /**
   * Names compared with name constraints, where a long constraint counts once more for each 32 bytes, and distribution
   * points compared with those of revocation lists.
   */
  comparisons: 250_000,
  /** Signatures checked. The longest path has 11, and as many revocation lists. */
  signatures: 32,
  /**
   * What these and the import of their keys cost, in the time of one check under RSA with 2048 bits, about 50 µs. Hashing
   * 64 KiB takes as long, so a long revocation list costs more.
   */
  signatureWork: 600,
  /** Issuers examined. A hostile set of cross-signed certificates has exponentially many paths. */
  issuers: 500,
  /** Candidate paths that reach a trust anchor and are checked. */
  paths: 100,
  /** Revocation lists examined, each once for a certificate, its issuer and the issuer of that. */
  lists: 500,
} as const;

export type ValidationWork = keyof typeof VALIDATION_LIMITS;

/** Counts the work of one validation. After the first limit is reached, no further work is allowed. */
export class ValidationBudget {
  readonly #spent: Record<ValidationWork, number> = {
    comparisons: 0,
    signatures: 0,
    signatureWork: 0,
    issuers: 0,
    paths: 0,
    lists: 0,
  };
  #exhausted = false;

  /** A limit was reached: facts that were not found until then remain unknown. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Whether `amount` of work is still allowed. Call it before the work is done. */
  allows(work: ValidationWork, amount = 1): boolean {
    if (this.#exhausted || this.#spent[work] + amount > VALIDATION_LIMITS[work]) {
      this.#exhausted = true;
      return false;
    }
    this.#spent[work] += amount;
    return true;
  }

  spent(work: ValidationWork): number {
    return this.#spent[work];
  }
}
