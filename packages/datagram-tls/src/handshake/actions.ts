import type { DTLSError } from '../base/errors.js';
import type { NewTicket } from '../config/saved-session.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { RecordLimits } from '../extensions/record-limits.js';
import type { KeylogLabel } from '../keys/keylog.js';
import type { FreshState } from '../keys/session-state.js';
import type { Awaits } from './flight.js';
import type { Job } from './jobs.js';
import type { Session } from './session.js';

/** Key material of one direction of one epoch; the receiver of the action owns the bytes. */
interface DirectionKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Of a CBC suite; empty where an AEAD needs none. */
  readonly mac: Uint8Array;
  /** Record number key (RFC 9147 §4.2.3); empty in DTLS 1.2. */
  readonly sn: Uint8Array;
}

/** What a step of the handshake asks the connection to do, in order. */
export type Action =
  /** Add a message to the flight that is being built. It is sent in `epoch`, now and whenever the flight is. */
  | { do: 'send'; type: number; seq: number; epoch: number; body: Uint8Array }
  /** DTLS 1.2: add a ChangeCipherSpec, which has no message_seq and is sent in epoch 0. */
  | { do: 'send-change-cipher-spec' }
  /** The flight is whole: send it, and again until it got what it awaits. */
  | { do: 'end-flight'; awaits: Awaits }
  /** DTLS 1.3: what came so far is whole and no flight of ours answers it, so that only an ACK can (RFC 9147 §7.1). */
  | { do: 'acknowledge' }
  | {
      do: 'install-keys';
      direction: 'read' | 'write';
      epoch: number;
      suite: CipherSuite;
      keys: DirectionKeys;
    }
  /** Client: what goes along with the ClientHello goes out now, at most so many bytes of it, and no record with more than it may hold. */
  | { do: 'send-early-data'; most: number; recordLimit: number }
  /** What becomes of early data is known: it is taken, `most` bytes of it at most, or has to be sent again. */
  | { do: 'early-data'; accepted: true; most: number }
  | { do: 'early-data'; accepted: false }
  /** Server: nothing becomes of this association. */
  | { do: 'decline'; reason: EarlyRefusal }
  /** From now on no record holds more than the peer takes. */
  | { do: 'limit-records'; limits: RecordLimits }
  | { do: 'log-secret'; label: KeylogLabel; clientRandom: Uint8Array; secret: Uint8Array }
  /** Start a job; its answer comes back to the state that asked. */
  | { do: 'ask'; job: Job }
  | { do: 'connected'; session: Session }
  /** A server of DTLS 1.2 wants the session remembered under this id. */
  | { do: 'keep-session'; sessionId: Uint8Array; state: FreshState }
  /** Client: the server gave something to resume the session with. */
  | { do: 'ticket'; ticket: NewTicket }
  /** DTLS 1.2: the peer wants to renegotiate. */
  | { do: 'refuse-renegotiation' }
  | { do: 'fail'; error: DTLSError };

/** Why a server takes no early data from a ClientHello that offers some; it is then answered as any ClientHello without a cookie. */
export type EarlyRefusal =
  /** As many as may be wait for their peer's proof, or this endpoint takes no more sessions. */
  | 'busy'
  /** As many as may be wait with the client's host, or under its ticket. */
  | 'over_share'
  /** DTLS 1.3 is not what both sides speak. */
  | 'version'
  /** `sni` is a function: it is asked about clients whose address is proved. */
  | 'name'
  /** There is no key share of the group that we want. */
  | 'share'
  /** The first identity is no ticket of ours that can be used now. */
  | 'ticket'
  /** The ticket says nothing of early data, or of more than we take now. */
  | 'terms'
  /** The session would go on under another suite. */
  | 'suite'
  /** And with another application protocol. */
  | 'alpn'
  /** The ticket is not as old as the client says, or the clock was set back and it cannot be told whether it is new. */
  | 'age'
  /** The client does not have the session's secret. */
  | 'binder'
  /** This very ClientHello was here before. */
  | 'replayed'
  /** Whether it was cannot be told now. */
  | 'guard_full'
  /** Something in it, or a function of the application, would end a handshake. */
  | 'failed'
  /** It took too long to tell. */
  | 'expired';
