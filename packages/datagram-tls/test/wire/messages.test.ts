import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeAck, encodeAck } from '#lib/wire/messages/ack.js';
import { decodeAlert } from '#lib/wire/messages/alert.js';
import { decodeCertificateRequest12 } from '#lib/wire/messages/certificate-request12.js';
import { decodeCertificateRequest13 } from '#lib/wire/messages/certificate-request13.js';
import { decodeCertificateStatus } from '#lib/wire/messages/certificate-status.js';
import { decodeCertificateVerify } from '#lib/wire/messages/certificate-verify.js';
import { decodeCertificate12, decodeRawPublicKey12 } from '#lib/wire/messages/certificate12.js';
import { decodeCertificate13 } from '#lib/wire/messages/certificate13.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeClientKeyExchange } from '#lib/wire/messages/client-key-exchange.js';
import {
  decodeEcdhePskClientKeyExchange,
  decodeEcdhePskServerKeyExchange,
} from '#lib/wire/messages/ecdhe-psk-key-exchange.js';
import { decodeEncryptedExtensions } from '#lib/wire/messages/encrypted-extensions.js';
import { decodeFinished } from '#lib/wire/messages/finished.js';
import { decodeHelloVerifyRequest } from '#lib/wire/messages/hello-verify-request.js';
import { decodeKeyUpdate } from '#lib/wire/messages/key-update.js';
import { ConnectionIdUsage, decodeNewConnectionId } from '#lib/wire/messages/new-connection-id.js';
import { decodeNewSessionTicket12 } from '#lib/wire/messages/new-session-ticket12.js';
import { decodeNewSessionTicket13 } from '#lib/wire/messages/new-session-ticket13.js';
import { decodePskClientKeyExchange } from '#lib/wire/messages/psk-key-exchange.js';
import { decodeServerHello, isHelloRetryRequest } from '#lib/wire/messages/server-hello.js';
import { decodeServerKeyExchange } from '#lib/wire/messages/server-key-exchange.js';
import { filled, hex } from './bytes.js';

type Vector = readonly [
  what: string,
  decode: (body: Uint8Array) => unknown,
  body: string,
  value: Record<string, unknown>,
];
type Malformed = readonly [what: string, decode: (body: Uint8Array) => unknown, body: string];

const random = '11'.repeat(32);
const retryRandom = 'cf21ad74e59a6111be1d8c021e65b891 c2a211167abb8c5e079e09e2c8a8339c';
const clientHelloStart = `fefd ${random} 00 00 0002 c02b 01 00`;

