import { decoded, violation } from '../base/errors.js';
import { hostName } from '../base/host-name.js';
import type { Versions } from '../config/config.js';
import { decodeCertificateTypeRequest } from '../extensions/certificate-types.js';
import { decodeEcPointFormats, UNCOMPRESSED } from '../extensions/ec-point-formats.js';
import { decodeEncryptThenMac } from '../extensions/encrypt-then-mac.js';
import { decodeExtendedMasterSecret } from '../extensions/extended-master-secret.js';
import { decodeRenegotiationInfo } from '../extensions/renegotiation-info.js';
import { decodeServerNameRequest } from '../extensions/server-name.js';
import { decodeSignatureAlgorithms } from '../extensions/signature-algorithms.js';
import { decodeSupportedGroups } from '../extensions/supported-groups.js';
import { decodeSupportedVersionsRequest } from '../extensions/supported-versions.js';
import {
  type CertificateTypeName,
  certificateTypeName,
  ExtensionType,
  FALLBACK_SCSV,
  RENEGOTIATION_SCSV,
  WireVersion,
} from '../wire/codes.js';
import type { ClientHello } from '../wire/messages/client-hello.js';
import type { VersionFacts } from '../wire/version.js';
import { parseIp } from '../x509/general-names.js';

/** A ClientHello with its extensions decoded, after the checks that do not depend on the negotiation. */
export interface ClientOffer {
  readonly hello: ClientHello;
  /** Codes of the client's versions. */
  readonly versions: readonly number[];
  /** A {@link hostName}; `undefined` where the client asks for none. An IP address counts as none (RFC 6066 §3). */
  readonly serverName: string | undefined;
  /** The requested name is neither a host name nor an IP address. */
  readonly asksForNonsense: boolean;
  /** `undefined` when the client sent no supported_groups. */
  readonly groups: readonly number[] | undefined;
  readonly schemes: readonly number[];
  /** The types that the client can show, and those that it accepts; `undefined`: certificates (RFC 7250 §4.1). */
  readonly clientTypes: readonly CertificateTypeName[] | undefined;
  readonly serverTypes: readonly CertificateTypeName[] | undefined;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  /** The client supports RFC 5746, by the extension or by the signalling suite. */
  readonly secureRenegotiation: boolean;
  /** This is a second try at a lower version (RFC 7507). */
  readonly fallback: boolean;
}

export function readClientOffer(hello: ClientHello): ClientOffer {
  const { compressionMethods } = hello;
  // Nearly every client has no other. To search a typed array costs more than to read one byte.
  if (compressionMethods[0] !== 0 && !compressionMethods.includes(0)) {
    throw violation('illegal_parameter', 'the client does not offer the null compression method');
  }
  checkPointFormats(hello);
  const asked = extension(hello, ExtensionType.server_name, decodeServerNameRequest, 'server_name')?.hostName;
  const serverName = asked === undefined ? undefined : hostName(asked);
  return {
    hello,
    versions: offeredVersions(hello),
    serverName,
    asksForNonsense: asked !== undefined && serverName === undefined && parseIp(asked) === undefined,
    groups: extension(hello, ExtensionType.supported_groups, decodeSupportedGroups, 'supported_groups'),
    // RFC 5246 §7.4.1.4.1: without the extension the client means SHA-1, which we do not support.
    schemes:
      extension(
        hello,
        ExtensionType.signature_algorithms,
        decodeSignatureAlgorithms,
        'signature_algorithms',
      ) ?? [],
    clientTypes: certificateTypes(hello, ExtensionType.client_certificate_type, 'client_certificate_type'),
    serverTypes: certificateTypes(hello, ExtensionType.server_certificate_type, 'server_certificate_type'),
    extendedMasterSecret:
      extension(
        hello,
        ExtensionType.extended_master_secret,
        decodeExtendedMasterSecret,
        'extended_master_secret',
      ) ?? false,
    encryptThenMac:
      extension(hello, ExtensionType.encrypt_then_mac, decodeEncryptThenMac, 'encrypt_then_mac') ?? false,
    secureRenegotiation: signalsSecureRenegotiation(hello),
    fallback: hello.cipherSuites.includes(FALLBACK_SCSV),
  };
}

function extension<T>(
  hello: ClientHello,
  type: number,
  decode: (body: Uint8Array) => T | undefined,
  name: string,
): T | undefined {
  const body = hello.extensions.get(type);
  return body === undefined ? undefined : decoded(decode(body), name);
}

/** Those that we know. */
function certificateTypes(
  hello: ClientHello,
  type: number,
  name: string,
): readonly CertificateTypeName[] | undefined {
  const listed = extension(hello, type, decodeCertificateTypeRequest, name);
  if (listed === undefined) return undefined;
  return Array.from(listed, certificateTypeName).filter((known) => known !== undefined);
}

/** supported_versions where present, else legacy_version (RFC 8446 §4.2.1). On the wire DTLS counts down. */
function offeredVersions(hello: ClientHello): readonly number[] {
  const listed = extension(
    hello,
    ExtensionType.supported_versions,
    decodeSupportedVersionsRequest,
    'supported_versions',
  );
  if (listed !== undefined) return listed;
  return hello.legacyVersion <= WireVersion.dtls12 ? [WireVersion.dtls12] : [];
}

/** RFC 8422 §5.1.2: the list of a client contains the uncompressed format. */
function checkPointFormats(hello: ClientHello): void {
  const formats = extension(hello, ExtensionType.ec_point_formats, decodeEcPointFormats, 'ec_point_formats');
  // As of compression methods: nearly every list begins with it.
  if (formats !== undefined && formats[0] !== UNCOMPRESSED && !formats.includes(UNCOMPRESSED)) {
    throw violation('illegal_parameter', 'the client cannot take uncompressed points');
  }
}

/** RFC 5746 §3.6: in a first handshake renegotiated_connection is empty. */
function signalsSecureRenegotiation(hello: ClientHello): boolean {
  const info = extension(
    hello,
    ExtensionType.renegotiation_info,
    decodeRenegotiationInfo,
    'renegotiation_info',
  );
  if (info !== undefined && info.length > 0) {
    throw violation(
      'handshake_failure',
      'the client treats this handshake as a renegotiation, which is not supported. Let it begin a new session',
    );
  }
  return info !== undefined || hello.cipherSuites.includes(RENEGOTIATION_SCSV);
}

/** The latest version that both sides support. */
export function chooseVersion<V extends VersionFacts>(ours: Versions<V>, client: ClientOffer): V {
  const version = ours.find(({ code }) => client.versions.includes(code));
  if (version === undefined) {
    throw violation(
      'protocol_version',
      'unsupported protocol: no version in common with the client. Compare minVersion and maxVersion of both sides',
      'ERR_DTLS_UNSUPPORTED_VERSION',
    );
  }
  // RFC 7507 §3: the client thinks that we support no later version, and we do.
  if (client.fallback && version !== ours[0])
    throw violation(
      'inappropriate_fallback',
      'inappropriate fallback: the client tries an older version than both sides know. Let it offer its newest first',
    );
  return version;
}
