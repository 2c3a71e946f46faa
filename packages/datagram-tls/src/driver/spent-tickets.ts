import { createHash } from 'node:crypto';
import type { SavedSession } from '../config/saved-session.js';

/** What is remembered, at most; the oldest are forgotten first. */
const MOST = 4096;

/**
 * Tickets of DTLS 1.3 that this process has offered. One that is seen twice tells observers that both connections are of
 * one client (RFC 8446 appendix C.4).
 */
export class SpentTickets {
  readonly #seen = new Set<string>();

  /** The session, if its ticket may be offered; from now on it has been. */
  take(session: SavedSession | undefined): SavedSession | undefined {
    if (session?.state.suite.version !== 'DTLSv1.3') return session;
    const digest = createHash('sha256').update(session.ticket).digest('base64');
    if (this.#seen.has(digest)) return undefined;
    this.#seen.add(digest);
    const [oldest] = this.#seen;
    if (this.#seen.size > MOST && oldest !== undefined) this.#seen.delete(oldest);
    return session;
  }
}
