import type { Duration, Instant } from '../base/instant.js';
import { now } from './clock.js';
import { logWarning } from './debug.js';

/** Between two warnings of one kind, ms: a function that fails does so for every client. */
const WARNING_GAP: Duration = 60_000;

let nextTicketWarning: Instant = Number.NEGATIVE_INFINITY;

/** Emits a process warning with the error's code, at most one a minute; `NODE_DEBUG=dtls` shows every failure. */
export function warnOfTicketKeys(error: Error): void {
  logWarning(error.message);
  if (now() < nextTicketWarning) return;
  nextTicketWarning = now() + WARNING_GAP;
  process.emitWarning(error.message, { type: 'DTLSWarning', code: 'ERR_DTLS_TICKET_KEYS' });
}
