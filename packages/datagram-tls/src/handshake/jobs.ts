import type { CertificateAlert } from '../base/alerts.js';
import type { Duration } from '../base/instant.js';
import type { GuardAnswer, PskCredential, Security, SigningKey, StoredPsk } from '../config/config.js';
import type { SavedSession } from '../config/saved-session.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { EarlyTerms, FreshState, SessionState } from '../keys/session-state.js';
import type { SchemeName } from '../wire/codes.js';
import type { Certificate } from '../x509/certificate.js';

/** Work that the handshake does not do in a step: it may be slow, or the application's to decide. */
export type Job =
  | {
      readonly kind: 'sign';
      readonly scheme: SchemeName;
      readonly key: SigningKey;
      readonly data: Uint8Array;
    }
  | {
      readonly kind: 'verify-peer';
      /** Leaf first, as the peer sent them; empty with a raw public key. */
      readonly chain: readonly Certificate[];
      /** SubjectPublicKeyInfo in DER of a peer that shows nothing else. */
      readonly rawPublicKey: Uint8Array | undefined;
      readonly purpose: 'serverAuth' | 'clientAuth';
      /** Host name or IP address that the leaf must hold. */
      readonly name: string | undefined;
      /** The peer was asked for the status of its leaf. */
      readonly askedForStaple: boolean;
      /** What it sent: a DER OCSPResponse. */
      readonly staple: Uint8Array | undefined;
    }
  /** Asks for the OCSP response of our own certificate. */
  | { readonly kind: 'find-staple'; readonly leaf: Certificate }
  /** A server asks who it is for a client that wants `serverName`; asked only where there is `security.sni`. */
  | { readonly kind: 'choose-identity'; readonly serverName: string | undefined }
  /** A client asks with which pre-shared key it may come. `hint` is the server's, empty where there was none. */
  | { readonly kind: 'choose-psk'; readonly hint: Uint8Array }
  /** A client asks whether a session from before may be offered, to a server with this name in its certificate. */
  | { readonly kind: 'check-session'; readonly session: SavedSession; readonly name: string | undefined }
  /** A server asks for the first key that is known. */
  | { readonly kind: 'find-psk'; readonly wanted: readonly WantedPsk[] }
  /** A server asks for the session of the first of `tickets` that is one of its own and can be resumed. */
  | ({ readonly kind: 'open-ticket'; readonly tickets: readonly Uint8Array[] } & ResumptionTerms)
  /** A server asks for a ticket to give to its client. */
  | {
      readonly kind: 'seal-ticket';
      readonly state: FreshState;
      /** The application protocol, which early data under the ticket would be of. */
      readonly alpn: Uint8Array | undefined;
    }
  /** A server asks whether a ClientHello with early data is new, and wants it remembered until then, ms since 1970. */
  | { readonly kind: 'guard-replay'; readonly digest: Uint8Array; readonly until: number }
  /** A server of DTLS 1.2 asks for the session that it remembers by this id, if it can be resumed. */
  | ({ readonly kind: 'find-session'; readonly sessionId: Uint8Array } & ResumptionTerms);

/** What a session must have had so that it can be resumed. */
export interface ResumptionTerms {
  /** Under one of these it has to go on. */
  readonly suites: readonly CipherSuite[];
  /** The name that the client asks for. */
  readonly serverName: string | undefined;
}

export type VerifyPeerJob = Extract<Job, { readonly kind: 'verify-peer' }>;

/** A verdict's `code` is OpenSSL's short name, such as `CERT_HAS_EXPIRED`; `cause`: what the application said. */
export type Verdict =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: string;
      /** By default the one that goes with `code`. */
      readonly alert?: CertificateAlert | undefined;
      readonly cause?: Error;
    };

export type JobAnswer =
  | { readonly kind: 'sign'; readonly signature: Uint8Array }
  | { readonly kind: 'verify-peer'; readonly verdict: Verdict }
  /** A DER OCSPResponse; `undefined`: there is none now. */
  | { readonly kind: 'find-staple'; readonly staple: Uint8Array | undefined }
  /** `undefined`: nobody here has that name. */
  | { readonly kind: 'choose-identity'; readonly security: Security | undefined }
  /** In order of preference; none: there is no key for that server. */
  | { readonly kind: 'choose-psk'; readonly credentials: readonly PskCredential[] }
  /** `age`: of the ticket, ms. */
  | { readonly kind: 'check-session'; readonly found: (Resumable & { readonly age: Duration }) | undefined }
  | { readonly kind: 'find-psk'; readonly found: FoundPsk | undefined }
  | { readonly kind: 'open-ticket'; readonly found: OpenedTicket | undefined; readonly failure?: Failure }
  | { readonly kind: 'guard-replay'; readonly answer: GuardAnswer }
  | { readonly kind: 'seal-ticket'; readonly sealed: SealedTicket | undefined; readonly failure?: Failure }
  | { readonly kind: 'find-session'; readonly found: Resumable | undefined }
  /** Whoever was to answer threw `cause`. */
  | { readonly kind: 'failed'; readonly cause: unknown };

/** The application's function for ticket keys failed with `cause`; the handshake goes on without a ticket. */
export interface Failure {
  readonly cause: unknown;
}

/** What a client offers: the key of an identity, as it is or, in DTLS 1.3, imported under a context. */
export interface WantedPsk {
  readonly identity: Uint8Array;
  readonly use: 'any' | 'as-is' | { readonly context: Uint8Array };
}

/** By the index among those that were asked for. */
export interface FoundPsk extends StoredPsk {
  readonly index: number;
}

/** A session that may be resumed, and today's verdict on what the peer showed. */
export interface Resumable {
  readonly state: SessionState;
  readonly verdict: Verdict;
}

/** By the index of its ticket among those that were asked for. */
export interface OpenedTicket {
  readonly index: number;
  /** It was sealed under a key that seals no more: another one should take its place. */
  readonly stale: boolean;
  readonly resumed: Resumable;
  readonly early: EarlyTerms;
  readonly age: TicketAge;
}

/** What a ticket's age ought to be, and how a client has to say it (RFC 8446 §4.2.11.1). */
export interface TicketAge {
  /** When the ticket was made, and when that is asked, ms since 1970. */
  readonly issuedAt: number;
  readonly now: number;
  readonly ageAdd: number;
}

/** A ticket and how long it is good, in seconds. */
export interface SealedTicket {
  readonly ticket: Uint8Array;
  readonly lifetime: number;
  readonly ageAdd: number;
  /** Bytes of early data that go with it. */
  readonly maxEarlyData: number;
}
