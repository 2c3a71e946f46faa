import fc from 'fast-check';
import * as alpn from '#lib/extensions/alpn.js';
import * as authorities from '#lib/extensions/certificate-authorities.js';
import * as certificateType from '#lib/extensions/certificate-types.js';
import * as connectionId from '#lib/extensions/connection-id.js';
import * as cookie from '#lib/extensions/cookie.js';
import * as earlyData from '#lib/extensions/early-data.js';
import * as pointFormats from '#lib/extensions/ec-point-formats.js';
import * as encryptThenMac from '#lib/extensions/encrypt-then-mac.js';
import * as extendedMasterSecret from '#lib/extensions/extended-master-secret.js';
import * as keyShare from '#lib/extensions/key-share.js';
import * as preSharedKey from '#lib/extensions/pre-shared-key.js';
import * as pskModes from '#lib/extensions/psk-key-exchange-modes.js';
import * as maxFragmentLength from '#lib/extensions/record-limits.js';
import * as recordSizeLimit from '#lib/extensions/record-limits.js';
import * as renegotiationInfo from '#lib/extensions/renegotiation-info.js';
import * as serverName from '#lib/extensions/server-name.js';
import * as sessionTicket from '#lib/extensions/session-ticket.js';
import * as signatureAlgorithms from '#lib/extensions/signature-algorithms.js';
import * as statusRequest from '#lib/extensions/status-request.js';
import * as groups from '#lib/extensions/supported-groups.js';
import * as versions from '#lib/extensions/supported-versions.js';
import * as useSrtp from '#lib/extensions/use-srtp.js';
import { bytes, type Codec, codec, list, present, record, u8, u16, u32 } from './codec.js';

const hostName = fc.stringMatching(/^[a-z0-9.-]{1,40}$/);

