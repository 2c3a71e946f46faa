import { createHeader, readHeader } from '../record/header.js';
import { ContentType, HandshakeType } from '../wire/codes.js';
import { type ClientHelloPrefix, peekClientHello } from '../wire/messages/client-hello.js';
import { type HandshakeFragment, readHandshakeFragments } from '../wire/messages/handshake-header.js';

/** A part of a ClientHello, or all of it, and the record it came in. Byte fields are views into the datagram. */
export interface HelloPart {
  readonly fragment: HandshakeFragment;
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

/** The parts of one ClientHello with which a datagram begins; empty when it does not. */
export function readHelloParts(datagram: Uint8Array): readonly HelloPart[] {
  const parts: HelloPart[] = [];
  for (let offset = 0; offset < datagram.length; offset = header.end) {
    if (readHeader(datagram, offset, header) !== undefined) break;
    if (header.unified || header.type !== ContentType.handshake || header.epoch !== 0) break;
    const all = readHandshakeFragments(datagram.subarray(header.bodyStart, header.end)) ?? [];
    // Fragments without bytes say nothing.
    const fragments = all.filter(({ fragmentLength, length }) => fragmentLength > 0 || length === 0);
    const first = parts[0]?.fragment ?? fragments[0];
    for (const fragment of fragments) {
      if (fragment.type !== HandshakeType.client_hello || fragment.messageSeq !== first?.messageSeq)
        return parts;
      parts.push({ fragment, recordSequence: header.sequence });
    }
    if (fragments.length === 0) break;
  }
  return parts;
}

/** What can be told of a ClientHello from its first part; `undefined` from any other, and before its cookie is there. */
export function readPrefix({ fragment }: HelloPart): ClientHelloPrefix | undefined {
  return fragment.fragmentOffset === 0 ? peekClientHello(fragment.fragment) : undefined;
}
