import type { CandidatePath } from './candidates.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import { ExtendedKeyUsage, KeyUsage, NetscapeType } from './extensions.js';
import type { ConstraintChecker, NameRole } from './name-constraints.js';
import { isBroken } from './signature-algorithm.js';

/** The required use of the leaf's key: by a server towards us, or by a client. */
export type Purpose = 'serverAuth' | 'clientAuth';

/** `depth`: index in the path of the faulty certificate; the leaf has 0. */
export interface Failure {
  readonly code: VerifyCode;
  readonly depth: number;
}

const MIN_RSA_BITS = 2048;

/** The first failure of `check` from the leaf up. */
export function firstFailure(
  path: CandidatePath,
  check: (certificate: Certificate, depth: number) => VerifyCode | undefined,
): Failure | undefined {
  for (const [depth, certificate] of path.entries()) {
    const code = check(certificate, depth);
    if (code !== undefined) return { code, depth };
  }
  return undefined;
}

/** RFC 5280 §6.1.4 (k) to (o) and §4.2.1.12: critical extensions, CA bits, usages and path lengths, the anchor's included. */
export function checkExtensions(path: CandidatePath, purpose: Purpose): Failure | undefined {
  let intermediates = 0;
  return firstFailure(path, (certificate, depth) => {
    const { unhandledCritical, basicConstraints } = certificate.extensions;
    if (unhandledCritical.length > 0) return 'UNHANDLED_CRITICAL_EXTENSION';
    if (depth > 0 && !isCa(certificate, depth === path.length - 1)) return 'INVALID_CA';
    if (!serves(certificate, purpose, depth === 0)) return 'INVALID_PURPOSE';
    if (depth === 0) return undefined;
    if (intermediates > (basicConstraints?.pathLength ?? Infinity)) return 'PATH_LENGTH_EXCEEDED';
    if (!certificate.isSelfIssued) intermediates++;
    return undefined;
  });
}

/** A version 1 certificate has no CA bit: only the caller's trust can replace it. */
function isCa(certificate: Certificate, isAnchor: boolean): boolean {
  const { basicConstraints, keyUsage } = certificate.extensions;
  if (keyUsage !== undefined && (keyUsage & KeyUsage.keyCertSign) === 0) return false;
  if (basicConstraints !== undefined) return basicConstraints.ca;
  return isAnchor && certificate.version === 1 && certificate.isSelfIssued;
}

/** Extended key usages restrict CAs, too, and anyExtendedKeyUsage is not enough, as in OpenSSL's purpose checks. */
function serves(certificate: Certificate, purpose: Purpose, isLeaf: boolean): boolean {
  const { extendedKeyUsage, keyUsage, netscapeType } = certificate.extensions;
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.has(ExtendedKeyUsage[purpose])) return false;
  if (!isLeaf) return true;
  const type = purpose === 'serverAuth' ? NetscapeType.server : NetscapeType.client;
  if (netscapeType !== undefined && (netscapeType & type) === 0) return false;
  // In every handshake that we support the leaf's key signs; keyEncipherment and keyAgreement alone are useless.
  return keyUsage === undefined || (keyUsage & KeyUsage.digitalSignature) !== 0;
}

/** Key sizes of all, signature hashes of all but the anchor, whose signature is not checked. */
export function checkStrength(path: CandidatePath): Failure | undefined {
  return (
    firstFailure(path, ({ key: { type, bits } }, depth) => {
      if (type === undefined)
        return depth === 0 ? 'UNSUPPORTED_SIGNATURE_ALGORITHM' : 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY';
      if (!type.startsWith('rsa') || bits >= MIN_RSA_BITS) return undefined;
      return depth === 0 ? 'EE_KEY_TOO_SMALL' : 'CA_KEY_TOO_SMALL';
    }) ??
    firstFailure(path.slice(0, -1), ({ signatureAlgorithm }) =>
      isBroken(signatureAlgorithm) ? 'CA_MD_TOO_WEAK' : undefined,
    )
  );
}

/** `notAfter` itself is already too late, as in OpenSSL. */
export function checkValidity({ notBefore, notAfter }: Certificate, time: number): VerifyCode | undefined {
  if (time < notBefore) return 'CERT_NOT_YET_VALID';
  return time >= notAfter ? 'CERT_HAS_EXPIRED' : undefined;
}

/**
 * Each certificate under the constraints of all above it; self-issued intermediates are exempt (RFC 5280 §6.1.3).
 * `role`: of the leaf.
 */
export function checkConstraints(
  path: CandidatePath,
  role: Exclude<NameRole, 'ca'>,
  constraints: ConstraintChecker,
): Failure | undefined {
  return firstFailure(path, (certificate, depth) => {
    if (depth > 0 && certificate.isSelfIssued) return undefined;
    for (let above = path.length - 1; above > depth; above--) {
      const { nameConstraints } = (path[above] as Certificate).extensions;
      const code =
        nameConstraints && constraints.check(certificate, nameConstraints, depth === 0 ? role : 'ca');
      if (code !== undefined) return code;
    }
    return undefined;
  });
}
