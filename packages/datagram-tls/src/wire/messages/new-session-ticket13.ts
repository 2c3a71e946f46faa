import { Reader, Writer } from '../cursor.js';
import { type Extensions, readExtensions, writeExtensions } from '../extension-block.js';

/** RFC 8446 §4.6.1. */
export interface NewSessionTicket13 {
  /** Seconds. */
  readonly ticketLifetime: number;
  /** Added to the ticket's age, in milliseconds modulo 2^32, so that observers cannot link sessions by it. */
  readonly ticketAgeAdd: number;
  readonly ticketNonce: Uint8Array;
  readonly ticket: Uint8Array;
  readonly extensions: Extensions;
}

/** `undefined` when malformed: the caller answers decode_error. Byte fields are views into `body`. */
export function decodeNewSessionTicket13(body: Uint8Array): NewSessionTicket13 | undefined {
  const r = new Reader(body);
  const message = {
    ticketLifetime: r.u32(),
    ticketAgeAdd: r.u32(),
    ticketNonce: r.vec8(),
    ticket: r.vec16(1),
    extensions: readExtensions(r),
  };
  return r.finished() ? message : undefined;
}

export function encodeNewSessionTicket13(message: NewSessionTicket13): Uint8Array {
  const w = new Writer()
    .u32(message.ticketLifetime)
    .u32(message.ticketAgeAdd)
    .vec8(message.ticketNonce)
    .vec16(message.ticket);
  writeExtensions(w, message.extensions);
  return w.finish();
}
