import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';

/** The bytes `from` to `to` of a message with `body`. */
export function fragment(
  messageSeq: number,
  body: Uint8Array,
  from = 0,
  to = body.length,
): HandshakeFragment {
  return {
    type: 11,
    length: body.length,
    messageSeq,
    fragmentOffset: from,
    fragmentLength: to - from,
    fragment: body.subarray(from, to),
  };
}
