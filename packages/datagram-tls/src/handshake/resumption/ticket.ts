import { readSessionState, type SessionState, writeSessionState } from '../../keys/session-state.js';
import { Reader, Writer } from '../../wire/cursor.js';

/** Says how the rest is to be read; another format is for another release. */
const FORMAT = 1;

/** What a ticket of ours holds before it is sealed. */
export function encodeTicket(state: SessionState): Uint8Array {
  const w = new Writer().u8(FORMAT);
  writeSessionState(w, state);
  return w.finish();
}

/** `undefined` for what no release that knows this format has written. */
export function decodeTicket(content: Uint8Array): SessionState | undefined {
  const r = new Reader(content);
  if (r.u8() !== FORMAT) return undefined;
  const state = readSessionState(r);
  return r.finished() ? state : undefined;
}
