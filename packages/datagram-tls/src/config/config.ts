import type { CertificateAlert } from '../base/alerts.js';
import type { Awaitable } from '../base/awaitable.js';
import type { Duration } from '../base/instant.js';
import type { CryptoProvider, PrivateKey, PublicKey } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { SessionCache } from '../keys/session-cache.js';
import type { TicketKey } from '../keys/ticket-keys.js';
import type {
  CertificateTypeName,
  GroupName,
  PskModeName,
  SchemeName,
  SrtpProfileName,
} from '../wire/codes.js';
import type { KdfHash } from '../wire/imported-identity.js';
import type { VersionFacts } from '../wire/version.js';
import type { Certificate } from '../x509/certificate.js';
import type { Crl } from '../x509/crl.js';
import type { Pin } from '../x509/pins.js';
import type { TrustStore } from '../x509/trust-store.js';
import type { SavedSession } from './saved-session.js';

export type Versions<V extends VersionFacts = VersionFacts> = readonly [V, ...V[]];

/**
 * Which side of an association we are.
 *
 * @example
 * ```ts
 * import type { Role } from 'datagram-tls/core';
 *
 * const role: Role = 'client';
 * ```
 */
export type Role = 'client' | 'server';

/** A private key outside of this process, such as in a security module: it is asked for each signature. */
export interface RemoteKey extends PublicKey {
  /** Makes one signature. */
  readonly sign: Sign;
}

/**
 * Signs `data` itself, not a hash of it; ECDSA signatures are DER (RFC 8446 §4.2.3).
 *
 * @example
 * ```ts
 * import { createPrivateKey, sign as signWith } from 'node:crypto';
 * import type { Sign } from 'datagram-tls/core';
 *
 * const sign: Sign = async (scheme, data) => signWith('sha256', data, createPrivateKey(key));
 * ```
 */
export type Sign<Bytes extends Uint8Array = Uint8Array> = (
  scheme: SchemeName,
  data: Bytes,
) => Awaitable<Uint8Array>;

/**
 * A private key here, or one that is asked for each signature.
 *
 * @example
 * ```ts
 * import type { Job, SigningKey } from 'datagram-tls/core';
 *
 * function keyOf(job: Job): SigningKey | undefined {
 *   return job.kind === 'sign' ? job.key : undefined;
 * }
 * ```
 */
export type SigningKey = PrivateKey | RemoteKey;

/**
 * A certificate chain or a raw public key (RFC 7250), and its private key.
 *
 * @example
 * ```ts
 * import type { Identity } from 'datagram-tls/core';
 *
 * function typeOf({ type, chain }: Identity): string {
 *   return type === 'RawPublicKey' ? 'a raw public key' : `a chain of ${chain.length} certificates`;
 * }
 * ```
 */
export interface Identity {
  /** What {@link chain} holds. */
  readonly type: CertificateTypeName;
  /** DER, as it is sent: certificates, leaf first, or the one SubjectPublicKeyInfo. */
  readonly chain: readonly Uint8Array[];
  /** `undefined` with a raw public key. */
  readonly leaf: Certificate | undefined;
  /** Of the leaf, or of the raw public key. */
  readonly key: SigningKey;
}

/**
 * The peer, for the application's decision.
 *
 * @example
 * ```ts
 * import type { PeerInfo } from 'datagram-tls/core';
 *
 * function accepts(info: PeerInfo): boolean {
 *   return info.authorized || info.authorizationError === 'CERT_HAS_EXPIRED';
 * }
 * ```
 */
