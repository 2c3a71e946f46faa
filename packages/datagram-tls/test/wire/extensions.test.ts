import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeAlpnRequest, decodeAlpnResponse } from '#lib/extensions/alpn.js';
import { decodeCertificateAuthorities } from '#lib/extensions/certificate-authorities.js';
import { decodeCertificateTypeRequest } from '#lib/extensions/certificate-types.js';
import { decodeConnectionId } from '#lib/extensions/connection-id.js';
import { decodeCookie } from '#lib/extensions/cookie.js';
import { decodeEcPointFormats } from '#lib/extensions/ec-point-formats.js';
import {
  decodeKeyShareRequest,
  decodeKeyShareResponse,
  decodeKeyShareRetry,
} from '#lib/extensions/key-share.js';
import {
  bindersLength,
  decodePreSharedKeyRequest,
  encodePreSharedKeyRequest,
} from '#lib/extensions/pre-shared-key.js';
import { maxFragmentBytes } from '#lib/extensions/record-limits.js';
import { decodeRenegotiationInfo } from '#lib/extensions/renegotiation-info.js';
import { decodeServerNameRequest } from '#lib/extensions/server-name.js';
import { decodeSignatureAlgorithms } from '#lib/extensions/signature-algorithms.js';
import { decodeStatusRequest } from '#lib/extensions/status-request.js';
import { decodeSupportedGroups } from '#lib/extensions/supported-groups.js';
import {
  decodeSupportedVersionsRequest,
  decodeSupportedVersionsResponse,
} from '#lib/extensions/supported-versions.js';
import { decodeUseSrtpRequest, decodeUseSrtpResponse } from '#lib/extensions/use-srtp.js';
import { Writer } from '#lib/wire/cursor.js';
import { writeExtensions } from '#lib/wire/extension-block.js';
import { filled, hex } from './bytes.js';

type Vector = readonly [what: string, decode: (body: Uint8Array) => unknown, body: string, value: unknown];
type Malformed = readonly [what: string, decode: (body: Uint8Array) => unknown, body: string];

const binder = 'ee'.repeat(32);

const vectors: readonly Vector[] = [
  ['server_name', decodeServerNameRequest, '0006 00 0003 612e62', { hostName: 'a.b' }],
  [
    'server_name of a type we do not know',
    decodeServerNameRequest,
    '0004 07 0001 61',
    { hostName: undefined },
  ],
  ['supported_groups', decodeSupportedGroups, '0004 11ec 001d', [0x11ec, 0x001d]],
  ['ec_point_formats', decodeEcPointFormats, '02 0001', hex('0001')],
  ['signature_algorithms', decodeSignatureAlgorithms, '0004 0403 0807', [0x0403, 0x0807]],
  ['ALPN request', decodeAlpnRequest, '0008 04 636f6170 02 6832', [hex('636f6170'), hex('6832')]],
  ['ALPN response', decodeAlpnResponse, '0005 04 636f6170', hex('636f6170')],
  ['use_srtp request', decodeUseSrtpRequest, '0004 0007 0001 01 aa', { profiles: [7, 1], mki: hex('aa') }],
  ['use_srtp response', decodeUseSrtpResponse, '0002 0007 00', { profile: 7, mki: hex('') }],
  ['renegotiation_info of a first handshake', decodeRenegotiationInfo, '00', hex('')],
  ['supported_versions request', decodeSupportedVersionsRequest, '04 fefc fefd', [0xfefc, 0xfefd]],
  ['supported_versions response', decodeSupportedVersionsResponse, 'fefc', 0xfefc],
  ['cookie', decodeCookie, '0003 010203', hex('010203')],
  [
    'key_share request',
    decodeKeyShareRequest,
    '0006 001d 0002 aabb',
    [{ group: 0x1d, keyExchange: hex('aabb') }],
  ],
  ['key_share request without shares', decodeKeyShareRequest, '0000', []],
  ['key_share response', decodeKeyShareResponse, '0017 0001 aa', { group: 0x17, keyExchange: hex('aa') }],
  ['key_share of a retry', decodeKeyShareRetry, '11ec', 0x11ec],
  [
    'pre_shared_key request',
    decodePreSharedKeyRequest,
    `0007 0001 61 00000005 0021 20 ${binder}`,
    { identities: [{ identity: hex('61'), obfuscatedTicketAge: 5 }], binders: [filled(32, 0xee)] },
  ],
  [
    'status_request for OCSP',
    decodeStatusRequest,
    '01 0000 0000',
    { statusType: 1, ocsp: { responderIdList: [], requestExtensions: hex('') } },
  ],
  [
    'status_request of a type we do not know',
    decodeStatusRequest,
    '02 ffff',
    { statusType: 2, ocsp: undefined },
  ],
  ['connection_id of no bytes', decodeConnectionId, '00', hex('')],
  ['certificate_authorities', decodeCertificateAuthorities, '0004 0002 3000', [hex('3000')]],
];

