import { violation } from '../base/errors.js';
import { ExtensionType } from '../wire/codes.js';
import type { Extensions } from '../wire/extension-block.js';
import { versionNamed } from '../wire/version.js';
import { alpnRow } from './alpn.js';
import { certificateAuthoritiesRow } from './certificate-authorities.js';
import { clientCertificateTypeRow, serverCertificateTypeRow } from './certificate-types.js';
import { connectionIdRow } from './connection-id.js';
import { cookieRow } from './cookie.js';
import { earlyDataRow } from './early-data.js';
import { ecPointFormatsRow } from './ec-point-formats.js';
import { encryptThenMacRow } from './encrypt-then-mac.js';
import { extendedMasterSecretRow } from './extended-master-secret.js';
import { type Carrier, type Extension, extension, NEVER, type Offering } from './extension.js';
import { keyShareRow } from './key-share.js';
import { preSharedKeyRow } from './pre-shared-key.js';
import { pskKeyExchangeModesRow } from './psk-key-exchange-modes.js';
import { maxFragmentLengthRow, recordSizeLimitRow } from './record-limits.js';
import { renegotiationInfoRow } from './renegotiation-info.js';
import { returnRoutabilityRow } from './return-routability.js';
import { serverNameRow } from './server-name.js';
import { sessionTicketRow } from './session-ticket.js';
import { signatureAlgorithmsRow } from './signature-algorithms.js';
import { statusRequestRow } from './status-request.js';
import { supportedGroupsRow } from './supported-groups.js';
import { supportedVersionsRow } from './supported-versions.js';
import { useSrtpRow } from './use-srtp.js';

/**
 * All extensions that we know, in the order in which a ClientHello holds them: what a server needs soonest stands first, key
 * shares, which may fill a second datagram, near the end, and pre_shared_key last of all (RFC 8446 §4.2.11).
 */
export const EXTENSIONS: readonly Extension[] = [
  supportedVersionsRow,
  serverNameRow,
  supportedGroupsRow,
  signatureAlgorithmsRow,
  ecPointFormatsRow,
  extendedMasterSecretRow,
  encryptThenMacRow,
  renegotiationInfoRow,
  statusRequestRow,
  alpnRow,
  useSrtpRow,
  maxFragmentLengthRow,
  recordSizeLimitRow,
  clientCertificateTypeRow,
  serverCertificateTypeRow,
  sessionTicketRow,
  connectionIdRow,
  returnRoutabilityRow,
  pskKeyExchangeModesRow,
  keyShareRow,
  earlyDataRow,
  preSharedKeyRow,
  // What a first ClientHello of ours does not hold.
  cookieRow,
  certificateAuthoritiesRow,
  // What we know without a use for it, by its place alone.
  extension(ExtensionType.compress_certificate, ['CH', 'CR'], NEVER),
  extension(ExtensionType.oid_filters, ['CR'], NEVER),
  extension(ExtensionType.signature_algorithms_cert, ['CH', 'CR'], NEVER),
];

const BY_TYPE: ReadonlyMap<number, Extension> = new Map(EXTENSIONS.map((row) => [row.type, row]));

/** The extensions of our first ClientHello. */
export function offeredExtensions(offering: Offering): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  for (const { type, only, offer } of EXTENSIONS) {
    if (only !== undefined && versionNamed(offering.versions, only.name) === undefined) continue;
    const body = offer(offering);
    if (body !== undefined) extensions.set(type, body);
  }
  return extensions;
}

const NAMES: Readonly<Record<Carrier, string>> = {
  CH: 'ClientHello',
  SH: 'ServerHello',
  HRR: 'HelloRetryRequest',
  EE: 'EncryptedExtensions',
  CR: 'CertificateRequest',
  CT: 'Certificate',
  NST: 'NewSessionTicket',
};

/** RFC 8446 §4.2: a known extension in a message that is no place for it is illegal; an unknown one may be ignored. */
export function checkPlaces(extensions: Extensions, carrier: Carrier): void {
  for (const type of extensions.keys()) {
    if (BY_TYPE.get(type)?.in.includes(carrier) === false)
      throw violation('illegal_parameter', `extension ${type} does not belong in a ${NAMES[carrier]}`);
  }
}

/** For messages of DTLS 1.3 whose extensions only answer those of `asked`, but for what may come unasked (RFC 8446 §4.2). */
export function checkAnswers(extensions: Extensions, carrier: Carrier, asked: Extensions): void {
  for (const type of extensions.keys()) {
    if (BY_TYPE.get(type)?.unasked.includes(carrier) !== true) requireAsked(type, NAMES[carrier], asked);
  }
  checkPlaces(extensions, carrier);
}

/** For a ServerHello of DTLS 1.2 (RFC 5246 §7.4.1.4). */
export function checkAnswers12(extensions: Extensions, asked: Extensions): void {
  for (const type of extensions.keys()) requireAsked(type, NAMES.SH, asked);
}

function requireAsked(type: number, carrier: string, asked: Extensions): void {
  if (!asked.has(type))
    throw violation('unsupported_extension', `extension ${type} of the ${carrier} was not offered`);
}

/** The body of an extension that has to be there. */
export function requireExtension(extensions: Extensions, type: number, carrier: Carrier): Uint8Array {
  const body = extensions.get(type);
  if (body === undefined)
    throw violation('missing_extension', `the ${NAMES[carrier]} lacks extension ${type}`);
  return body;
}
