import assert from 'node:assert/strict';
import { concat, decodeUtf8, fromHex, toHex } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { readVector } from '../../support/vectors.js';
import type { OpenedRecord, Sender } from './records.js';

export interface CapturedMessage {
  readonly sender: Sender;
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

const HEADER_LENGTH = 12;

/** The handshake messages in captured records, put together from fragments that came in order. */
export function handshakeMessages(records: readonly OpenedRecord[]): CapturedMessage[] {
  const messages: CapturedMessage[] = [];
  let parts: Uint8Array[] = [];
  for (const { sender, type, content } of records) {
    if (type !== ContentType.handshake || typeof content === 'string') continue;
    const view = new DataView(content.buffer, content.byteOffset, content.length);
    const length = view.getUint32(0) & 0xffffff;
    parts.push(content.subarray(HEADER_LENGTH));
    const body = concat(...parts);
    if (body.length < length) continue;
    parts = [];
    messages.push({ sender, type: view.getUint8(0), sequence: view.getUint16(4), body });
  }
  return messages;
}

/** The form in the transcript of 1.2: one fragment, with its number (RFC 6347 §4.2.6). */
export function message12({ type, sequence, body }: CapturedMessage): Uint8Array {
  const header = new DataView(new ArrayBuffer(HEADER_LENGTH));
  header.setUint32(0, (type << 24) | body.length);
  header.setUint16(4, sequence);
  header.setUint32(8, body.length);
  return concat(new Uint8Array(header.buffer), body);
}

/** The form in the transcript of 1.3: type and length only (RFC 9147 §5.2). */
export function message13({ type, body }: Pick<CapturedMessage, 'type' | 'body'>): Uint8Array {
  return concat(Uint8Array.of(type, body.length >>> 16, body.length >>> 8, body.length), body);
}

/** A secret of a key log (`path` without its suffix), by its label and the random of a ClientHello. */
export function loggedSecret(
  path: string,
  label: string,
  clientHello: CapturedMessage | undefined,
): Uint8Array {
  const random = clientHello?.body.subarray(2, 34);
  assert.ok(random);
  const lines = decodeUtf8(readVector(`${path}.keys`))?.split('\n') ?? [];
  const line = lines.find((candidate) => candidate.startsWith(`${label} ${toHex(random)} `));
  const secret = fromHex(line?.split(' ')[2] ?? '?');
  assert.ok(secret, `${label} is not in the key log`);
  return secret;
}

/** Replaces the first ClientHello after a HelloRetryRequest (RFC 8446 §4.4.1). */
export function messageHash(hash: Uint8Array): Uint8Array {
  return message13({ type: HandshakeType.message_hash, body: hash });
}