const vectors: readonly Vector[] = [
  [
    'ClientHello with session id, cookie and extensions',
    decodeClientHello,
    `fefd ${random} 02 aabb 03 ccddee 0004 c02b 00ff 01 00 0009 0017 0000 ff01 0001 00`,
    {
      legacyVersion: 0xfefd,
      random: filled(32, 0x11),
      sessionId: hex('aabb'),
      cookie: hex('ccddee'),
      cipherSuites: [0xc02b, 0x00ff],
      compressionMethods: hex('00'),
      extensions: new Map([
        [0x17, hex('')],
        [0xff01, hex('00')],
      ]),
    },
  ],
  [
    'ClientHello without an extensions block',
    decodeClientHello,
    clientHelloStart,
    {
      legacyVersion: 0xfefd,
      random: filled(32, 0x11),
      sessionId: hex(''),
      cookie: hex(''),
      cipherSuites: [0xc02b],
      compressionMethods: hex('00'),
      extensions: new Map(),
    },
  ],
  [
    'ServerHello',
    decodeServerHello,
    `fefd ${random} 01 aa cca9 00 0004 0017 0000`,
    {
      legacyVersion: 0xfefd,
      random: filled(32, 0x11),
      sessionId: hex('aa'),
      cipherSuite: 0xcca9,
      compressionMethod: 0,
      extensions: new Map([[0x17, hex('')]]),
    },
  ],
  [
    'HelloVerifyRequest',
    decodeHelloVerifyRequest,
    'feff 03 010203',
    { serverVersion: 0xfeff, cookie: hex('010203') },
  ],
  [
    'Certificate of 1.2',
    decodeCertificate12,
    '000009 000002 3000 000001 05',
    { certificateList: [hex('3000'), hex('05')] },
  ],
  ['Certificate of 1.2 without certificates', decodeCertificate12, '000000', { certificateList: [] }],
  [
    'Certificate of 1.2 with a raw public key',
    decodeRawPublicKey12,
    '000002 3000',
    { subjectPublicKeyInfo: hex('3000') },
  ],
  [
    'Certificate of 1.3',
    decodeCertificate13,
    '01 07 00000d 000002 3000 0006 0005 0002 0100',
    {
      certificateRequestContext: hex('07'),
      certificateList: [{ certData: hex('3000'), extensions: new Map([[5, hex('0100')]]) }],
    },
  ],
  [
    'ServerKeyExchange of ECDHE',
    decodeServerKeyExchange,
    '03 001d 04 01020304 0403 0002 aabb',
    {
      namedCurve: 0x1d,
      point: hex('01020304'),
      params: hex('03 001d 04 01020304'),
      signatureScheme: 0x0403,
      signature: hex('aabb'),
    },
  ],
  [
    'ServerKeyExchange of ECDHE_PSK',
    decodeEcdhePskServerKeyExchange,
    '0002 6869 03 0017 01 04',
    { pskIdentityHint: hex('6869'), namedCurve: 0x17, point: hex('04') },
  ],
  [
    'CertificateRequest of 1.2',
    decodeCertificateRequest12,
    '02 01 40 0004 0403 0804 0004 0002 3000',
    {
      certificateTypes: hex('0140'),
      supportedSignatureAlgorithms: [0x0403, 0x0804],
      certificateAuthorities: [hex('3000')],
    },
  ],
  [
    'CertificateRequest of 1.3',
    decodeCertificateRequest13,
    '00 0008 000d 0004 0002 0403',
    { certificateRequestContext: hex(''), extensions: new Map([[13, hex('0002 0403')]]) },
  ],
  ['ClientKeyExchange of ECDHE', decodeClientKeyExchange, '02 aabb', { point: hex('aabb') }],
  ['ClientKeyExchange of PSK', decodePskClientKeyExchange, '0002 6d65', { pskIdentity: hex('6d65') }],
  [
    'ClientKeyExchange of ECDHE_PSK',
    decodeEcdhePskClientKeyExchange,
    '0002 6d65 01 aa',
    { pskIdentity: hex('6d65'), point: hex('aa') },
  ],
  [
    'CertificateVerify',
    decodeCertificateVerify,
    '0807 0001 aa',
    { signatureScheme: 0x0807, signature: hex('aa') },
  ],
  [
    'Finished',
    (body) => decodeFinished(body, 12),
    '0102030405060708090a0b0c',
    { verifyData: hex('0102030405060708090a0b0c') },
  ],
  [
    'EncryptedExtensions',
    decodeEncryptedExtensions,
    '0006 001c 0002 0400',
    { extensions: new Map([[28, hex('0400')]]) },
  ],
  [
    'NewSessionTicket of 1.2',
    decodeNewSessionTicket12,
    '00001c20 0002 aabb',
    { ticketLifetimeHint: 7200, ticket: hex('aabb') },
  ],
  [
    'NewSessionTicket of 1.3',
    decodeNewSessionTicket13,
    '00000e10 ffffffff 01 00 0002 aabb 0000',
    {
      ticketLifetime: 3600,
      ticketAgeAdd: 0xffff_ffff,
      ticketNonce: hex('00'),
      ticket: hex('aabb'),
      extensions: new Map(),
    },
  ],
  ['KeyUpdate', decodeKeyUpdate, '01', { requestUpdate: 1 }],
  ['CertificateStatus', decodeCertificateStatus, '01 000002 3000', { response: hex('3000') }],
  [
    'NewConnectionId',
    decodeNewConnectionId,
    '0004 02 aabb 00 01',
    { cids: [hex('aabb'), hex('')], usage: ConnectionIdUsage.cid_spare },
  ],
  ['Alert', decodeAlert, '02 28', { level: 2, description: 40 }],
  [
    'ACK',
    decodeAck,
    '0010 0000000000000003 0000ffffffffffff',
    { recordNumbers: [{ epoch: 3, sequenceNumber: 0xffff_ffff_ffff }] },
  ],
  ['ACK of nothing', decodeAck, '0000', { recordNumbers: [] }],
];

