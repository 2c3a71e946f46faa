import type { AlertName } from '../base/alerts.js';
import type { DTLSError } from '../base/errors.js';
import type { NewTicket } from '../config/saved-session.js';
import type { Job } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { KeylogLabel } from '../keys/keylog.js';

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
  /** Work to do elsewhere; its answer goes to `handleAnswer`. */
  | { readonly type: 'job'; readonly job: Job }
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
