import { violation } from '../../base/errors.js';
import { ExtensionType } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';

/** Messages of DTLS 1.3 that carry extensions, by the letters of RFC 8446 §4.2. */
type Carrier = 'CH' | 'SH' | 'HRR' | 'EE' | 'CR' | 'CT' | 'NST';

const NAMES: Readonly<Record<Carrier, string>> = {
  CH: 'ClientHello',
  SH: 'ServerHello',
  HRR: 'HelloRetryRequest',
  EE: 'EncryptedExtensions',
  CR: 'CertificateRequest',
  CT: 'Certificate',
  NST: 'NewSessionTicket',
};

/** Where each extension that we know may stand in DTLS 1.3 (RFC 8446 §4.2, and IANA's column for later ones). */
const PLACES = new Map<number, readonly Carrier[]>([
  [ExtensionType.server_name, ['CH', 'EE']],
  [ExtensionType.max_fragment_length, ['CH', 'EE']],
  [ExtensionType.status_request, ['CH', 'CR', 'CT']],
  [ExtensionType.supported_groups, ['CH', 'EE']],
  [ExtensionType.ec_point_formats, ['CH']],
  [ExtensionType.signature_algorithms, ['CH', 'CR']],
  [ExtensionType.use_srtp, ['CH', 'EE']],
  [ExtensionType.alpn, ['CH', 'EE']],
  [ExtensionType.client_certificate_type, ['CH', 'EE']],
  [ExtensionType.server_certificate_type, ['CH', 'EE']],
  [ExtensionType.encrypt_then_mac, ['CH']],
  [ExtensionType.extended_master_secret, ['CH']],
  [ExtensionType.compress_certificate, ['CH', 'CR']],
  [ExtensionType.record_size_limit, ['CH', 'EE']],
  [ExtensionType.session_ticket, ['CH']],
  [ExtensionType.pre_shared_key, ['CH', 'SH']],
  [ExtensionType.early_data, ['CH', 'EE', 'NST']],
  [ExtensionType.supported_versions, ['CH', 'SH', 'HRR']],
  [ExtensionType.cookie, ['CH', 'HRR']],
  [ExtensionType.psk_key_exchange_modes, ['CH']],
  [ExtensionType.certificate_authorities, ['CH', 'CR']],
  [ExtensionType.oid_filters, ['CR']],
  [ExtensionType.signature_algorithms_cert, ['CH', 'CR']],
  [ExtensionType.key_share, ['CH', 'SH', 'HRR']],
  [ExtensionType.connection_id, ['CH', 'SH']],
  [ExtensionType.return_routability_check, ['CH', 'SH']],
  [ExtensionType.renegotiation_info, ['CH']],
]);

/** RFC 8446 §4.2: a known extension in a message that is no place for it is illegal; an unknown one may be ignored. */
export function checkPlaces(extensions: Extensions, carrier: Carrier): void {
  for (const type of extensions.keys()) {
    if (PLACES.get(type)?.includes(carrier) === false)
      throw violation('illegal_parameter', `extension ${type} does not belong in a ${NAMES[carrier]}`);
  }
}

/** For messages whose extensions only answer those of `asked`; `exempt` may come unasked (RFC 8446 §4.2). */
export function checkAnswers(
  extensions: Extensions,
  carrier: Carrier,
  asked: Extensions,
  exempt?: number,
): void {
  for (const type of extensions.keys()) {
    if (type !== exempt && !asked.has(type))
      throw violation('unsupported_extension', `extension ${type} of the ${NAMES[carrier]} was not offered`);
  }
  checkPlaces(extensions, carrier);
}

/** The body of an extension that has to be there. */
export function requireExtension(extensions: Extensions, type: number, carrier: Carrier): Uint8Array {
  const body = extensions.get(type);
  if (body === undefined)
    throw violation('missing_extension', `the ${NAMES[carrier]} lacks extension ${type}`);
  return body;
}
