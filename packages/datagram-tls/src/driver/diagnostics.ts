import type { PeerAddress } from '../base/peer-address.js';
import type { Role } from '../config/config.js';
import type { Refusal } from '../endpoint/refusals.js';
import type { Version } from '../wire/codes.js';
import type { AddressChange } from './address-change.js';
import type { DTLSEndpoint } from './endpoint.js';
import type { DTLSSession } from './session.js';
import type { SessionEndpoint } from './session-endpoint.js';
import type { EndpointDropReason, SessionDropReason } from './stats.js';

interface OfSession {
  readonly session: DTLSSession;
  readonly endpoint: SessionEndpoint;
}

interface OfEndpoint {
  readonly endpoint: DTLSEndpoint;
}

/**
 * The channels of `node:diagnostics_channel` that this library publishes to, and their messages.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * import type { DiagnosticsChannels } from 'datagram-tls';
 *
 * subscribe('datagram-tls.session.open', (message) => {
 *   const { session, protocol } = message as DiagnosticsChannels['datagram-tls.session.open'];
 *   console.log(session.remoteAddress, protocol);
 * });
 * ```
 */
export interface DiagnosticsChannels {
  /** A session begins: a client's before its first flight, a server's before `onsession`. */
  'datagram-tls.session.start': OfSession & { readonly role: Role };
  /** Its handshake is done. */
  'datagram-tls.session.open': OfSession & { readonly protocol: Version };
  /** It failed; `session.end` follows. */
  'datagram-tls.session.error': OfSession & { readonly error: Error };
  /** It is over, with the error of its failure or that given to `destroy`. Its statistics are final. */
  'datagram-tls.session.end': OfSession & { readonly error: Error | undefined };
  /**
   * A message, or records, were discarded: `count` of them for `reason`. Only `evicted`, for the sake of other sessions, is in
   * the statistics alone.
   */
  'datagram-tls.session.drop': OfSession & { readonly reason: SessionDropReason; readonly count: number };
  /** The peer has another address, or its new one is validated: as `onmigrate`. */
  'datagram-tls.session.migrate': OfSession & AddressChange;
  /** The socket is bound, or the transport is open. */
  'datagram-tls.endpoint.open': OfEndpoint & { readonly address: PeerAddress };
  /** The socket or the transport failed; `endpoint.close` follows. */
  'datagram-tls.endpoint.error': OfEndpoint & { readonly error: Error };
  /** The endpoint is over. Its statistics are final. */
  'datagram-tls.endpoint.close': OfEndpoint & { readonly error: Error | undefined };
  /** Clients got no session because a limit is reached; as `onrefused`, at most once a second for each reason. */
  'datagram-tls.endpoint.refused': OfEndpoint & { readonly refusal: Refusal };
  /**
   * Datagrams were dropped: without a session, `busy`, `not_client_hello` or `unknown_connection_id`; answers beyond `maxAnswerRate`,
   * `answer_rate`; `send_queue_…`, which found no room in the send queue.
   */
  'datagram-tls.endpoint.drop': OfEndpoint & { readonly reason: EndpointDropReason; readonly count: number };
}