const malformed: readonly Malformed[] = [
  [
    'ClientHello with a session id of 33 bytes',
    decodeClientHello,
    `fefd ${random} 21 ${'aa'.repeat(33)} 00 0002 c02b 01 00`,
  ],
  ['ClientHello without cipher suites', decodeClientHello, `fefd ${random} 00 00 0000 01 00`],
  ['ClientHello with half a cipher suite', decodeClientHello, `fefd ${random} 00 00 0003 c02bc0 01 00`],
  ['ClientHello without compression methods', decodeClientHello, `fefd ${random} 00 00 0002 c02b 00`],
  ['ClientHello with an extension twice', decodeClientHello, `${clientHelloStart} 0008 0017 0000 0017 0000`],
  ['ClientHello with half an extension', decodeClientHello, `${clientHelloStart} 0003 0017 00`],
  [
    'ClientHello with an extension longer than the block',
    decodeClientHello,
    `${clientHelloStart} 0004 0017 0001 00`,
  ],
  [
    'ServerHello with a session id of 33 bytes',
    decodeServerHello,
    `fefd ${random} 21 ${'aa'.repeat(33)} c02b 00`,
  ],
  ['Certificate of 1.2 with an empty certificate', decodeCertificate12, '000003 000000'],
  ['Certificate of 1.2 that promises 16 MB', decodeCertificate12, 'ffffff ffffff 00'],
  ['Certificate of 1.3 with an empty certificate', decodeCertificate13, '00 000005 000000 0000'],
  [
    'Certificate of 1.3 with an extension twice',
    decodeCertificate13,
    '00 00000e 000001 30 0008 0005 0000 0005 0000',
  ],
  ['ServerKeyExchange with an explicit curve', decodeServerKeyExchange, '01 001d 01 aa 0403 0001 bb'],
  ['ServerKeyExchange with an empty point', decodeServerKeyExchange, '03 001d 00 0403 0001 bb'],
  ['ClientKeyExchange with an empty point', decodeClientKeyExchange, '00'],
  ['CertificateRequest without certificate types', decodeCertificateRequest12, '00 0002 0403 0000'],
  ['CertificateRequest without signature algorithms', decodeCertificateRequest12, '01 01 0000 0000'],
  [
    'CertificateRequest with half a signature algorithm',
    decodeCertificateRequest12,
    '01 01 0003 040308 0000',
  ],
  ['CertificateRequest with an empty name', decodeCertificateRequest12, '01 01 0002 0403 0002 0000'],
  ['CertificateRequest of 1.3 without extensions', decodeCertificateRequest13, '00 0000'],
  ['Finished of the wrong length', (body) => decodeFinished(body, 32), '0102030405060708090a0b0c'],
  [
    'NewSessionTicket of 1.3 with an empty ticket',
    decodeNewSessionTicket13,
    '00000e10 00000000 00 0000 0000',
  ],
  ['CertificateStatus that is not OCSP', decodeCertificateStatus, '02 000002 3000'],
  ['CertificateStatus without a response', decodeCertificateStatus, '01 000000'],
  ['two alerts in one record', decodeAlert, '0228 0100'],
  ['ACK of an epoch above 2^16-1', decodeAck, '0010 0000000000010000 0000000000000000'],
  ['ACK of a number above 2^48-1', decodeAck, '0010 0000000000000003 0001000000000000'],
  ['ACK with half a record number', decodeAck, '0008 0000000000000003'],
];

suite('handshake messages, field by field', () => {
  for (const [what, decode, body, value] of vectors) {
    test(what, () => assert.deepEqual(decode(hex(body)), value));
  }
});

suite('malformed handshake messages are refused', () => {
  for (const [what, decode, body] of malformed) {
    test(what, () => assert.equal(decode(hex(body)), undefined));
  }
});

test('only the fixed random makes a ServerHello a HelloRetryRequest', () => {
  const retry = decodeServerHello(hex(`fefd ${retryRandom} 00 1301 00`));
  const near = decodeServerHello(hex(`fefd ${retryRandom.replace(/c$/, 'd')} 00 1301 00`));
  assert.ok(retry && near);
  assert.equal(isHelloRetryRequest(retry), true);
  assert.equal(isHelloRetryRequest(near), false);
});

test('an ACK carries both numbers in 64 bits', () => {
  const recordNumbers = [{ epoch: 0x0203, sequenceNumber: 0x0405_0607_0809 }];
  assert.deepEqual(encodeAck({ recordNumbers }), hex('0010 0000000000000203 0000040506070809'));
});
