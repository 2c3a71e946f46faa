import { concat, decodeUtf8, own, sameBytes, utf8 } from '../base/bytes.js';
import { brief, invalidArgValue } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { CryptoProvider } from '../crypto/provider.js';
import {
  datedState,
  type EarlyTerms,
  type FreshState,
  readEarlyTerms,
  readSessionState,
  type SessionState,
  writeEarlyTerms,
  writeSessionState,
} from '../keys/resumption-state.js';
import { Reader, Writer } from '../wire/cursor.js';
import { checkBytes } from './checks.js';

/**
 * The data that a client needs to resume a session. It holds secrets: anyone holding it can act as the client.
 *
 * @example
 * ```ts
 * import type { SavedSession } from 'datagram-tls/core';
 *
 * function isFresh(session: SavedSession, now: number): boolean {
 *   return now - session.receivedAt < session.lifetime;
 * }
 * ```
 */
export interface SavedSession {
  /** The session's secret, suite and peer. */
  readonly state: SessionState;
  /** The name that the server's certificate had to contain; empty for none. */
  readonly identity: string;
  /** The ticket to send; empty where the session ID is used. */
  readonly ticket: Uint8Array;
  /** DTLS 1.2: the server's handle of the session; empty with a ticket. */
  readonly sessionId: Uint8Array;
  /** DTLS 1.3: added to the age of the ticket, so that observers cannot read it (RFC 8446 §4.6.1). */
  readonly ageAdd: number;
  /** DTLS 1.3: the conditions of early data. */
  readonly early: EarlyTerms;
  /** Bytes of content that the server accepted in one record. */
  readonly recordLimit: number;
  /** When the ticket arrived, ms since 1970. */
  readonly receivedAt: number;
  /** How long it can be used, ms. */
  readonly lifetime: Duration;
}

/**
 * Just received and not yet timestamped; the core has no clock.
 *
 * @example
 * ```ts
 * import type { ConnectionEvent, NewTicket } from 'datagram-tls/core';
 *
 * function ticketOf(event: ConnectionEvent): NewTicket | undefined {
 *   return event.type === 'ticket' ? event.ticket : undefined;
 * }
 * ```
 */
export interface NewTicket extends Omit<SavedSession, 'state' | 'receivedAt'> {
  /** The session's secret, suite and peer, without a date where the session is new. */
  readonly state: FreshState;
}

const FORMAT = utf8('\0datagram-tls:session:2\0');
const DIGEST_LENGTH = 32;

/**
 * The bytes that an application keeps, and owns: a format, the identity, the fields of {@link SavedSession}, and a digest of
 * all. `time`: when the ticket arrived, ms since 1970. {@link resolveSession} reads them.
 *
 * @example
 * ```ts
 * import { type ConnectionEvent, encodeSession, nodeProvider } from 'datagram-tls/core';
 *
 * function toKeep(event: ConnectionEvent): Uint8Array | undefined {
 *   return event.type === 'ticket' ? encodeSession(nodeProvider, event.ticket, Date.now()) : undefined;
 * }
 * ```
 */
export function encodeSession(provider: CryptoProvider, ticket: NewTicket, time: number): Uint8Array {
  const w = new Writer()
    .bytes(FORMAT)
    .vec16(utf8(ticket.identity))
    .vec16(ticket.ticket)
    .vec8(ticket.sessionId)
    .u32(ticket.ageAdd)
    .u48(time)
    .u48(ticket.lifetime)
    .u16(ticket.recordLimit);
  writeEarlyTerms(w, ticket.early);
  writeSessionState(w, datedState(ticket.state, time));
  const bytes = w.finish();
  return concat(bytes, digest(provider, bytes));
}

/**
 * Reads the option `session` of a client that connects to `identity`. Throws `ERR_INVALID_ARG_TYPE` for a value that
 * is not bytes and `ERR_INVALID_ARG_VALUE` for bytes that are not a session, or one with another peer.
 *
 * @example
 * ```ts
 * import { nodeProvider, resolveSession } from 'datagram-tls/core';
 *
 * const session = resolveSession(undefined, 'device.example', nodeProvider); // nothing was kept
 * console.log(session === undefined);
 * ```
 */
export function resolveSession(
  value: unknown,
  identity: string | undefined,
  provider: CryptoProvider,
): SavedSession | undefined {
  if (value === undefined) return undefined;
  checkBytes(value, 'options.session');
  const whole = new Uint8Array(value);
  if (!sameBytes(whole.subarray(0, FORMAT.length), FORMAT))
    throw invalidArgValue('options.session', 'is not a session produced by session.session');
  const bytes = whole.subarray(0, Math.max(FORMAT.length, whole.length - DIGEST_LENGTH));
  const saved = sameBytes(digest(provider, bytes), whole.subarray(bytes.length)) ? decode(bytes) : undefined;
  if (saved === undefined)
    throw invalidArgValue(
      'options.session',
      'is truncated or damaged. Connect without it, and save the new one',
    );
  if (saved.identity !== (identity ?? '')) {
    const other = `was authenticated for '${brief(saved.identity)}' and cannot be reused for '${brief(identity ?? '')}'`;
    throw invalidArgValue('options.session', other);
  }
  return saved;
}

function decode(bytes: Uint8Array): SavedSession | undefined {
  const r = new Reader(bytes, FORMAT.length);
  const identity = decodeUtf8(r.vec16());
  const fields = {
    ticket: own(r.vec16()),
    sessionId: own(r.vec8(0, 32)),
    ageAdd: r.u32(),
    receivedAt: r.u48(),
    lifetime: r.u48(),
    recordLimit: r.u16(),
    early: readEarlyTerms(r),
  };
  const state = readSessionState(r);
  if (!r.finished() || identity === undefined || state === undefined) return undefined;
  if (fields.ticket.length + fields.sessionId.length === 0) return undefined;
  return { identity, state, ...fields };
}

function digest(provider: CryptoProvider, bytes: Uint8Array): Uint8Array {
  const hash = provider.hash('sha256');
  hash.update(bytes);
  return hash.digest();
}
