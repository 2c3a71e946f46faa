import { type CandidatePath, keyIdsAgree } from './candidates.js';
import { type Certificate, isSelfIssued } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { Crl } from './crl.js';
import { KeyUsage } from './extensions.js';
import { type Failure, firstFailure } from './path-checks.js';
import type { SignatureChecker } from './signatures.js';

/** Each certificate of the path against the list of its issuer; the anchor's issuer is itself. @see RFC 5280 §6.3 */
export function checkRevocation(
  path: CandidatePath,
  crls: readonly Crl[],
  time: number,
  signatures: SignatureChecker,
): Failure | undefined {
  return firstFailure(path, (certificate, depth) => {
    const issuer = path[depth + 1] ?? (isSelfIssued(certificate) ? certificate : undefined);
    const crl = issuer && bestCrl(crls, issuer, time);
    if (issuer === undefined || crl === undefined) return 'UNABLE_TO_GET_CRL';
    return (
      checkCrl(crl, issuer, time, signatures) ??
      (crl.isRevoked(certificate.serial) ? 'CERT_REVOKED' : undefined)
    );
  });
}

/** Of the issuer's lists, the newest of those that are current, else the newest. */
function bestCrl(crls: readonly Crl[], issuer: Certificate, time: number): Crl | undefined {
  const own = crls.filter(
    (crl) => crl.issuer.equals(issuer.subject) && keyIdsAgree(issuer, crl.authorityKeyId),
  );
  const newestFirst = own.sort((a, b) => b.thisUpdate - a.thisUpdate);
  return newestFirst.find((crl) => checkCurrent(crl, time) === undefined) ?? newestFirst[0];
}

function checkCrl(
  crl: Crl,
  issuer: Certificate,
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

function checkCurrent({ thisUpdate, nextUpdate }: Crl, time: number): VerifyCode | undefined {
  if (time < thisUpdate) return 'CRL_NOT_YET_VALID';
  return nextUpdate !== undefined && time >= nextUpdate ? 'CRL_HAS_EXPIRED' : undefined;
}