const malformed: readonly Malformed[] = [
  ['server_name without names', decodeServerNameRequest, '0000'],
  ['server_name with an empty name', decodeServerNameRequest, '0003 00 0000'],
  ['server_name with two host names', decodeServerNameRequest, '0008 00 0001 61 00 0001 62'],
  ['server_name with a NUL', decodeServerNameRequest, '0005 00 0002 6100'],
  ['server_name beyond ASCII', decodeServerNameRequest, '0005 00 0002 c3a9'],
  ['supported_groups without groups', decodeSupportedGroups, '0000'],
  ['supported_groups with half a group', decodeSupportedGroups, '0003 001d00'],
  ['ec_point_formats without formats', decodeEcPointFormats, '00'],
  ['signature_algorithms without schemes', decodeSignatureAlgorithms, '0000'],
  ['ALPN without names', decodeAlpnRequest, '0000'],
  ['ALPN with an empty name', decodeAlpnRequest, '0003 00 01 61'],
  ['ALPN response with two names', decodeAlpnResponse, '0004 01 61 01 62'],
  ['use_srtp without profiles', decodeUseSrtpRequest, '0000 00'],
  ['use_srtp response with two profiles', decodeUseSrtpResponse, '0004 0007 0001 00'],
  ['supported_versions without versions', decodeSupportedVersionsRequest, '00'],
  ['supported_versions with half a version', decodeSupportedVersionsRequest, '03 fefcfe'],
  ['an empty cookie', decodeCookie, '0000'],
  ['key_share with an empty key', decodeKeyShareRequest, '0004 001d 0000'],
  [
    'pre_shared_key with an empty identity',
    decodePreSharedKeyRequest,
    `0007 0000 00000005 00 0021 20 ${binder}`,
  ],
  [
    'pre_shared_key with a binder of 31 bytes',
    decodePreSharedKeyRequest,
    `0007 0001 61 00000005 0020 1f ${'ee'.repeat(31)}`,
  ],
  ['pre_shared_key without binders', decodePreSharedKeyRequest, '0007 0001 61 00000005 0000'],
  ['certificate types without types', decodeCertificateTypeRequest, '00'],
  ['certificate_authorities without names', decodeCertificateAuthorities, '0000'],
  ['certificate_authorities with an empty name', decodeCertificateAuthorities, '0005 0001 30 0000'],
];

suite('extensions, field by field', () => {
  for (const [what, decode, body, value] of vectors) {
    test(what, () => assert.deepEqual(decode(hex(body)), value));
  }
});

suite('malformed extensions are refused', () => {
  for (const [what, decode, body] of malformed) {
    test(what, () => assert.equal(decode(hex(body)), undefined));
  }
});

test('the binders are at the end of the extension and have the stated length', () => {
  const identities = [{ identity: hex('6162'), obfuscatedTicketAge: 7 }];
  const binders = [filled(32, 1), filled(48, 2)];
  const whole = encodePreSharedKeyRequest({ identities, binders });
  assert.deepEqual(whole.subarray(0, whole.length - bindersLength(binders)), hex('0008 0002 6162 00000007'));
});

test('max_fragment_length has four codes', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(maxFragmentBytes), [undefined, 512, 1024, 2048, 4096, undefined]);
});

test('extensions are written in the order given', () => {
  const w = new Writer();
  writeExtensions(w, [
    [44, hex('0001 aa')],
    [10, hex('')],
  ]);
  assert.deepEqual(w.finish(), hex('000b 002c 0003 0001aa 000a 0000'));
});
