import { decodeAck, encodeAck } from '#lib/wire/messages/ack.js';
import { decodeAlert, encodeAlert } from '#lib/wire/messages/alert.js';
import * as request12 from '#lib/wire/messages/certificate-request12.js';
import * as request13 from '#lib/wire/messages/certificate-request13.js';
import * as certificateStatus from '#lib/wire/messages/certificate-status.js';
import * as certificateVerify from '#lib/wire/messages/certificate-verify.js';
import {
  decodeCertificate12,
  decodeRawPublicKey12,
  encodeCertificate12,
  encodeRawPublicKey12,
} from '#lib/wire/messages/certificate12.js';
import { decodeCertificate13, encodeCertificate13 } from '#lib/wire/messages/certificate13.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import * as clientKeyExchange from '#lib/wire/messages/client-key-exchange.js';
import * as ecdhePsk from '#lib/wire/messages/ecdhe-psk-key-exchange.js';
import * as encryptedExtensions from '#lib/wire/messages/encrypted-extensions.js';
import { decodeFinished, encodeFinished } from '#lib/wire/messages/finished.js';
import * as helloVerifyRequest from '#lib/wire/messages/hello-verify-request.js';
import { decodeKeyUpdate, encodeKeyUpdate } from '#lib/wire/messages/key-update.js';
import * as newConnectionId from '#lib/wire/messages/new-connection-id.js';
import * as ticket12 from '#lib/wire/messages/new-session-ticket12.js';
import * as ticket13 from '#lib/wire/messages/new-session-ticket13.js';
import * as psk from '#lib/wire/messages/psk-key-exchange.js';
import * as requestConnectionId from '#lib/wire/messages/request-connection-id.js';
import { decodeServerHello, encodeServerHello } from '#lib/wire/messages/server-hello.js';
import * as serverHelloDone from '#lib/wire/messages/server-hello-done.js';
import * as serverKeyExchange from '#lib/wire/messages/server-key-exchange.js';
import { bytes, type Codec, codec, extensions, list, present, record, u8, u16, u32, u48 } from './codec.js';

const someExtensions = extensions.filter((map) => map.size > 0);
const hello = { legacyVersion: u16, random: bytes(32, 32), sessionId: bytes(0, 32), extensions };

