import { ExtensionType } from '../wire/codes.js';
import { decodeEmpty, encodeEmpty } from '../wire/empty.js';
import { FACTS_12 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const sessionTicketRow: Extension = extension(
  ExtensionType.session_ticket,
  ['CH'],
  ({ ticket12 }) => encodeSessionTicketRequest(ticket12),
  FACTS_12,
);

/**
 * The client's ticket, or empty to request a first one. The body is the ticket itself, without a length before it
 * (RFC 5077 §3.2), so any body is well-formed.
 */
export function decodeSessionTicketRequest(body: Uint8Array): Uint8Array {
  return body;
}

export function encodeSessionTicketRequest(ticket: Uint8Array): Uint8Array {
  return ticket;
}

/** A server's promise of a NewSessionTicket message has no body. `undefined` when it has one. */
export const decodeSessionTicketResponse: (body: Uint8Array) => true | undefined = decodeEmpty;

export const encodeSessionTicketResponse: () => Uint8Array = encodeEmpty;
