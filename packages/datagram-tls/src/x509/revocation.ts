import { type CandidatePath, isSelfSigned, keyIdsAgree, mayHaveIssued } from './candidates.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import { type Crl, covers } from './crl.js';
import { KeyUsage } from './extensions.js';
import { checkStrength, checkValidity, type Failure, firstFailure } from './path-checks.js';
import type { SignatureChecker } from './signatures.js';

/** What a path is asked of. */
export interface RevocationLists {
  readonly crls: readonly Crl[];
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly signatures: SignatureChecker;
  /** What the peer sent: more keys of a CA may be among them. */
  readonly certificates: readonly Certificate[];
}

/** Of a certificate: its issuer, and the issuer of that. */
interface Issuers {
  readonly issuer: Certificate;
  readonly above: Certificate | undefined;
}

/** Certificates of a CA whose keys are tried, beside that of the path; a rollover takes two. */
const MAX_OTHER_KEYS = 4;

/** Each certificate of the path against the list of its issuer; the anchor's issuer is itself. @see RFC 5280 §6.3 */
export function checkRevocation(path: CandidatePath, lists: RevocationLists): Failure | undefined {
  return firstFailure(path, (certificate, depth) => {
    const issuer = path[depth + 1] ?? (certificate.isSelfIssued ? certificate : undefined);
    if (issuer === undefined) return 'UNABLE_TO_GET_CRL';
    return checkCertificate(certificate, { issuer, above: path[depth + 2] }, lists);
  });
}

/**
 * The newest list that is usable decides. Lists that are not, such as a delta beside its base, are passed over: of the best
 * of them the reason is told only where there is no other.
 */
function checkCertificate(
  certificate: Certificate,
  issuers: Issuers,
  lists: RevocationLists,
): VerifyCode | undefined {
  const { time } = lists;
  const rank = (crl: Crl): number =>
    (crl.isUnhandled ? 0 : 2) + (checkCurrent(crl, time) === undefined ? 1 : 0);
  const candidates = lists.crls
    .filter((crl) => crl.issuer.equals(certificate.issuer) && covers(crl, certificate))
    .sort((a, b) => rank(b) - rank(a) || b.thisUpdate - a.thisUpdate);
  let first: VerifyCode | undefined;
  for (const crl of candidates) {
    const code = checkCrl(crl, issuers, lists);
    if (code === undefined) return crl.isRevoked(certificate.serial) ? 'CERT_REVOKED' : undefined;
    first ??= code === 'OTHER_KEY' ? undefined : code;
  }
  return first ?? 'UNABLE_TO_GET_CRL';
}

/** Whether a list is to be believed: `OTHER_KEY` where it names a key that is not known. */
function checkCrl(
  crl: Crl,
  { issuer, above }: Issuers,
  lists: RevocationLists,
): VerifyCode | 'OTHER_KEY' | undefined {
  const { time, signatures } = lists;
  const code = keyIdsAgree(issuer, crl.authorityKeyId)
    ? checkCrlBy(issuer, crl, time, signatures)
    : 'OTHER_KEY';
  if (code !== 'OTHER_KEY' && code !== 'CRL_SIGNATURE_FAILURE') return code;
  const others = otherKeys(issuer, above, lists).filter((key) => keyIdsAgree(key, crl.authorityKeyId));
  return others.some((key) => checkCrlBy(key, crl, time, signatures) === undefined) ? undefined : code;
}

function checkCrlBy(
  issuer: Certificate,
  crl: Crl,
  time: number,
  signatures: SignatureChecker,
): VerifyCode | undefined {
  const { keyUsage } = issuer.extensions;
  if (keyUsage !== undefined && (keyUsage & KeyUsage.cRLSign) === 0) return 'KEYUSAGE_NO_CRL_SIGN';
  if (crl.isUnhandled) return 'UNHANDLED_CRITICAL_CRL_EXTENSION';
  const outdated = checkCurrent(crl, time);
  if (outdated !== undefined) return outdated;
  const code = signatures.check(crl, issuer);
  return code === 'CERT_SIGNATURE_FAILURE' ? 'CRL_SIGNATURE_FAILURE' : code;
}

/**
 * Other certificates of the CA `issuer`, as after a change of its key: trusted ones, and ones that its own issuer `above`
 * signed (RFC 5280 §6.3.3 (f): under the same anchor).
 */
function otherKeys(
  issuer: Certificate,
  above: Certificate | undefined,
  { signatures, certificates, time }: RevocationLists,
): readonly Certificate[] {
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

/** A certificate with the name of a CA is no CA by that: it says so, or that it signs lists. */
function signsLists({ extensions }: Certificate): boolean {
  const { keyUsage, basicConstraints } = extensions;
  return keyUsage === undefined ? basicConstraints?.ca === true : (keyUsage & KeyUsage.cRLSign) !== 0;
}

function checkCurrent({ thisUpdate, nextUpdate }: Crl, time: number): VerifyCode | undefined {
  if (time < thisUpdate) return 'CRL_NOT_YET_VALID';
  return nextUpdate !== undefined && time >= nextUpdate ? 'CRL_HAS_EXPIRED' : undefined;
}
