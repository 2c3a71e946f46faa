import type { AlertName } from '../base/alerts.js';
import type { DTLSError } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { NewTicket } from '../config/saved-session.js';
import type { Job } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { KeylogLabel } from '../keys/keylog.js';
import type { FreshState } from '../keys/resumption-state.js';
import type { DropReason as RecordDropReason } from '../record/header.js';

/**
 * Events of a connection for its owner, in order.
 *
 * @example
 * ```ts
 * import type { ConnectionEvent } from 'datagram-tls/core';
 *
 * function onEvent(event: ConnectionEvent): void {
 *   if (event.type === 'message') console.log(event.data.length, 'bytes');
 *   else if (event.type === 'connected') console.log(event.session.version);
 * }
 * ```
 */
export type ConnectionEvent =
  /** One datagram of application data; the receiver owns the bytes. */
  | { readonly type: 'message'; readonly data: Uint8Array }
  /** Server: the same, before the handshake is done: it may be a replay (RFC 8446 §8). */
  | { readonly type: 'early-data'; readonly data: Uint8Array }
  /** Client: the server has answered with a first message that the handshake accepts. */
  | { readonly type: 'answered' }
  | { readonly type: 'connected'; readonly session: Session }
  /** DTLS 1.3: the peer has acknowledged our last flight. A server can no longer refuse the client's certificate. */
  | { readonly type: 'acknowledged' }
  /** Client: data to resume the session with; `encodeSession` turns it into the bytes to keep. */
  | { readonly type: 'ticket'; readonly ticket: NewTicket }
  /** Server: `ticketKeys` failed, so that there is no ticket; the session goes on. */
  | { readonly type: 'ticket-keys-failed'; readonly error: DTLSError }
  /** Work outside of the core; its answer goes to `answer` with the same `id`, once. */
  | { readonly type: 'job'; readonly id: number; readonly job: Job }
  /** Server, DTLS 1.2: the session can be resumed by this id: `keepSession` remembers it. */
  | { readonly type: 'keep-session'; readonly sessionId: Uint8Array; readonly state: FreshState }
  /** Server, DTLS 1.2: that session failed, and is not resumed any more: `forgetSession` forgets it. */
  | { readonly type: 'forget-session'; readonly sessionId: Uint8Array }
  /** A secret for the key log (RFC 9850). */
  | {
      readonly type: 'secret';
      readonly label: KeylogLabel;
      readonly clientRandom: Uint8Array;
      readonly secret: Uint8Array;
    }
  | { readonly type: 'trace'; readonly event: TraceEvent }
  /**
   * The peer has another address, which is used at once: `validated`, or with at most three times the bytes that come from there.
   * `from` and `to` are the same where the address of the last event is validated now.
   */
  | {
      readonly type: 'migrated';
      readonly from: PeerAddress;
      readonly to: PeerAddress;
      readonly validated: boolean;
    }
  /** After `leavePath`: the first record of the peer has come to our new address. */
  | { readonly type: 'rebound' }
  /** `checkpoint` is to be called again: half of the numbers that the last one left are used, or nothing is sent before. */
  | { readonly type: 'checkpoint-due' }
  /** DTLS 1.3: the peer sends nothing any more; we may. */
  | { readonly type: 'peer-closed' }
  /** The end: with the error of a failure, or without one after close_notify of either side. */
  | { readonly type: 'closed'; readonly error: DTLSError | undefined };

/**
 * Shown by `-v`. Only connections that trace make these.
 *
 * @example
 * ```ts
 * import { connect, type TraceEvent } from 'datagram-tls';
 *
 * function show(event: TraceEvent): void {
 *   if (event.kind === 'flight') console.log(event.direction, event.messages.join(', '));
 * }
 * connect('example.net', 9000, { ca, trace: show });
 * ```
 */
