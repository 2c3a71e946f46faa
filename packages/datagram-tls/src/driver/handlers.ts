import type { Refusal } from '../endpoint/refusals.js';
import type { Version } from '../wire/codes.js';
import type { JudgeAddress } from './address-change.js';
import type { Handler } from './arguments.js';
import type { DTLSEndpoint } from './endpoint.js';
import type { DTLSSession } from './session.js';

// The types of the handlers of sessions and endpoints, by name: for functions that are written apart from the assignment.

/**
 * The receiver owns `data`.
 *
 * @example
 * ```ts
 * import type { MessageHandler } from 'datagram-tls';
 *
 * const onmessage: MessageHandler = (data) => console.log(data.toString());
 * session.onmessage = onmessage;
 * ```
 */
export type MessageHandler = Handler<DTLSSession, [data: Buffer]>;

/**
 * Called once, when the session fails.
 *
 * @example
 * ```ts
 * import type { SessionErrorHandler } from 'datagram-tls';
 *
 * const onerror: SessionErrorHandler = (error) => console.error(error.message);
 * session.onerror = onerror;
 * ```
 */
export type SessionErrorHandler = Handler<DTLSSession, [error: Error]>;

/**
 * Called when the handshake is done.
 *
 * @example
 * ```ts
 * import type { HandshakeHandler } from 'datagram-tls';
 *
 * const onhandshake: HandshakeHandler = (protocol) => console.log('open with', protocol);
 * session.onhandshake = onhandshake;
 * ```
 */
export type HandshakeHandler = Handler<DTLSSession, [protocol: Version]>;

/**
 * `line`: of a key log (RFC 9850), without its newline.
 *
 * @example
 * ```ts
 * import { appendFileSync } from 'node:fs';
 * import type { KeylogHandler } from 'datagram-tls';
 *
 * const onkeylog: KeylogHandler = (line) => appendFileSync('keys.log', `${line}\n`);
 * session.onkeylog = onkeylog;
 * ```
 */
export type KeylogHandler = Handler<DTLSSession, [line: string]>;

/**
 * Called when messages fit the send queue again.
 *
 * @example
 * ```ts
 * import type { DrainHandler } from 'datagram-tls';
 *
 * const ondrain: DrainHandler = () => console.log('there is room again');
 * session.ondrain = ondrain;
 * ```
 */
export type DrainHandler = Handler<DTLSSession, []>;

/**
 * Called when the peer's address changes, and when a new address is validated. Where it is not validated the answer decides:
 * `false` refuses the new address, and the session stays at the one before; `true` vouches for it; `undefined` leaves it to the
 * checks of both sides, if they have any. It may be a promise.
 *
 * @example
 * ```ts
 * import type { MigrateHandler } from 'datagram-tls';
 *
 * const onmigrate: MigrateHandler = ({ to }) => (isAllowed(to.address) ? undefined : false);
 * session.onmigrate = onmigrate;
 *
 * function isAllowed(address: string): boolean {
 *   return address.startsWith('192.0.2.');
 * }
 * ```
 */
export type MigrateHandler = JudgeAddress<DTLSSession>;

/**
 * Called when the peer sends no more; see `allowHalfOpen`.
 *
 * @example
 * ```ts
 * import type { EndHandler } from 'datagram-tls';
 *
 * const onend: EndHandler = () => void session.close(); // with `allowHalfOpen`: the peer sends no more
 * session.onend = onend;
 * ```
 */
export type EndHandler = Handler<DTLSSession, []>;

/**
 * `saved`: the value of `connect`'s option `session`.
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import type { SavedSessionHandler } from 'datagram-tls';
 *
 * const onsaved: SavedSessionHandler = (saved) => writeFileSync('session.bin', saved, { mode: 0o600 });
 * session.onsession = onsaved;
 * ```
 */
export type SavedSessionHandler = Handler<DTLSSession, [saved: Buffer]>;

/**
 * Called when the socket or the transport fails.
 *
 * @example
 * ```ts
 * import type { EndpointErrorHandler } from 'datagram-tls';
 *
 * const onerror: EndpointErrorHandler = (error) => console.error('the socket failed:', error.message);
 * endpoint.onerror = onerror;
 * ```
 */
export type EndpointErrorHandler = Handler<DTLSEndpoint, [error: Error]>;

/**
 * Called, at most once a second for each reason, with clients that got no session.
 *
 * @example
 * ```ts
 * import type { RefusalHandler } from 'datagram-tls';
 *
 * const onrefused: RefusalHandler = ({ reason, count }) => console.warn(count, 'refused:', reason);
 * endpoint.onrefused = onrefused;
 * ```
 */
export type RefusalHandler = Handler<DTLSEndpoint, [refusal: Refusal]>;