export const extensionCodecs: readonly Codec[] = [
  codec(
    'server_name request',
    serverName.decodeServerNameRequest,
    (value) =>
      value.hostName === undefined
        ? undefined
        : serverName.encodeServerNameRequest({ hostName: value.hostName }),
    record({ hostName }),
  ),
  codec(
    'server_name response',
    serverName.decodeServerNameResponse,
    serverName.encodeServerNameResponse,
    present,
  ),
  codec(
    'max_fragment_length',
    maxFragmentLength.decodeMaxFragmentLength,
    maxFragmentLength.encodeMaxFragmentLength,
    u8,
  ),
  codec(
    'status_request',
    statusRequest.decodeStatusRequest,
    (value) => (value.ocsp === undefined ? undefined : statusRequest.encodeStatusRequest(value.ocsp)),
    record({ responderIdList: list(bytes(1), 0), requestExtensions: bytes(0) }).map((ocsp) => ({
      statusType: 1,
      ocsp,
    })),
  ),
  codec(
    'status_request response',
    statusRequest.decodeStatusResponse,
    statusRequest.encodeStatusResponse,
    present,
  ),
  codec('supported_groups', groups.decodeSupportedGroups, groups.encodeSupportedGroups, list(u16, 1)),
  codec(
    'ec_point_formats',
    pointFormats.decodeEcPointFormats,
    pointFormats.encodeEcPointFormats,
    bytes(1, 255),
  ),
  codec(
    'signature_algorithms',
    signatureAlgorithms.decodeSignatureAlgorithms,
    signatureAlgorithms.encodeSignatureAlgorithms,
    list(u16, 1),
  ),
  codec(
    'use_srtp request',
    useSrtp.decodeUseSrtpRequest,
    useSrtp.encodeUseSrtpRequest,
    record({ profiles: list(u16, 1), mki: bytes(0) }),
  ),
  codec(
    'use_srtp response',
    useSrtp.decodeUseSrtpResponse,
    useSrtp.encodeUseSrtpResponse,
    record({ profile: u16, mki: bytes(0) }),
  ),
  codec('ALPN request', alpn.decodeAlpnRequest, alpn.encodeAlpnRequest, list(bytes(1), 1)),
  codec('ALPN response', alpn.decodeAlpnResponse, alpn.encodeAlpnResponse, bytes(1, 255)),
  codec(
    'certificate type request',
    certificateType.decodeCertificateTypeRequest,
    certificateType.encodeCertificateTypeRequest,
    bytes(1, 255),
  ),
  codec(
    'certificate type response',
    certificateType.decodeCertificateTypeResponse,
    certificateType.encodeCertificateTypeResponse,
    u8,
  ),
  codec(
    'encrypt_then_mac',
    encryptThenMac.decodeEncryptThenMac,
    encryptThenMac.encodeEncryptThenMac,
    present,
  ),
  codec(
    'extended_master_secret',
    extendedMasterSecret.decodeExtendedMasterSecret,
    extendedMasterSecret.encodeExtendedMasterSecret,
    present,
  ),
  codec(
    'record_size_limit',
    recordSizeLimit.decodeRecordSizeLimit,
    recordSizeLimit.encodeRecordSizeLimit,
    u16,
  ),
  codec(
    'session_ticket request',
    sessionTicket.decodeSessionTicketRequest,
    sessionTicket.encodeSessionTicketRequest,
    bytes(0),
    { anyLength: true },
  ),
  codec(
    'session_ticket response',
    sessionTicket.decodeSessionTicketResponse,
    sessionTicket.encodeSessionTicketResponse,
    present,
  ),
  codec(
    'pre_shared_key request',
    preSharedKey.decodePreSharedKeyRequest,
    preSharedKey.encodePreSharedKeyRequest,
    record({
      identities: list(record({ identity: bytes(1), obfuscatedTicketAge: u32 }), 1),
      binders: list(bytes(32), 1),
    }),
  ),
  codec(
    'pre_shared_key response',
    preSharedKey.decodePreSharedKeyResponse,
    preSharedKey.encodePreSharedKeyResponse,
    u16,
  ),
  codec('early_data', earlyData.decodeEarlyData, earlyData.encodeEarlyData, present),
  codec('early_data of a ticket', earlyData.decodeEarlyDataTicket, earlyData.encodeEarlyDataTicket, u32),
  codec(
    'supported_versions request',
    versions.decodeSupportedVersionsRequest,
    versions.encodeSupportedVersionsRequest,
    list(u16, 1),
  ),
  codec(
    'supported_versions response',
    versions.decodeSupportedVersionsResponse,
    versions.encodeSupportedVersionsResponse,
    u16,
  ),
  codec('cookie', cookie.decodeCookie, cookie.encodeCookie, bytes(1, 300)),
  codec(
    'psk_key_exchange_modes',
    pskModes.decodePskKeyExchangeModes,
    pskModes.encodePskKeyExchangeModes,
    bytes(1, 255),
  ),
  codec(
    'certificate_authorities',
    authorities.decodeCertificateAuthorities,
    authorities.encodeCertificateAuthorities,
    list(bytes(1), 1),
  ),
  codec(
    'key_share request',
    keyShare.decodeKeyShareRequest,
    keyShare.encodeKeyShareRequest,
    list(record({ group: u16, keyExchange: bytes(1) }), 0),
  ),
  codec(
    'key_share response',
    keyShare.decodeKeyShareResponse,
    keyShare.encodeKeyShareResponse,
    record({ group: u16, keyExchange: bytes(1) }),
  ),
  codec('key_share of a retry', keyShare.decodeKeyShareRetry, keyShare.encodeKeyShareRetry, u16),
  codec('connection_id', connectionId.decodeConnectionId, connectionId.encodeConnectionId, bytes(0, 255)),
  codec(
    'renegotiation_info',
    renegotiationInfo.decodeRenegotiationInfo,
    renegotiationInfo.encodeRenegotiationInfo,
    bytes(0, 255),
  ),
];
