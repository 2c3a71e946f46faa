import type { DTLSError } from '../base/errors.js';
import type { NewTicket } from '../config/saved-session.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { ConnectionIdPair } from '../extensions/connection-id.js';
import type { RecordLimits } from '../extensions/record-limits.js';
import type { KeylogLabel } from '../keys/keylog.js';
import type { FreshState } from '../keys/resumption-state.js';
import type { Awaits } from './flight.js';
import type { Job } from './jobs.js';
import type { Session } from './session.js';

/** Key material of one direction of one epoch; the receiver of the action owns the bytes. */
export interface DirectionKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Of a CBC suite; empty where an AEAD needs none. */
  readonly mac: Uint8Array;
  /** Record number key (RFC 9147 §4.2.3); empty in DTLS 1.2. */
  readonly sn: Uint8Array;
  /** The traffic secret that the others come from; empty in DTLS 1.2. */
  readonly secret: Uint8Array;
}

/** An action that a step of the handshake asks of the connection. Actions are performed in order. */
export type Action =
  /** Add a message to the current flight. Every transmission uses `epoch`. */
  | { do: 'send'; type: number; seq: number; epoch: number; body: Uint8Array }
  /** DTLS 1.2: add a ChangeCipherSpec, which has no message_seq and is sent in epoch 0. */
  | { do: 'send-change-cipher-spec' }
  /** The flight is complete: send it, and retransmit it until it got what it awaits. */
  | { do: 'end-flight'; awaits: Awaits }
  /**
   * DTLS 1.3: the received flight is complete and no flight of ours answers it, so that only an ACK can (RFC 9147
   * §7.1).
   */
  | { do: 'acknowledge' }
  | {
      do: 'install-keys';
      direction: 'read' | 'write';
      epoch: number;
      suite: CipherSuite;
      keys: DirectionKeys;
    }
  /**
   * Client: early data is sent along with the ClientHello now, at most this many bytes, and no record above its
   * limit.
   */
  | { do: 'send-early-data'; most: number; recordLimit: number }
  /** The result of early data: it is accepted, at most `most` bytes of it, or has to be sent again. */
  | { do: 'early-data'; accepted: true; most: number }
  | { do: 'early-data'; accepted: false }
  /** Server: this association is discarded. */
  | { do: 'decline'; reason: EarlyRefusal }
  /** From now on no record exceeds the peer's limit. */
  | { do: 'limit-records'; limits: RecordLimits }
  /** Protected records have these connection IDs; it comes before any keys. `undefined`: they have none. */
  | {
      do: 'use-connection-ids';
      ids: ConnectionIdPair | undefined;
      /** Both sides check a new path of the peer (RFC 9853). */
      checksPaths: boolean;
    }
  /** DTLS 1.3: the peer's further connection IDs, which the receiver owns; `immediate`: the first is used from now on. */
  | { do: 'peer-connection-ids'; cids: readonly Uint8Array[]; immediate: boolean }
  | { do: 'log-secret'; label: KeylogLabel; clientRandom: Uint8Array; secret: Uint8Array }
  /** Start a job; its answer comes back to the state that asked. */
  | { do: 'ask'; job: Job }
  | { do: 'connected'; session: Session }
  /** A DTLS 1.2 server wants to remember the session under this ID. */
  | { do: 'keep-session'; sessionId: Uint8Array; state: FreshState }
  /** Client: the server sent data to resume the session with. */
  | { do: 'ticket'; ticket: NewTicket }
  /** DTLS 1.2: the peer requests a renegotiation. */
  | { do: 'refuse-renegotiation' }
  | { do: 'fail'; error: DTLSError };

/**
 * Why a server refuses early data of a ClientHello. The ClientHello is then answered as any without a cookie.
 *
 * @example
 * ```ts
 * import type { EarlyRefusal } from 'datagram-tls';
 *
 * const replay: EarlyRefusal = 'replayed';
 * ```
 */
export type EarlyRefusal =
  /** The limit of clients that have not proved their address is reached, or this endpoint accepts no more sessions. */
  | 'busy'
  /** The limit for the client's host, or for its ticket, is reached. */
  | 'over_share'
  /** DTLS 1.3 is not supported by both sides. */
  | 'version'
  /** `sni` is a function: it is called for validated addresses only. */
  | 'name'
  /** There is no key share of a group that we support. */
  | 'share'
  /** The first identity is not a usable ticket of ours. */
  | 'ticket'
  /** The ticket allows no early data, or more than we accept now. */
  | 'terms'
  /** The session would use another suite. */
  | 'suite'
  /** The session would use another application protocol. */
  | 'alpn'
  /**
   * The ticket's age is not what the client says, or the clock was set back and it is unknown whether the ClientHello
   * is new.
   */
  | 'age'
  /** The client does not have the session's secret. */
  | 'binder'
  /** This ClientHello was already seen. */
  | 'replayed'
  /** It is unknown now whether it was seen. */
  | 'guard_full'
  /** A fault in it, or in a function of the application, would end a handshake. */
  | 'failed'
  /** The decision took too long. */
  | 'expired';