export interface PeerInfo<Bytes extends Uint8Array = Uint8Array> {
  /**
   * Our own verdict. The peer's chain is validated when this or `authorizationError` is read first: an application
   * that reads neither spends no time on it, and Node's default store is not loaded.
   */
  readonly authorized: boolean;
  /** OpenSSL's short name of the fault; see `authorized`. */
  readonly authorizationError: string | undefined;
  /** The host name or IP address that the peer should have; `undefined` for clients. */
  readonly name: string | undefined;
  /** `serverAuth` of a server, `clientAuth` of a client: the extended key usage that its certificate must allow. */
  readonly purpose: 'serverAuth' | 'clientAuth';
  /**
   * SubjectPublicKeyInfo in DER of a peer with a raw public key instead of a certificate (RFC 7250); its chain is
   * empty.
   */
  readonly rawPublicKey: Bytes | undefined;
}

/**
 * Why an application refuses a peer.
 *
 * @example
 * ```ts
 * import type { PeerRefusal } from 'datagram-tls';
 *
 * const refusal: PeerRefusal = { reason: 'NOT_ENROLLED', alert: 'access_denied' };
 * ```
 */
export interface PeerRefusal {
  /** Becomes the `authorizationError`. */
  readonly reason: string;
  /** The alert for the peer, such as `bad_certificate` for a fingerprint that does not match (RFC 8122 §6.2). */
  readonly alert?: CertificateAlert | undefined;
}

/**
 * The application's decision on a peer. `chain`: DER, as the peer sent it, leaf first. True accepts and false
 * refuses, whatever `info` says. A string refuses and becomes the `authorizationError`; a {@link PeerRefusal} may
 * also name the alert.
 *
 * @example
 * ```ts
 * import type { VerifyPeer } from 'datagram-tls/core';
 *
 * const verifyPeer: VerifyPeer = (chain, info) => chain.length === 1 && info.authorized;
 * ```
 */
export type VerifyPeer<Bytes extends Uint8Array = Uint8Array> = (
  chain: readonly Bytes[],
  info: PeerInfo<Bytes>,
) => Awaitable<boolean | string | PeerRefusal>;

/** The newest OCSP response about a certificate; both DER. */
export type OcspResponder<Bytes extends Uint8Array = Uint8Array> = (
  certificate: Bytes,
) => Uint8Array | undefined | PromiseLike<Uint8Array | undefined>;

/** The OCSP response to staple to a certificate of ours. */
export type FindStaple = (leaf: Certificate) => ReturnType<OcspResponder>;

/** Whether a certificate, DER, is for this name; an error says why not. */
export type CheckServerIdentity = (name: string, leaf: Uint8Array) => Awaitable<Error | undefined>;

/**
 * The settings for a client that asks for this name, a {@link hostName}, or for none. `undefined`: the name is not
 * served, and the client is refused.
 */
export type ChooseSecurity = (serverName: string | undefined) => Awaitable<Security | undefined>;

/**
 * The content of a secure context: certificates, trust and policy, with every default filled in. `V`: what is known
 * of a version of DTLS; a connection also needs its handshake and its records.
 */
