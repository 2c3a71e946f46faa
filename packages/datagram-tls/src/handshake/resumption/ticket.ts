import { type EarlyTerms, readEarlyTerms, writeEarlyTerms } from '../../keys/early-terms.js';
import { readSessionState, type SessionState, writeSessionState } from '../../keys/session-state.js';
import { Reader, Writer } from '../../wire/cursor.js';

/** Says how the rest is to be read; another format is for another release. */
const FORMAT = 2;

/** What a ticket of ours holds before it is sealed. */
export interface TicketContent {
  readonly state: SessionState;
  readonly early: EarlyTerms;
  /** When the ticket was made, ms since 1970. */
  readonly issuedAt: number;
  /** DTLS 1.3: added to its age by the client (RFC 8446 §4.6.1). */
  readonly ageAdd: number;
}

export function encodeTicket({ state, early, issuedAt, ageAdd }: TicketContent): Uint8Array {
  const w = new Writer().u8(FORMAT).u48(issuedAt).u32(ageAdd);
  writeEarlyTerms(w, early);
  writeSessionState(w, state);
  return w.finish();
}

/** `undefined` for what no release that knows this format has written. */
export function decodeTicket(content: Uint8Array): TicketContent | undefined {
  const r = new Reader(content);
  if (r.u8() !== FORMAT) return undefined;
  const issuedAt = r.u48();
  const ageAdd = r.u32();
  const early = readEarlyTerms(r);
  const state = readSessionState(r);
  return r.finished() && state !== undefined ? { state, early, issuedAt, ageAdd } : undefined;
}
