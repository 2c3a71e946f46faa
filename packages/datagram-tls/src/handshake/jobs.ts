import type { CertificateAlert } from '../base/alerts.js';
import type { Duration } from '../base/instant.js';
import type { GuardAnswer, PskCredential, Security, SigningKey, StoredPsk } from '../config/config.js';
import type { SavedSession } from '../config/saved-session.js';
import type { PublicKey } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { EarlyTerms, FreshState, SessionState } from '../keys/resumption-state.js';
import type { SchemeName } from '../wire/codes.js';
import type { Certificate } from '../x509/certificate.js';

/**
 * Work outside of the handshake's steps: it may be slow, or the application's decision.
 *
 * @example
 * ```ts
 * import type { Job } from 'datagram-tls/core';
 *
 * function isSlow(job: Job): boolean {
 *   return job.kind === 'sign' || job.kind === 'verify-peer';
 * }
 * ```
 */
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
      /** Of the leaf, imported already. */
      readonly leafKey?: PublicKey | undefined;
      /** SubjectPublicKeyInfo in DER of a peer without certificates. */
      readonly rawPublicKey: Uint8Array | undefined;
      readonly purpose: 'serverAuth' | 'clientAuth';
      /** Host name or IP address that the leaf must contain. */
      readonly name: string | undefined;
      /** The peer was asked for an OCSP response about its leaf. */
      readonly askedForStaple: boolean;
      /** Its response: a DER OCSPResponse. */
      readonly staple: Uint8Array | undefined;
    }
  /** Asks for the OCSP response of our own certificate. */
  | { readonly kind: 'find-staple'; readonly leaf: Certificate }
  /** Server: finds the settings for `serverName`; only with `security.sni`. */
  | { readonly kind: 'choose-identity'; readonly serverName: string | undefined }
  /** Client: finds the pre-shared keys to offer. `hint` is the server's, empty for none. */
  | { readonly kind: 'choose-psk'; readonly hint: Uint8Array }
  /** Client: decides whether a saved session may be offered, to a server with this name in its certificate. */
  | { readonly kind: 'check-session'; readonly session: SavedSession; readonly name: string | undefined }
  /** Server: finds the first known key. */
  | { readonly kind: 'find-psk'; readonly wanted: readonly WantedPsk[] }
  /** Server: finds the session of the first of `tickets` that it issued and that can be resumed. */
  | ({ readonly kind: 'open-ticket'; readonly tickets: readonly Uint8Array[] } & ResumptionTerms)
  /** Server: makes a ticket for its client. */
  | {
      readonly kind: 'seal-ticket';
      readonly state: FreshState;
      /** The application protocol, which early data under the ticket would use. */
      readonly alpn: Uint8Array | undefined;
    }
  /** Server: decides whether a ClientHello with early data is new, and remembers it until then, ms since 1970. */
  | { readonly kind: 'guard-replay'; readonly digest: Uint8Array; readonly until: number }
  /** DTLS 1.2 server: finds the session with this ID, if it can be resumed. */
  | ({ readonly kind: 'find-session'; readonly sessionId: Uint8Array } & ResumptionTerms);

/** The conditions for resuming a session. */
export interface ResumptionTerms {
  /** It has to be resumed under one of these. */
  readonly suites: readonly CipherSuite[];
  /** The name that the client asks for. */
  readonly serverName: string | undefined;
}

export type VerifyPeerJob = Extract<Job, { readonly kind: 'verify-peer' }>;

/**
 * A verdict's `code` is OpenSSL's short name, such as `CERT_HAS_EXPIRED`; `cause`: the application's error.
 *
 * @example
 * ```ts
 * import type { Verdict } from 'datagram-tls/core';
 *
 * const refused: Verdict = { ok: false, code: 'CERT_HAS_EXPIRED' };
 * ```
 */
export type Verdict =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: string;
      /** By default the alert of `code`. */
      readonly alert?: CertificateAlert | undefined;
      readonly cause?: Error;
    };

/**
 * The answer to a {@link Job} of the same kind, or `failed`. `performJob` makes them; a program may answer a signature or a
 * verdict on its own.
 *
 * @example
 * ```ts
 * import type { JobAnswer } from 'datagram-tls/core';
 *
 * const answer: JobAnswer = { kind: 'verify-peer', verdict: { ok: true } };
 * ```
 */
export type JobAnswer =
  | { readonly kind: 'sign'; readonly signature: Uint8Array }
  | { readonly kind: 'verify-peer'; readonly verdict: Verdict }
  /** A DER OCSPResponse; `undefined`: there is none now. */
  | { readonly kind: 'find-staple'; readonly staple: Uint8Array | undefined }
  /** `undefined`: the name is not served. */
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
  /** The application's function threw `cause`. */
  | { readonly kind: 'failed'; readonly cause: unknown };

/** The application's function for ticket keys failed with `cause`; the handshake goes on without a ticket. */
export interface Failure {
  readonly cause: unknown;
}

/** A client's offer: the key of an identity, used directly or, in DTLS 1.3, imported under a context. */
export interface WantedPsk {
  readonly identity: Uint8Array;
  readonly use: 'any' | 'as-is' | { readonly context: Uint8Array };
}

/** By its index among the requested ones. */
export interface FoundPsk extends StoredPsk {
  readonly index: number;
}

/** A session that may be resumed, and today's verdict on its peer. */
export interface Resumable {
  readonly state: SessionState;
  readonly verdict: Verdict;
}

/** By the index of its ticket among the requested ones. */
export interface OpenedTicket {
  readonly index: number;
  /** Its key no longer seals: a new ticket should replace it. */
  readonly stale: boolean;
  readonly resumed: Resumable;
  readonly early: EarlyTerms;
  readonly age: TicketAge;
}

/** The expected age of a ticket, and how a client encodes it (RFC 8446 §4.2.11.1). */
export interface TicketAge {
  /** When the ticket was made, and the time of the question, ms since 1970. */
  readonly issuedAt: number;
  readonly now: number;
  readonly ageAdd: number;
}

/** A ticket and its lifetime, in seconds. */
export interface SealedTicket {
  readonly ticket: Uint8Array;
  readonly lifetime: number;
  readonly ageAdd: number;
  /** Bytes of early data that it allows. */
  readonly maxEarlyData: number;
}