export interface Security<V extends VersionFacts = VersionFacts> {
  /** The options that it was made of: a name of `sni` gets the others from its endpoint. */
  readonly given: ReadonlySet<string>;
  readonly role: Role;
  readonly provider: CryptoProvider;
  /** The allowed versions, latest first. */
  readonly versions: Versions<V>;
  /** In our order of preference. */
  readonly suites: readonly CipherSuite[];
  readonly groups: readonly GroupName[];
  /** Client, DTLS 1.3: the groups, in the order of `groups`, whose shares are in the first ClientHello. */
  readonly keyShares: readonly GroupName[];
  readonly sigalgs: readonly SchemeName[];
  readonly identities: readonly Identity[];
  /** Loads the store when it is first needed: parsing the platform's default store takes time. */
  readonly trust: () => TrustStore;
  /** The part of it from our own PKCS#12 files. */
  readonly trustBesides: readonly Certificate[];
  /** The types that peers may show, in our order of preference. */
  readonly peerCertificateTypes: readonly CertificateTypeName[];
  /** `undefined`: revocation lists are not required. */
  readonly crls: readonly Crl[] | undefined;
  /** A peer whose certificate matches one of these needs neither a CA nor a name. */
  readonly pins: readonly Pin[];
  /** The source of pre-shared keys. */
  readonly psk: PskPolicy;
  /** DTLS 1.3: how they may be used. */
  readonly pskModes: readonly PskModeName[];
  /** Server: how sessions can be resumed; `undefined`: never. */
  readonly tickets: TicketPolicy | undefined;
  /** Server: ask clients for a certificate. */
  readonly requestCert: boolean;
  /** End the handshake when the peer's certificate does not verify. */
  readonly rejectUnauthorized: boolean;
  /** Ask for an OCSP response about the peer's certificate. */
  readonly requestStaple: boolean;
  /** Refuse a certificate without an OCSP response. */
  readonly requireStaple: boolean;
  /** `undefined`: we have no staples. */
  readonly findStaple: FindStaple | undefined;
  readonly verifyPeer: VerifyPeer | undefined;
  /** Names of application protocols, in our order of preference. */
  readonly alpn: readonly Uint8Array[];
  readonly srtp: readonly SrtpProfileName[];
  /** Server: other settings, by the name that a client asks for. */
  readonly sni: ChooseSecurity | undefined;
  /** `sni` is a function of the application: it is called for validated addresses only. */
  readonly sniAsks: boolean;
  /** Our record size limit, bytes (RFC 8449). */
  readonly recordSizeLimit: number;
  /** Client: the limit to request for records of both sides, bytes (RFC 6066 §4). */
  readonly maxFragmentLength: number | undefined;
  /** Client: replaces our own check of names. */
  readonly checkServerIdentity: CheckServerIdentity | undefined;
}

/** When a silent peer is probed, and when it counts as gone. */
export interface KeepAlive {
  readonly interval: Duration;
  readonly timeout: Duration;
  readonly message: Uint8Array | undefined;
}

/** `enhanced`: the path before is asked, too, which shows a sender of copies. */
export type RoutabilityPolicy = 'never' | 'basic' | 'enhanced';

/** Which connection ID we ask for on the peer's records. */
export interface ConnectionIdPolicy {
  /** Bytes of each, 0 for none; `undefined`: whatever {@link generate} makes. */
  readonly length: number | undefined;
  /** `undefined`: they are random. */
  readonly generate: (() => Uint8Array) | undefined;
}

/**
 * How one association behaves on its path.
 *
 * @example
 * ```ts
 * import { type Behaviour, resolveBehaviour } from 'datagram-tls/core';
 *
 * const behaviour: Behaviour = resolveBehaviour({ mtu: 1400 }, false);
 * ```
 */
export interface Behaviour {
  /** Largest datagram we send, bytes of UDP payload. */
  readonly mtu: number;
  /** Waits before a flight is sent again: the first, and the longest as each is twice the one before; ms. */
  readonly retransmission: { readonly initial: Duration; readonly max: Duration };
  /** The handshake fails after this long; 0: never. */
  readonly handshakeTimeout: Duration;
  /** A session ends after this long without an authentic record of the peer; 0: never. */
  readonly idleTimeout: Readonly<Record<Role, Duration>>;
  /** An open session without traffic for this long hibernates; 0: never; ms. */
  readonly hibernateAfter: Duration;
  /** When a silent peer is probed; `undefined`: never. */
  readonly keepAlive: KeepAlive | undefined;
  /** Report flights and alerts as events. */
  readonly trace: boolean;
  /** DTLS 1.3: the peer's close_notify leaves our direction open until we close it too. */
  readonly allowHalfOpen: boolean;
  /** By our role; `undefined`: connection IDs are neither offered nor accepted. */
  readonly connectionIds: Readonly<Record<Role, ConnectionIdPolicy | undefined>>;
  /** How a new address of the peer is checked where both sides can (RFC 9853). */
  readonly returnRoutability: RoutabilityPolicy;
  /** DTLS 1.3: records after which our sending keys are updated, unless the AEAD requires it sooner. */
  readonly recordsPerKey: number;
}

