/** The names that cases and peers use: IANA's, whatever a peer calls them itself. */

export const SUITES = [
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
] as const;
/** Suites of constrained devices (RFC 7251). */
export const CCM_SUITES = [
  'TLS_ECDHE_ECDSA_WITH_AES_128_CCM',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CCM',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8',
] as const;
/** Suites with a pre-shared key (RFC 5487, 6655, 7905). */
export const PSK_SUITES = [
  'TLS_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_PSK_WITH_AES_256_GCM_SHA384',
  'TLS_PSK_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_PSK_WITH_AES_128_CCM',
  'TLS_PSK_WITH_AES_256_CCM',
  'TLS_PSK_WITH_AES_128_CCM_8',
  'TLS_PSK_WITH_AES_256_CCM_8',
  'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
] as const;
/** Suites without an AEAD (RFC 5487, 5489). */
export const PSK_CBC_SUITES = [
  'TLS_PSK_WITH_AES_128_CBC_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256',
] as const;
/** Suites of RFC 8442, which fewer peers have. */
export const ECDHE_PSK_SUITES = [
  'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256',
  'TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256',
] as const;
/** DTLS 1.3's suites, which do not depend on certificates. */
export const SUITES13 = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_CCM_SHA256',
] as const;
export const ALL_SUITES = [
  ...SUITES,
  ...CCM_SUITES,
  ...PSK_SUITES,
  ...PSK_CBC_SUITES,
  ...ECDHE_PSK_SUITES,
  ...SUITES13,
] as const;
export type Suite = (typeof ALL_SUITES)[number];

export const GROUPS = ['x25519', 'secp256r1', 'secp384r1'] as const;
/** Groups of DTLS 1.3. */
export const GROUPS13 = [...GROUPS, 'X25519MLKEM768'] as const;
export type Group = (typeof GROUPS13)[number];

/** Group numbers as in a ServerKeyExchange. */
export const GROUP_CODES: ReadonlyMap<number, Group> = new Map([
  [0x1d, 'x25519'],
  [0x17, 'secp256r1'],
  [0x18, 'secp384r1'],
]);

export type Scheme =
  | 'ecdsa_secp256r1_sha256'
  | 'ecdsa_secp384r1_sha384'
  | 'ed25519'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pkcs1_sha256';

/** A server or client certificate of the test PKI, by the type of its key. */
export type Identity = 'ECDSA' | 'RSA' | 'Ed25519' | 'P-384';

export type Role = 'client' | 'server';
export type Version = 'DTLSv1.2' | 'DTLSv1.3';

/** The curve of an identity's key. A client has to list it even when it is not to be used for key exchange (RFC 8422 §5.1). */
export function curveOf(identity: Identity): Group | undefined {
  if (identity === 'ECDSA') return 'secp256r1';
  return identity === 'P-384' ? 'secp384r1' : undefined;
}

const ALERTS: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  90: 'user_canceled',
  100: 'no_renegotiation',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  116: 'certificate_required',
};

export function alertName(code: number): string {
  return ALERTS[code] ?? `alert ${code}`;
}
