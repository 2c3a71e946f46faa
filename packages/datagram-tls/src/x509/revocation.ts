import type { ValidationBudget } from './budget.js';
import { type CandidatePath, isSelfSigned, keyIdsAgree, mayHaveIssued } from './candidates.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import { type Crl, covers } from './crl.js';
import { KeyUsage } from './extensions.js';
import { checkStrength, checkValidity, type Failure, firstFailure } from './path-checks.js';
import type { SignatureChecker } from './signatures.js';

/** The inputs of the check of a path. */
export interface RevocationLists {
  readonly crls: readonly Crl[];
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** As the peer sent them: more keys of a CA may be among them. */
  readonly certificates: readonly Certificate[];
}

/** Of a certificate: its issuer, and the issuer of that. */
interface Issuers {
  readonly issuer: Certificate;
  readonly above: Certificate | undefined;
}

/** Certificates of a CA whose keys are tried, beside that of the path. A rollover needs two. */
const MAX_OTHER_KEYS = 4;

/**
 * Checks paths against revocation lists. A certificate has one verdict under the same two issuers, however many
 * candidate paths share them: it is computed once, as far as the budget allows. @see RFC 5280 §6.3
 */
export class RevocationChecker {
  readonly #lists: RevocationLists;
  readonly #signatures: SignatureChecker;
  readonly #budget: ValidationBudget;
  /** The lists about each certificate, the best first. */
  readonly #candidates = new Map<Certificate, readonly Crl[]>();
  readonly #verdicts = new Map<string, VerifyCode | undefined>();
  readonly #otherKeys = new Map<string, readonly Certificate[]>();
  readonly #numbers = new Map<Certificate, number>();

  constructor(lists: RevocationLists, signatures: SignatureChecker, budget: ValidationBudget) {
    this.#lists = lists;
    this.#signatures = signatures;
    this.#budget = budget;
  }

  /** Each certificate of the path against the list of its issuer; the anchor's issuer is itself. */
  check(path: CandidatePath): Failure | undefined {
    return firstFailure(path, (certificate, depth) => {
      const issuer = path[depth + 1] ?? (certificate.isSelfIssued ? certificate : undefined);
      if (issuer === undefined) return 'UNABLE_TO_GET_CRL';
      return this.#verdict(certificate, { issuer, above: path[depth + 2] });
    });
  }

  #verdict(certificate: Certificate, issuers: Issuers): VerifyCode | undefined {
    const id = this.#id(certificate, issuers.issuer, issuers.above);
    if (!this.#verdicts.has(id)) this.#verdicts.set(id, this.#findVerdict(certificate, issuers));
    return this.#verdicts.get(id);
  }

  /**
   * The newest usable list decides. Others, such as a delta beside its base, are skipped: the reason of the best of
   * them counts only if no list is usable.
   */
  #findVerdict(certificate: Certificate, issuers: Issuers): VerifyCode | undefined {
    let first: VerifyCode | undefined;
    for (const crl of this.#candidatesFor(certificate)) {
      if (!this.#budget.allows('lists')) return 'VALIDATION_LIMIT_REACHED';
      const code = this.#checkCrl(crl, issuers);
      if (code === undefined) return crl.isRevoked(certificate.serial) ? 'CERT_REVOKED' : undefined;
      first ??= code === 'OTHER_KEY' ? undefined : code;
    }
    return first ?? 'UNABLE_TO_GET_CRL';
  }

  #candidatesFor(certificate: Certificate): readonly Crl[] {
    const known = this.#candidates.get(certificate);
    if (known !== undefined) return known;
    const { crls, time } = this.#lists;
    const rank = (crl: Crl): number =>
      (crl.isUnhandled ? 0 : 2) + (checkCurrent(crl, time) === undefined ? 1 : 0);
    const found = crls
      .filter((crl) => crl.issuer.equals(certificate.issuer) && this.#covers(crl, certificate))
      .sort((a, b) => rank(b) - rank(a) || b.thisUpdate - a.thisUpdate);
    this.#candidates.set(certificate, found);
    return found;
  }

