import type { AlertName } from '../base/alerts.js';
import type { DTLSError } from '../base/errors.js';
import type { NewTicket } from '../config/saved-session.js';
import type { Job } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { KeylogLabel } from '../keys/keylog.js';
import type { FreshState } from '../keys/session-state.js';
import type { DropReason as RecordDropReason } from '../record/header.js';

/** What a connection tells its owner, in the order in which it happened. */
export type ConnectionEvent =
  /** One datagram of application data; the receiver owns the bytes. */
  | { readonly type: 'message'; readonly data: Uint8Array }
  /** Server: the same, before the handshake is done: somebody may have sent it twice (RFC 8446 §8). */
  | { readonly type: 'early-data'; readonly data: Uint8Array }
  | { readonly type: 'connected'; readonly session: Session }
  /** Client: the server gave something to resume the session with; `encodeSession` makes what can be kept of it. */
  | { readonly type: 'ticket'; readonly ticket: NewTicket }
  /** Server: `ticketKeys` failed, so that there is no ticket; the session goes on. */
  | { readonly type: 'ticket-keys-failed'; readonly error: DTLSError }
  /** Work to do elsewhere; its answer goes to `answer` with the same `id`, once. */
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
  /** DTLS 1.3: the peer sends nothing any more; we may. */
  | { readonly type: 'peer-closed' }
  /** The end: after a failure with its error, after close_notify of either side without one. */
  | { readonly type: 'closed'; readonly error: DTLSError | undefined };

/** What `-v` shows. Only connections whose behaviour asks for it make these. */
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
  /** What became of early data, of which the client is the sender. */
  | {
      readonly kind: 'early-data';
      readonly direction: 'sent' | 'received';
      readonly outcome: 'offered' | 'accepted' | 'refused';
    }
  /** The sender named by `direction` goes on in `epoch`. */
  | { readonly kind: 'key-update'; readonly direction: 'sent' | 'received'; readonly epoch: number };

/** Why something that came in, or a message that could not go out, was discarded; every one is counted under its reason. */
export type DropReason =
  | RecordDropReason
  /** A handshake fragment that contradicts an earlier one of the same message. */
  | 'conflicting_fragment'
  /** A handshake message of which some part never came. */
  | 'expired_message'
  /** Something held for later that gave way to other associations, because the endpoint holds too much. */
  | 'evicted'
  /** A record or a message for later that waited too long. */
  | 'expired'
  /** The rest of a datagram after several forgeries, or after more records than a datagram may have. */
  | 'rest_of_datagram'
  /** A handshake message too far in the future. */
  | 'too_far_ahead'
  /** More is held already than the budget allows. */
  | 'over_budget'
  /** A handshake record whose fragments do not add up. */
  | 'malformed_fragment'
  /** A handshake message in an epoch in which it cannot be. */
  | 'unexpected_epoch'
  /** A part of a handshake message that was processed before. */
  | 'repeated_message'
  /** A request for our flight again that comes too soon after it went out, or a second one in the same datagram. */
  | 'repeated_too_soon'
  /** A request to renegotiate right after another one: only one in a while is answered. */
  | 'renegotiation'
  /** A HelloRequest in the middle of a handshake, which means nothing (RFC 5246 §7.4.1.1). */
  | 'hello_request'
  /** More messages than one datagram may have processed; the rest wait for the next datagram. */
  | 'too_many_messages'
  | 'malformed_alert'
  /** An alert that anybody could have sent, after the peer has proved that it has keys, or while a job of ours is under way. */
  | 'unauthenticated_alert'
  /** An ACK that anybody could have sent, or that the version does not know yet. It acknowledges nothing. */
  | 'unauthenticated_ack'
  /** An ACK under the key of early data, which whoever heard it can send again. */
  | 'early_ack'
  | 'malformed_ack'
  | 'bad_change_cipher_spec'
  /** Application data in epoch 0. */
  | 'unprotected_data'
  /** A content type that this version does not have. */
  | 'unexpected_type'
  /** An authentic record with more content than we said that we take (RFC 8449 §4). */
  | 'over_record_limit'
  /** Early data that was refused, or that comes too late. */
  | 'refused_early_data'
  /** More early data than the client was told it may send. */
  | 'early_data_limit'
  /** Early data that was refused, and that is now larger than the peer takes. */
  | 'unsent_early_data'
  /** A message to a client that has not proved yet that it hears us, and that enough wait for. */
  | 'unproved_peer'
  /** A message for which the keys were spent, so that the session has ended. */
  | 'key_limit'
  /** A datagram from another address than the peer's. */
  | 'other_path'
  /** The connection is closed or has failed. */
  | 'closed';

/** How often each reason occurred; a reason that never did is absent. */
export type DropCounts = Partial<Record<DropReason, number>>;