export const messageCodecs: readonly Codec[] = [
  codec(
    'ClientHello',
    decodeClientHello,
    encodeClientHello,
    record({
      ...hello,
      cookie: bytes(0, 255),
      cipherSuites: list(u16, 1),
      compressionMethods: bytes(1, 4),
    }),
    { cuts: (value) => [encodeClientHello({ ...value, extensions: new Map() }).length] },
  ),
  codec(
    'ServerHello',
    decodeServerHello,
    encodeServerHello,
    record({ ...hello, cipherSuite: u16, compressionMethod: u8 }),
    { cuts: (value) => [encodeServerHello({ ...value, extensions: new Map() }).length] },
  ),
  codec(
    'HelloVerifyRequest',
    helloVerifyRequest.decodeHelloVerifyRequest,
    helloVerifyRequest.encodeHelloVerifyRequest,
    record({ serverVersion: u16, cookie: bytes(0, 255) }),
  ),
  codec(
    'Certificate of 1.2',
    decodeCertificate12,
    encodeCertificate12,
    record({ certificateList: list(bytes(1), 0) }),
  ),
  codec(
    'Certificate of 1.2 with a raw public key',
    decodeRawPublicKey12,
    encodeRawPublicKey12,
    record({ subjectPublicKeyInfo: bytes(1) }),
  ),
  codec(
    'Certificate of 1.3',
    decodeCertificate13,
    encodeCertificate13,
    record({
      certificateRequestContext: bytes(0),
      certificateList: list(record({ certData: bytes(1), extensions }), 0),
    }),
  ),
  codec(
    'ServerKeyExchange of ECDHE',
    serverKeyExchange.decodeServerKeyExchange,
    serverKeyExchange.encodeServerKeyExchange,
    record({ namedCurve: u16, point: bytes(1), signatureScheme: u16, signature: bytes(0) }).map((value) => ({
      ...value,
      params: serverKeyExchange.encodeServerEcdhParams(value),
    })),
  ),
  codec(
    'ServerKeyExchange of PSK',
    psk.decodePskServerKeyExchange,
    psk.encodePskServerKeyExchange,
    record({ pskIdentityHint: bytes(0) }),
  ),
  codec(
    'ServerKeyExchange of ECDHE_PSK',
    ecdhePsk.decodeEcdhePskServerKeyExchange,
    ecdhePsk.encodeEcdhePskServerKeyExchange,
    record({ pskIdentityHint: bytes(0), namedCurve: u16, point: bytes(1) }),
  ),
  codec(
    'CertificateRequest of 1.2',
    request12.decodeCertificateRequest12,
    request12.encodeCertificateRequest12,
    record({
      certificateTypes: bytes(1),
      supportedSignatureAlgorithms: list(u16, 1),
      certificateAuthorities: list(bytes(1), 0),
    }),
  ),
  codec(
    'CertificateRequest of 1.3',
    request13.decodeCertificateRequest13,
    request13.encodeCertificateRequest13,
    record({ certificateRequestContext: bytes(0), extensions: someExtensions }),
  ),
  codec(
    'ServerHelloDone',
    serverHelloDone.decodeServerHelloDone,
    serverHelloDone.encodeServerHelloDone,
    present,
  ),
  codec(
    'ClientKeyExchange of ECDHE',
    clientKeyExchange.decodeClientKeyExchange,
    clientKeyExchange.encodeClientKeyExchange,
    record({ point: bytes(1) }),
  ),
  codec(
    'ClientKeyExchange of PSK',
    psk.decodePskClientKeyExchange,
    psk.encodePskClientKeyExchange,
    record({ pskIdentity: bytes(0) }),
  ),
  codec(
    'ClientKeyExchange of ECDHE_PSK',
    ecdhePsk.decodeEcdhePskClientKeyExchange,
    ecdhePsk.encodeEcdhePskClientKeyExchange,
    record({ pskIdentity: bytes(0), point: bytes(1) }),
  ),
  codec(
    'CertificateVerify',
    certificateVerify.decodeCertificateVerify,
    certificateVerify.encodeCertificateVerify,
    record({ signatureScheme: u16, signature: bytes(0) }),
  ),
  ...[12, 32, 48].map((length) =>
    codec(
      `Finished of ${length} bytes`,
      (body) => decodeFinished(body, length),
      encodeFinished,
      record({ verifyData: bytes(length, length) }),
    ),
  ),
  codec(
    'EncryptedExtensions',
    encryptedExtensions.decodeEncryptedExtensions,
    encryptedExtensions.encodeEncryptedExtensions,
    record({ extensions }),
  ),
  codec(
    'NewSessionTicket of 1.2',
    ticket12.decodeNewSessionTicket12,
    ticket12.encodeNewSessionTicket12,
    record({ ticketLifetimeHint: u32, ticket: bytes(0) }),
  ),
  codec(
    'NewSessionTicket of 1.3',
    ticket13.decodeNewSessionTicket13,
    ticket13.encodeNewSessionTicket13,
    record({
      ticketLifetime: u32,
      ticketAgeAdd: u32,
      ticketNonce: bytes(0),
      ticket: bytes(1),
      extensions,
    }),
  ),
  codec('KeyUpdate', decodeKeyUpdate, encodeKeyUpdate, record({ requestUpdate: u8 })),
  codec(
    'CertificateStatus',
    certificateStatus.decodeCertificateStatus,
    certificateStatus.encodeCertificateStatus,
    record({ response: bytes(1) }),
  ),
  codec(
    'RequestConnectionId',
    requestConnectionId.decodeRequestConnectionId,
    requestConnectionId.encodeRequestConnectionId,
    record({ numCids: u8 }),
  ),
  codec(
    'NewConnectionId',
    newConnectionId.decodeNewConnectionId,
    newConnectionId.encodeNewConnectionId,
    record({ cids: list(bytes(0), 0), usage: u8 }),
  ),
  codec('Alert', decodeAlert, encodeAlert, record({ level: u8, description: u8 })),
  codec(
    'ACK',
    decodeAck,
    encodeAck,
    record({ recordNumbers: list(record({ epoch: u16, sequenceNumber: u48 }), 0) }),
  ),
];