  /** A peer may name thousands of distribution points, each of which is compared with those of the list. */
  #covers(crl: Crl, certificate: Certificate): boolean {
    const points = certificate.extensions.distributionPoints?.length ?? 0;
    const names = crl.scope.names?.length ?? 0;
    return this.#budget.allows('comparisons', points * names) && covers(crl, certificate);
  }

  /** Whether a list is authentic: `OTHER_KEY` where it names an unknown key. */
  #checkCrl(crl: Crl, issuers: Issuers): VerifyCode | 'OTHER_KEY' | undefined {
    const { issuer } = issuers;
    const code = keyIdsAgree(issuer, crl.authorityKeyId) ? this.#checkCrlBy(issuer, crl) : 'OTHER_KEY';
    if (code !== 'OTHER_KEY' && code !== 'CRL_SIGNATURE_FAILURE') return code;
    const others = this.#otherKeysOf(issuers).filter((key) => keyIdsAgree(key, crl.authorityKeyId));
    return others.some((key) => this.#checkCrlBy(key, crl) === undefined) ? undefined : code;
  }

  #checkCrlBy(issuer: Certificate, crl: Crl): VerifyCode | undefined {
    const { keyUsage } = issuer.extensions;
    if (keyUsage !== undefined && (keyUsage & KeyUsage.cRLSign) === 0) return 'KEYUSAGE_NO_CRL_SIGN';
    if (crl.isUnhandled) return 'UNHANDLED_CRITICAL_CRL_EXTENSION';
    const outdated = checkCurrent(crl, this.#lists.time);
    if (outdated !== undefined) return outdated;
    const code = this.#signatures.check(crl, issuer);
    return code === 'CERT_SIGNATURE_FAILURE' ? 'CRL_SIGNATURE_FAILURE' : code;
  }

  #otherKeysOf(issuers: Issuers): readonly Certificate[] {
    const id = this.#id(issuers.issuer, issuers.above);
    const known = this.#otherKeys.get(id) ?? this.#findOtherKeys(issuers);
    this.#otherKeys.set(id, known);
    return known;
  }

  /**
   * Other certificates of the CA `issuer`, as after a key rollover: trusted ones, and ones that its own issuer
   * `above` signed (RFC 5280 §6.3.3 (f): under the same anchor).
   */
  #findOtherKeys({ issuer, above }: Issuers): readonly Certificate[] {
    const { certificates, time } = this.#lists;
    const signatures = this.#signatures;
    const isOther = (candidate: Certificate): boolean =>
      candidate !== issuer &&
      candidate.subject.equals(issuer.subject) &&
      candidate.extensions.unhandledCritical.length === 0 &&
      checkValidity(candidate, time) === undefined;
    const trusted = signatures.trusted(issuer.subject).filter((key) => isOther(key) && isSelfSigned(key));
    const vouched = certificates.filter(
      (candidate) =>
        above !== undefined &&
        isOther(candidate) &&
        signsLists(candidate) &&
        mayHaveIssued(above, candidate) &&
        checkStrength([candidate, above]) === undefined &&
        signatures.check(candidate, above) === undefined,
    );
    return [...trusted, ...vouched].slice(0, MAX_OTHER_KEYS);
  }

  /** Equal for the same certificates in the same order. */
  #id(...certificates: readonly (Certificate | undefined)[]): string {
    return certificates.map((one) => (one === undefined ? '' : this.#numberOf(one))).join();
  }

  #numberOf(certificate: Certificate): number {
    const number = this.#numbers.get(certificate) ?? this.#numbers.size;
    this.#numbers.set(certificate, number);
    return number;
  }
}

/** The name of a CA alone makes no CA: the certificate needs the CA bit, or the usage to sign lists. */
function signsLists({ extensions }: Certificate): boolean {
  const { keyUsage, basicConstraints } = extensions;
  return keyUsage === undefined ? basicConstraints?.ca === true : (keyUsage & KeyUsage.cRLSign) !== 0;
}

function checkCurrent({ thisUpdate, nextUpdate }: Crl, time: number): VerifyCode | undefined {
  if (time < thisUpdate) return 'CRL_NOT_YET_VALID';
  return nextUpdate !== undefined && time >= nextUpdate ? 'CRL_HAS_EXPIRED' : undefined;
}
