import { Reader, Writer } from '../cursor.js';

/** RFC 5077 §3.3. */
export interface NewSessionTicket12 {
  /** Seconds; 0 leaves it to the client. */
  readonly ticketLifetimeHint: number;
  /** Empty when the server has no ticket after all. */
  readonly ticket: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeNewSessionTicket12(body: Uint8Array): NewSessionTicket12 | undefined {
  const r = new Reader(body);
  const message = { ticketLifetimeHint: r.u32(), ticket: r.vec16() };
  return r.finished() ? message : undefined;
}

export function encodeNewSessionTicket12({ ticketLifetimeHint, ticket }: NewSessionTicket12): Uint8Array {
  return new Writer().u32(ticketLifetimeHint).vec16(ticket).finish();
}
