import { type Reader, readItems, type Writer } from './cursor.js';

/** Numeric codes of the wire, as IANA registers them. */

export const ContentType = {
  change_cipher_spec: 20,
  alert: 21,
  handshake: 22,
  application_data: 23,
  heartbeat: 24,
  tls12_cid: 25,
  ack: 26,
  return_routability_check: 27,
} as const;

export const WireVersion = {
  dtls10: 0xfeff,
  dtls12: 0xfefd,
  dtls13: 0xfefc,
} as const;
/**
 * The versions of DTLS, as options write them.
 *
 * @example
 * ```ts
 * import { connect, type Version } from 'datagram-tls';
 *
 * const minVersion: Version = 'DTLSv1.3';
 * connect('example.net', 9000, { ca, minVersion });
 * ```
 */
export type Version = 'DTLSv1.2' | 'DTLSv1.3';

export const HandshakeType = {
  hello_request: 0,
  client_hello: 1,
  server_hello: 2,
  hello_verify_request: 3,
  new_session_ticket: 4,
  end_of_early_data: 5,
  request_connection_id: 9,
  new_connection_id: 10,
  encrypted_extensions: 8,
  certificate: 11,
  server_key_exchange: 12,
  certificate_request: 13,
  server_hello_done: 14,
  certificate_verify: 15,
  client_key_exchange: 16,
  finished: 20,
  certificate_status: 22,
  key_update: 24,
  message_hash: 254,
} as const;

const handshakeNames = new Map<number, string>(
  Object.entries(HandshakeType).map(([name, code]) => [code, name]),
);

/** The RFC's name of a handshake type, or its number, for logs and error messages. */
export function handshakeTypeName(type: number): string {
  return handshakeNames.get(type) ?? `handshake type ${type}`;
}

export const ExtensionType = {
  server_name: 0,
  max_fragment_length: 1,
  status_request: 5,
  supported_groups: 10,
  ec_point_formats: 11,
  signature_algorithms: 13,
  use_srtp: 14,
  alpn: 16,
  client_certificate_type: 19,
  server_certificate_type: 20,
  encrypt_then_mac: 22,
  extended_master_secret: 23,
  compress_certificate: 27,
  record_size_limit: 28,
  session_ticket: 35,
  pre_shared_key: 41,
  early_data: 42,
  supported_versions: 43,
  cookie: 44,
  psk_key_exchange_modes: 45,
  certificate_authorities: 47,
  oid_filters: 48,
  signature_algorithms_cert: 50,
  key_share: 51,
  connection_id: 54,
  return_routability_check: 61,
  renegotiation_info: 0xff01,
} as const;

/** Named groups for key exchange (RFC 8446 §4.2.7, RFC 10024). */
export const Group = {
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
  x25519: 0x001d,
  X25519MLKEM768: 0x11ec,
} as const;
/**
 * IANA's name of a group.
 *
 * @example
 * ```ts
 * import type { GroupName } from 'datagram-tls';
 *
 * const group: GroupName | undefined = session.group;
 * ```
 */
export type GroupName = keyof typeof Group;

/** Signature schemes (RFC 8446 §4.2.3). In DTLS 1.2 the same two bytes are a hash and a signature algorithm. */
export const Scheme = {
  rsa_pkcs1_sha256: 0x0401,
  rsa_pkcs1_sha384: 0x0501,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp256r1_sha256: 0x0403,
  ecdsa_secp384r1_sha384: 0x0503,
  ecdsa_secp521r1_sha512: 0x0603,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
  ed448: 0x0808,
  rsa_pss_pss_sha256: 0x0809,
  rsa_pss_pss_sha384: 0x080a,
  rsa_pss_pss_sha512: 0x080b,
} as const;
/**
 * IANA's name of a signature scheme.
 *
 * @example
 * ```ts
 * import type { SchemeName } from 'datagram-tls';
 *
 * const scheme: SchemeName | undefined = session.signatureScheme;
 * ```
 */
export type SchemeName = keyof typeof Scheme;

/** SRTP protection profiles by OpenSSL's names (RFC 5764 §4.1.2, RFC 7714 §14.2). */
export const SrtpProfile = {
  SRTP_AES128_CM_SHA1_80: 0x0001,
  SRTP_AES128_CM_SHA1_32: 0x0002,
  SRTP_AEAD_AES_128_GCM: 0x0007,
  SRTP_AEAD_AES_256_GCM: 0x0008,
} as const;
/**
 * IANA's name of an SRTP protection profile.
 *
 * @example
 * ```ts
 * import type { SrtpProfileName } from 'datagram-tls';
 *
 * const profile: SrtpProfileName = 'SRTP_AEAD_AES_128_GCM';
 * ```
 */
export type SrtpProfileName = keyof typeof SrtpProfile;

/** The contents of a Certificate message (RFC 7250 §3). */
export const CertificateType = { X509: 0, RawPublicKey: 2 } as const;
/**
 * IANA's name of a type of certificate.
 *
 * @example
 * ```ts
 * import type { CertificateTypeName } from 'datagram-tls';
 *
 * const raw: CertificateTypeName = 'RawPublicKey';
 * ```
 */
export type CertificateTypeName = keyof typeof CertificateType;

const certificateTypes = new Map<number, CertificateTypeName>(
  Object.entries(CertificateType).map(([name, code]) => [code, name as CertificateTypeName]),
);

/** `undefined` for unsupported types. */
export function certificateTypeName(code: number): CertificateTypeName | undefined {
  return certificateTypes.get(code);
}

/** How a pre-shared key is used (RFC 8446 §4.2.9). */
export const PskKeyExchangeMode = { psk_ke: 0, psk_dhe_ke: 1 } as const;

export type PskModeName = keyof typeof PskKeyExchangeMode;

/** `CertificateStatusType.ocsp`, the only one that a client may still request (RFC 6066 §8, RFC 8446 §4.4.2.1). */
export const OCSP = 1;

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3). */
export const RENEGOTIATION_SCSV = 0x00ff;
/** TLS_FALLBACK_SCSV (RFC 7507). */
export const FALLBACK_SCSV = 0x5600;

/** `DistinguishedName names<min..2^16-1>`, each a DER Name of at least one byte (RFC 5246 §7.4.4). */
export function readDistinguishedNames(r: Reader, min = 0): Uint8Array[] {
  return readItems(r, r.vec16(min), (list) => list.vec16(1));
}

export function writeDistinguishedNames(w: Writer, names: readonly Uint8Array[]): void {
  const list = w.openVec16();
  for (const name of names) w.vec16(name);
  w.closeVec16(list);
}