export type TraceEvent =
  | {
      readonly kind: 'flight';
      readonly direction: 'sent' | 'received';
      /** The RFC's names, in order. */
      readonly messages: readonly string[];
      /** 0 for a received flight: its messages may have come in any number of datagrams, some of them twice. */
      readonly datagrams: number;
      readonly bytes: number;
      readonly retransmission: boolean;
    }
  | {
      readonly kind: 'alert';
      readonly direction: 'sent' | 'received';
      readonly level: 'warning' | 'fatal';
      readonly description: AlertName | `alert ${number}`;
    }
  /** `records`: how many it acknowledges. */
  | { readonly kind: 'ack'; readonly direction: 'sent' | 'received'; readonly records: number }
  /** The result of early data, whose sender is the client. */
  | {
      readonly kind: 'early-data';
      readonly direction: 'sent' | 'received';
      readonly outcome: 'offered' | 'accepted' | 'refused';
    }
  /** The peer has another address, or the new one is validated. */
  | {
      readonly kind: 'path';
      readonly direction: 'received';
      readonly from: PeerAddress;
      readonly to: PeerAddress;
      readonly validated: boolean;
    }
  /** The sender named by `direction` switches to `epoch`. */
  | { readonly kind: 'key-update'; readonly direction: 'sent' | 'received'; readonly epoch: number };

/**
 * Why a received record, or a message that could not be sent, was discarded; every one is counted by its reason.
 *
 * @example
 * ```ts
 * import type { DropReason } from 'datagram-tls';
 *
 * const attacks: readonly DropReason[] = ['bad_record', 'replayed'];
 * ```
 */
export type DropReason =
  | RecordDropReason
  /** A handshake fragment that contradicts an earlier one of the same message. */
  | 'conflicting_fragment'
  /** A handshake message with a part that never arrived. */
  | 'expired_message'
  /** Something held for later that was dropped for other associations, because the endpoint holds too much. */
  | 'evicted'
  /** A record or a message for later that waited too long. */
  | 'expired'
  /** The rest of a datagram after several forgeries, or after more records than a datagram may have. */
  | 'rest_of_datagram'
  /** A handshake message too far ahead. */
  | 'too_far_ahead'
  /** The budget of held bytes is used up. */
  | 'over_budget'
  /** A handshake record whose fragments are inconsistent. */
  | 'malformed_fragment'
  /** A handshake message in the wrong epoch. */
  | 'unexpected_epoch'
  /** A fragment of a handshake message that was already processed. */
  | 'repeated_message'
  /**
   * A request to repeat our flight that comes too soon after its last transmission, or a second one in the same
   * datagram.
   */
  | 'repeated_too_soon'
  /** A request to renegotiate soon after another one: few are answered. */
  | 'renegotiation'
  /** A HelloRequest during a handshake, which has no meaning (RFC 5246 §7.4.1.1). */
  | 'hello_request'
  /** Client: the peer begins a handshake of its own at the same time. It can be forged, and ends nothing. */
  | 'client_hello'
  /** More messages than one datagram may have processed; the rest wait for the next datagram. */
  | 'too_many_messages'
  | 'malformed_alert'
  /** An alert that may be forged, after the peer has proved that it has keys, or while a job of ours is running. */
  | 'unauthenticated_alert'
  /** An ACK that may be forged, or that the version does not have. It acknowledges nothing. */
  | 'unauthenticated_ack'
  /** An ACK under the key of early data, which can be replayed. */
  | 'early_ack'
  | 'malformed_ack'
  | 'bad_change_cipher_spec'
  /** Application data in epoch 0. */
  | 'unprotected_data'
  /** A content type that this version does not have. */
  | 'unexpected_type'
  /** An authentic record above our record size limit (RFC 8449 §4). */
  | 'over_record_limit'
  /** Early data that was refused, or that comes too late. */
  | 'refused_early_data'
  /** More early data than the client may send. */
  | 'early_data_limit'
  /** Refused early data above the peer's current limit. */
  | 'unsent_early_data'
  /** A message to an unvalidated client, for which enough messages wait. */
  | 'unproved_peer'
  /** A message for which the keys were used up, so that the session has ended. */
  | 'key_limit'
  /** A return routability check that cannot be read. */
  | 'malformed_path_message'
  /** A return routability check of an unknown type. */
  | 'unknown_path_message'
  /** An answer to a challenge that was not sent, is answered already, or went elsewhere. */
  | 'unasked_path_message'
  /** A message of ours, or of the peer, for which the kept checkpoint has no number left. */
  | 'not_reserved'
  /** A datagram from another address than the peer's. */
  | 'other_path'
  /** The connection is closed or has failed. */
  | 'closed';

/**
 * How often each reason occurred; other reasons are absent.
 *
 * @example
 * ```ts
 * import type { DropCounts } from 'datagram-tls/core';
 *
 * function lost(drops: DropCounts): number {
 *   return Object.values(drops).reduce((sum, count) => sum + count, 0);
 * }
 * ```
 */
export type DropCounts = Partial<Record<DropReason, number>>;
