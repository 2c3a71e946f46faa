import { Alert, AlertLevel, type AlertName } from '../base/alerts.js';
import { PlainWriter } from '../record/plain.js';
import { ContentType } from '../wire/codes.js';
import { encodeAlert } from '../wire/messages/alert.js';
import { HANDSHAKE_HEADER_LENGTH, writeHandshakeHeader } from '../wire/messages/handshake-header.js';

/** The numbers of a ClientHello. An answer repeats them, because there is no state to count in (RFC 6347 §4.2.1). */
export interface Numbers {
  readonly messageSeq: number;
  readonly recordSequence: number;
}

/** The datagram with the alert that refuses a ClientHello. */
export function refusal({ recordSequence }: Numbers, alert: AlertName): Uint8Array {
  const body = encodeAlert({ level: AlertLevel.fatal, description: Alert[alert] });
  return plainRecord(ContentType.alert, recordSequence, body);
}

/** A handshake message in one record of epoch 0. */
export function wholeMessage(type: number, { messageSeq, recordSequence }: Numbers, body: Uint8Array) {
  const message = new Uint8Array(HANDSHAKE_HEADER_LENGTH + body.length);
  const { length } = body;
  writeHandshakeHeader(message, 0, { type, length, messageSeq, fragmentOffset: 0, fragmentLength: length });
  message.set(body, HANDSHAKE_HEADER_LENGTH);
  return plainRecord(ContentType.handshake, recordSequence, message);
}

/** One record of epoch 0 with this number, in its own datagram. */
export function plainRecord(type: number, sequence: number, content: Uint8Array): Uint8Array {
  const writer = new PlainWriter(sequence);
  const datagram = new Uint8Array(writer.overhead + content.length);
  writer.seal(type, content, datagram, 0);
  return datagram;
}