/**
 * The server that a client wants.
 *
 * @example
 * ```ts
 * import type { Destination } from 'datagram-tls/core';
 *
 * const destination: Destination = { serverName: 'device.example', verifyName: 'device.example' };
 * ```
 */
export interface Destination {
  /** Sent as SNI; `undefined` for none, such as for IP addresses. */
  readonly serverName: string | undefined;
  /** The host name or IP address that the certificate must contain. */
  readonly verifyName: string | undefined;
  /** A saved session with this server, which is resumed if both sides still can. */
  readonly session?: SavedSession | undefined;
  /** Messages to send along with the ClientHello where the session allows that, otherwise after the handshake. */
  readonly earlyData?: readonly Uint8Array[] | undefined;
}

/** How a key is imported into DTLS 1.3 (RFC 9258 §5.1). */
export interface PskImport {
  readonly context: Uint8Array;
  /** The hash of the external key. */
  readonly hash: KdfHash;
}

export interface StoredPsk {
  readonly key: Uint8Array;
  /** `undefined`: DTLS 1.3 uses the key directly, as 1.2 always does. */
  readonly import: PskImport | undefined;
}

/** An identity and its key. */
export interface PskCredential extends StoredPsk {
  readonly identity: Uint8Array;
}

/** A client's keys. Both functions may throw the application's error, or the caller's mistake. */
export interface ClientPsk {
  readonly role: 'client';
  /** In order of preference; none when there is no key for that server. `hint` is empty where there was none. */
  readonly choose: (hint: Uint8Array) => Awaitable<readonly PskCredential[]>;
  /** What {@link choose} always returns; `undefined` where a function of the application decides. */
  readonly fixed: readonly PskCredential[] | undefined;
}

/** A server's keys. */
export interface ServerPsk {
  readonly role: 'server';
  /** Empty for no hint. */
  readonly hint: Uint8Array;
  /** An unknown identity looks like one with a wrong key. */
  readonly hideUnknown: boolean;
  /** `undefined` for an unknown identity. */
  readonly find: (identity: Uint8Array) => Awaitable<StoredPsk | undefined>;
  /** The same at once, without a call of the application; `undefined` where a function of the application finds keys. */
  readonly findAtHand: ((identity: Uint8Array) => StoredPsk | undefined) | undefined;
}

export interface NoPsk {
  readonly role: 'none';
}

export type PskPolicy = ClientPsk | ServerPsk | NoPsk;

/** How a server accepts early data. */
export interface EarlyPolicy {
  /** Bytes of it in one session. */
  readonly most: number;
  /**
   * Whether the ClientHello with this `digest` is new; from then until `until` it is not. `time` is now, both ms
   * since 1970. `full`, `stale`: this cannot be decided, now or any more. May throw the application's error.
   */
  readonly guard: (digest: Uint8Array, until: number, time: number) => Awaitable<GuardAnswer>;
}

export type GuardAnswer = 'fresh' | 'replayed' | 'full' | 'stale';

/** How a server lets sessions be resumed. */
export interface TicketPolicy {
  /**
   * At `time`, ms since 1970: the first seals, all open; none: no tickets now. It may throw or reject with the error
   * of the application's function: then there is no ticket. `undefined`: no tickets at all.
   */
  readonly keys: ((time: number) => Awaitable<readonly TicketKey[]>) | undefined;
  /** `keys` answers at once, without a call of the application. */
  readonly keysAtHand: boolean;
  /** DTLS 1.2: for clients without tickets. */
  readonly sessions: SessionCache | undefined;
  /** How long after its full handshake a session can be resumed, ms. */
  readonly lifetime: Duration;
  /** Tickets of servers with another one do not open. */
  readonly context: Uint8Array;
  /** DTLS 1.3; `undefined`: not at all. */
  readonly early: EarlyPolicy | undefined;
}
