/** Alert descriptions (RFC 8446 §6, RFC 5246 §7.2). */
export const Alert = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  too_many_cids_requested: 52,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

export type AlertName = keyof typeof Alert;

/** Alerts with which an application may refuse a peer's certificate or key. */
export const CERTIFICATE_ALERTS = [
  'access_denied',
  'bad_certificate',
  'bad_certificate_status_response',
  'certificate_expired',
  'certificate_revoked',
  'certificate_unknown',
  'unknown_ca',
  'unsupported_certificate',
] as const satisfies readonly AlertName[];

export type CertificateAlert = (typeof CERTIFICATE_ALERTS)[number];

export const AlertLevel = { warning: 1, fatal: 2 } as const;

const names = new Map<number, AlertName>(
  Object.entries(Alert).map(([name, code]) => [code, name as AlertName]),
);

/** The RFC's name of an alert code; `undefined` for an unregistered code. */
export function alertName(code: number): AlertName | undefined {
  return names.get(code);
}
