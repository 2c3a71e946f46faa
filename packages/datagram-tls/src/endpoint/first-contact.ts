import { createHeader, readHeader } from '../record/header.js';
import { PlainWriter } from '../record/plain.js';
import { ContentType, HandshakeType, ProtocolVersion } from '../wire/codes.js';
import { type ClientHelloPrefix, peekClientHello } from '../wire/messages/client-hello.js';
import {
  HANDSHAKE_HEADER_LENGTH,
  readHandshakeFragments,
  writeHandshakeHeader,
} from '../wire/messages/handshake-header.js';
import { encodeHelloVerifyRequest } from '../wire/messages/hello-verify-request.js';

/** The start of a ClientHello at the head of a datagram. Byte fields are views into it. */
export interface FirstContact {
  readonly hello: ClientHelloPrefix;
  readonly messageSeq: number;
  readonly recordSequence: number;
}

const header = createHeader();

/** Whether a datagram starts with a handshake record of epoch 0 that holds a ClientHello; looks at five bytes. */
export function looksLikeClientHello(datagram: Uint8Array): boolean {
  return (
    datagram.length >= 14 &&
    datagram[0] === ContentType.handshake &&
    datagram[3] === 0 &&
    datagram[4] === 0 &&
    datagram[13] === HandshakeType.client_hello
  );
}

/** `undefined` unless the first record holds the first fragment of a ClientHello, at least as far as its cookie. */
export function readFirstContact(datagram: Uint8Array): FirstContact | undefined {
  if (!looksLikeClientHello(datagram) || readHeader(datagram, 0, header) !== undefined) return undefined;
  const fragment = readHandshakeFragments(datagram.subarray(header.bodyStart, header.end))?.[0];
  if (fragment?.type !== HandshakeType.client_hello || fragment.fragmentOffset !== 0) return undefined;
  const hello = peekClientHello(fragment.fragment);
  if (hello === undefined) return undefined;
  return { hello, messageSeq: fragment.messageSeq, recordSequence: header.sequence };
}

/**
 * The datagram that asks for a cookie. It repeats both numbers of what it answers, as no state is kept to count on; its
 * version says 1.0 whatever is negotiated later (RFC 6347 §4.2.1).
 */
export function helloVerifyRequest(contact: FirstContact, cookie: Uint8Array): Uint8Array {
  const body = encodeHelloVerifyRequest({ serverVersion: ProtocolVersion.dtls10, cookie });
  const message = new Uint8Array(HANDSHAKE_HEADER_LENGTH + body.length);
  writeHandshakeHeader(message, 0, {
    type: HandshakeType.hello_verify_request,
    length: body.length,
    messageSeq: contact.messageSeq,
    fragmentOffset: 0,
    fragmentLength: body.length,
  });
  message.set(body, HANDSHAKE_HEADER_LENGTH);
  const writer = new PlainWriter(contact.recordSequence);
  const datagram = new Uint8Array(writer.overhead + message.length);
  writer.seal(ContentType.handshake, message, datagram, 0);
  return datagram;
}
