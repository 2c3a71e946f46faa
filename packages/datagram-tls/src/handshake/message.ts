import { violation } from '../base/errors.js';
import { handshakeTypeName } from '../wire/codes.js';

/** A complete received handshake message. */
export interface Message {
  /** HandshakeType code. */
  readonly type: number;
  /** message_seq of RFC 6347 §4.2.2. */
  readonly seq: number;
  /** Epoch of the records that carried it. */
  readonly epoch: number;
  /** Without the handshake header; in its own memory. */
  readonly body: Uint8Array;
}

/** The body of `message` if it has the expected type. */
export function expectType(message: Message, type: number): Uint8Array {
  if (message.type !== type) throw outOfPlace(message, handshakeTypeName(type));
  return message.body;
}

/** An unexpected message. */
export function outOfPlace(message: Message, expected: string): Error {
  const got = handshakeTypeName(message.type);
  return violation('unexpected_message', `the peer sent ${got} where ${expected} was expected`);
}
