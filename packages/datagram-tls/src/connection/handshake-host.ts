import type { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { EarlyRefusal } from '../handshake/early-refusal.js';
import type { Session } from '../handshake/session.js';

/** What the handshake needs from the connection it belongs to. */
export interface HandshakeHost {
  onConnected(session: Session, now: Instant): void;
  onKeysToRead(now: Instant): void;
  onWarning(alert: 'no_renegotiation'): void;
  onFailure(error: DTLSError): void;
  /** Server: nothing becomes of this association. */
  onDecline(reason: EarlyRefusal): void;
  /** It has failed, or is over for another reason: nothing more is done for it. */
  isClosed(): boolean;
}
