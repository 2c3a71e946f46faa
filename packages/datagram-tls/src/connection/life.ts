import type { EarlyRefusal } from '../handshake/actions.js';
import type { Session } from '../handshake/session.js';

/** An alert that was sent. */
export interface SentAlert {
  /** The content of its record. */
  readonly body: Uint8Array;
  /** The datagram, where keys protect it: it may go out again as it is. */
  readonly sealed: Uint8Array | undefined;
}

/**
 * Why a client without a cookie is answered without an association. `flight_size`: our flight is larger than an unvalidated path
 * takes, and the version has no ACKs by which the client could ask for the rest soon.
 */
export type Declined = EarlyRefusal | 'flight_size';

/** The state of an association, with its data. Every part reads this one; only the machine changes it. */
export type Life =
  | { readonly at: 'idle' }
  /**
   * `undecided`: a server does not know yet whether it accepts the early data of a client without a cookie. Until
   * then it sends nothing and reports only jobs.
   */
  | { readonly at: 'handshaking'; readonly undecided: boolean }
  /** The session is open, and our last flight is not acknowledged: the peer may lack the session's keys. */
  | { readonly at: 'finishing'; readonly session: Session }
  | { readonly at: 'open'; readonly session: Session }
  | {
      /** We have sent close_notify. */
      readonly at: 'closing';
      readonly session: Session;
      /** Our last flight is still not acknowledged. */
      readonly finishing: boolean;
      /** How many repetitions of flights the last close_notify followed. */
      readonly repetitions: number;
    }
  | {
      readonly at: 'closed';
      /** `undefined` where the handshake was not done. */
      readonly session: Session | undefined;
      /** Server: the alert that ended the handshake; `undefined` where a new handshake may succeed. */
      readonly refusal: SentAlert | undefined;
      /** Server: why the client is answered as one without a cookie, and this association was never reported. */
      readonly declined: Declined | undefined;
    };

/** Where an association is in its life. */
export type Phase = 'idle' | 'handshaking' | 'finishing' | 'open' | 'closing' | 'closed';

/** The handshake is not done. */
export function isBeginning(phase: Phase): boolean {
  return phase === 'idle' || phase === 'handshaking';
}

/** The same, or it is done and not acknowledged: datagrams may be parts of a flight. */
export function isSettling(phase: Phase): boolean {
  return isBeginning(phase) || phase === 'finishing';
}

/** `undefined` until the handshake is done; it outlives the association. */
export function sessionOf(life: Life): Session | undefined {
  return life.at === 'idle' || life.at === 'handshaking' ? undefined : life.session;
}

/** Whether early data is accepted is not known yet. */
export function isUndecided(life: Life): boolean {
  return life.at === 'handshaking' && life.undecided;
}

/** Nothing is sent to the peer: whether it is answered is not known yet, or it is answered without state. */
export function isUnanswered(life: Life): boolean {
  return isUndecided(life) || (life.at === 'closed' && life.declined !== undefined);
}

/** Application data may be sent. */
export function isOpen({ at }: { readonly at: Phase }): boolean {
  return at === 'open' || at === 'finishing';
}

/** The handshake is done, and the association is not over. */
export function isEstablished(life: Life): boolean {
  return isOpen(life) || life.at === 'closing';
}
