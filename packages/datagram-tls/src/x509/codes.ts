import type { AlertName } from '../base/alerts.js';

/** Verdicts on certificates, by OpenSSL's short names, and the alert for each. */
const ALERTS = {
  APPLICATION_VERIFICATION: 'certificate_unknown',
  CA_KEY_TOO_SMALL: 'bad_certificate',
  CA_MD_TOO_WEAK: 'bad_certificate',
  CERT_CHAIN_TOO_LONG: 'unknown_ca',
  CERT_HAS_EXPIRED: 'certificate_expired',
  CERT_NOT_YET_VALID: 'bad_certificate',
  CERT_REVOKED: 'certificate_revoked',
  CERT_SIGNATURE_FAILURE: 'decrypt_error',
  CRL_HAS_EXPIRED: 'certificate_expired',
  CRL_NOT_YET_VALID: 'bad_certificate',
  CRL_SIGNATURE_FAILURE: 'decrypt_error',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown_ca',
  EE_KEY_TOO_SMALL: 'bad_certificate',
  EXCLUDED_VIOLATION: 'certificate_unknown',
  HOSTNAME_MISMATCH: 'bad_certificate',
  INVALID_CA: 'unknown_ca',
  INVALID_PURPOSE: 'unsupported_certificate',
  IP_ADDRESS_MISMATCH: 'bad_certificate',
  KEYUSAGE_NO_CRL_SIGN: 'certificate_unknown',
  OCSP_CERT_UNKNOWN: 'bad_certificate_status_response',
  OCSP_HAS_EXPIRED: 'bad_certificate_status_response',
  OCSP_NOT_YET_VALID: 'bad_certificate_status_response',
  OCSP_NO_RESPONSE: 'bad_certificate_status_response',
  OCSP_RESP_INVALID: 'bad_certificate_status_response',
  OCSP_SIGNATURE_FAILURE: 'bad_certificate_status_response',
  OCSP_VERIFY_FAILED: 'bad_certificate_status_response',
  OCSP_VERIFY_NEEDED: 'bad_certificate_status_response',
  PATH_LENGTH_EXCEEDED: 'unknown_ca',
  // Ours; RFC 8122 §6.2 names the alert.
  PIN_MISMATCH: 'bad_certificate',
  PERMITTED_VIOLATION: 'certificate_unknown',
  RPK_UNTRUSTED: 'bad_certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown_ca',
  SUBTREE_MINMAX: 'certificate_unknown',
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'bad_certificate',
  UNABLE_TO_GET_CRL: 'unknown_ca',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown_ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown_ca',
  UNHANDLED_CRITICAL_CRL_EXTENSION: 'certificate_unknown',
  UNHANDLED_CRITICAL_EXTENSION: 'certificate_unknown',
  UNSUPPORTED_CONSTRAINT_SYNTAX: 'certificate_unknown',
  UNSUPPORTED_CONSTRAINT_TYPE: 'certificate_unknown',
  UNSUPPORTED_NAME_SYNTAX: 'certificate_unknown',
  UNSUPPORTED_SIGNATURE_ALGORITHM: 'unsupported_certificate',
  // Ours: the validation would exceed VALIDATION_LIMITS.
  VALIDATION_LIMIT_REACHED: 'bad_certificate',
} as const satisfies Record<string, AlertName>;

export type VerifyCode = keyof typeof ALERTS;

/** The alert that OpenSSL sends; `certificate_unknown` for codes of the application. */
export function alertForCode(code: string): AlertName {
  return Object.hasOwn(ALERTS, code) ? ALERTS[code as VerifyCode] : 'certificate_unknown';
}
