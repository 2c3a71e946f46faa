import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import { decodeAlpnResponse } from '#lib/extensions/alpn.js';
import { bindersLength, decodePreSharedKeyRequest } from '#lib/extensions/pre-shared-key.js';
import { decodeServerNameRequest } from '#lib/extensions/server-name.js';
import { decodeUseSrtpRequest, decodeUseSrtpResponse } from '#lib/extensions/use-srtp.js';
import { ContentType, ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import type { Extensions } from '#lib/wire/extension-block.js';
import { decodeAck } from '#lib/wire/messages/ack.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeHelloVerifyRequest } from '#lib/wire/messages/hello-verify-request.js';
import { decodeServerHello, isHelloRetryRequest } from '#lib/wire/messages/server-hello.js';
import type { Codec } from './codec.js';
import { extensionCodecs } from './extension-codecs.js';
import { messageCodecs } from './message-codecs.js';
import { type RecordedMessage, type Recording, readRecordings, recordedMessages } from './recorded.js';

const codecs = new Map([...messageCodecs, ...extensionCodecs].map((codec) => [codec.name, codec]));
const recordings = readRecordings();
const recordCodecNames: Readonly<Record<number, string>> = {
  [ContentType.alert]: 'Alert',
  [ContentType.ack]: 'ACK',
};

for (const recording of recordings) {
  suite(`recorded from foreign peers: ${recording.name}`, () => {
    for (const message of recordedMessages(recording)) {
      const name = messageCodecName(recording.name, message);
      test(`${name} of the ${message.from} decodes, and encodes to the same bytes`, () => {
        assertSameBytes(named(name), message.body);
        for (const [codec, body] of extensionsOf(message)) assertSameBytes(codec, body);
      });
    }

    for (const { from, contentType, payload } of recording.records) {
      const name = recordCodecNames[contentType];
      if (name === undefined) continue;
      test(`${name} of the ${from} decodes, and encodes to the same bytes`, () => {
        assertSameBytes(named(name), payload);
      });
    }
  });
}

suite('messages of foreign peers', () => {
  test('OpenSSL requests a name, a protocol and SRTP, and repeats the cookie', () => {
    const [first, verify, second, server] = recordedMessages(recordingOf('openssl-12-ecdhe-ecdsa'));
    assert.ok(first && verify && second && server);
    const cookie = decodeHelloVerifyRequest(verify.body)?.cookie;
    assert.equal(cookie?.length, 20);
    assert.equal(decodeClientHello(first.body)?.cookie.length, 0);
    assert.deepEqual(decodeClientHello(second.body)?.cookie, cookie);

    const asked = extension(second, ExtensionType.server_name);
    assert.equal(decodeServerNameRequest(asked)?.hostName, 'localhost');
    const srtp = decodeUseSrtpRequest(extension(second, ExtensionType.use_srtp));
    assert.deepEqual(srtp?.profiles, [0x0007, 0x0001]);
    const chosen = decodeAlpnResponse(extension(server, ExtensionType.alpn));
    assert.equal(chosen && toHex(chosen), '636f6170');
    assert.equal(decodeUseSrtpResponse(extension(server, ExtensionType.use_srtp))?.profile, 0x0001);
  });

  test("wolfSSL's HelloRetryRequest is distinguished from its ServerHello", () => {
    const hellos = recordedMessages(recordingOf('wolfssl-13-certificates'))
      .filter(({ type }) => type === HandshakeType.server_hello)
      .map(({ body }) => decodeServerHello(body));
    assert.deepEqual(
      hellos.map((hello) => hello && isHelloRetryRequest(hello)),
      [true, false],
    );
  });

  test("wolfSSL's binders are the last bytes of its ClientHello", () => {
    const [hello] = recordedMessages(recordingOf('wolfssl-13-psk'));
    assert.ok(hello);
    const offer = decodePreSharedKeyRequest(extension(hello, ExtensionType.pre_shared_key));
    assert.ok(offer);
    const tail = hello.body.subarray(hello.body.length - bindersLength(offer.binders) + 2);
    assert.deepEqual(tail.subarray(1), offer.binders[0]);
  });

  test('wolfSSL acknowledges the records of the last flight, and of the ticket', () => {
    const acks = recordingOf('wolfssl-13-certificates').records.filter(
      ({ contentType }) => contentType === ContentType.ack,
    );
    assert.deepEqual(
      acks.map(({ payload }) => decodeAck(payload)?.recordNumbers),
      [[0, 1, 2].map((sequenceNumber) => ({ epoch: 2, sequenceNumber })), [{ epoch: 3, sequenceNumber: 1 }]],
    );
  });
});

function assertSameBytes(codec: Codec, body: Uint8Array): void {
  assert.notEqual(codec.decode(body), undefined, `${codec.name}: ${toHex(body)}`);
  assert.deepEqual(codec.reencode(body), body, codec.name);
}

function recordingOf(name: string): Recording {
  const recording = recordings.find((candidate) => candidate.name === name);
  assert.ok(recording, `no fixture ${name}`);
  return recording;
}

function named(name: string): Codec {
  const codec = codecs.get(name);
  assert.ok(codec, `no codec ${name}`);
  return codec;
}

function helloExtensions({ type, body }: RecordedMessage): Extensions {
  const hello = type === HandshakeType.client_hello ? decodeClientHello(body) : decodeServerHello(body);
  return hello?.extensions ?? new Map();
}

function extension(message: RecordedMessage, type: number): Uint8Array {
  const body = helloExtensions(message).get(type);
  assert.ok(body, `no extension ${type}`);
  return body;
}

function messageCodecName(recording: string, { from, type, body }: RecordedMessage): string {
  const version = recording.includes('-13-') ? '1.3' : '1.2';
  const exchange = /ecdhe-psk$/.test(recording) ? 'ECDHE_PSK' : /psk$/.test(recording) ? 'PSK' : 'ECDHE';
  switch (type) {
    case HandshakeType.client_hello:
      return 'ClientHello';
    case HandshakeType.server_hello:
      return 'ServerHello';
    case HandshakeType.hello_verify_request:
      return 'HelloVerifyRequest';
    case HandshakeType.certificate:
      return `Certificate of ${version}`;
    case HandshakeType.server_key_exchange:
      return `ServerKeyExchange of ${exchange}`;
    case HandshakeType.client_key_exchange:
      return `ClientKeyExchange of ${exchange}`;
    case HandshakeType.certificate_request:
      return `CertificateRequest of ${version}`;
    case HandshakeType.server_hello_done:
      return 'ServerHelloDone';
    case HandshakeType.certificate_verify:
      return 'CertificateVerify';
    case HandshakeType.new_session_ticket:
      return `NewSessionTicket of ${version}`;
    case HandshakeType.encrypted_extensions:
      return 'EncryptedExtensions';
    case HandshakeType.finished:
      return `Finished of ${body.length} bytes`;
    default:
      return assert.fail(`a recorded ${from} message of type ${type}`);
  }
}

/** Codec names of an extension in ClientHello, ServerHello and HelloRetryRequest. */
const extensionNames: Readonly<Record<number, readonly (string | undefined)[]>> = {
  [ExtensionType.server_name]: ['server_name request', 'server_name response'],
  [ExtensionType.status_request]: ['status_request', 'status_request response'],
  [ExtensionType.supported_groups]: ['supported_groups'],
  [ExtensionType.ec_point_formats]: ['ec_point_formats', 'ec_point_formats'],
  [ExtensionType.signature_algorithms]: ['signature_algorithms'],
  [ExtensionType.use_srtp]: ['use_srtp request', 'use_srtp response'],
  [ExtensionType.alpn]: ['ALPN request', 'ALPN response'],
  [ExtensionType.encrypt_then_mac]: ['encrypt_then_mac', 'encrypt_then_mac'],
  [ExtensionType.extended_master_secret]: ['extended_master_secret', 'extended_master_secret'],
  [ExtensionType.record_size_limit]: ['record_size_limit', 'record_size_limit'],
  [ExtensionType.session_ticket]: ['session_ticket request', 'session_ticket response'],
  [ExtensionType.pre_shared_key]: ['pre_shared_key request', 'pre_shared_key response'],
  [ExtensionType.supported_versions]: [
    'supported_versions request',
    'supported_versions response',
    'supported_versions response',
  ],
  [ExtensionType.cookie]: ['cookie', undefined, 'cookie'],
  [ExtensionType.psk_key_exchange_modes]: ['psk_key_exchange_modes'],
  [ExtensionType.key_share]: ['key_share request', 'key_share response', 'key_share of a retry'],
  [ExtensionType.renegotiation_info]: ['renegotiation_info', 'renegotiation_info'],
};

function extensionsOf(message: RecordedMessage): [Codec, Uint8Array][] {
  const column = hellosColumn(message);
  if (column === undefined) return [];
  return [...helloExtensions(message)].map(([type, body]) => {
    const name = extensionNames[type]?.[column];
    assert.ok(name, `extension ${type} in a recorded ${message.from} hello`);
    return [named(name), body];
  });
}

function hellosColumn({ type, body }: RecordedMessage): 0 | 1 | 2 | undefined {
  if (type === HandshakeType.client_hello) return 0;
  if (type !== HandshakeType.server_hello) return undefined;
  const hello = decodeServerHello(body);
  return hello !== undefined && isHelloRetryRequest(hello) ? 2 : 1;
}
