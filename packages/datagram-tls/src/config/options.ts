import type { Awaitable } from '../base/awaitable.js';
import type { Version } from '../wire/codes.js';
import type { CertificateTypeName } from '../wire/extensions/certificate-type.js';
import type { PskModeName } from '../wire/extensions/psk-key-exchange-modes.js';
import type { OcspResponder, Sign, VerifyPeer } from './config.js';
import type { KeepAliveOption } from './keep-alive.js';

/** PEM text, or PEM or DER bytes. */
export type Encoded = string | Uint8Array;

/** A private key that is elsewhere, such as in a security module or a key service. */
export interface ExternalKey {
  /** Signs `data` itself, not a hash of it. */
  sign: Sign;
  /** SubjectPublicKeyInfo in PEM or DER; without it the public key is that of the certificate beside the key. */
  publicKey?: Encoded | undefined;
}

/** A file of PKCS#12, or its base64. */
export interface PfxObject {
  buf: Encoded;
  /** Instead of the option of that name. */
  passphrase?: string | undefined;
}

/** 80 bytes: a name of 16, two secrets of 32. */
export type TicketKeyOption = ArrayBufferView;

/** One key, or several: the first makes tickets, all are good to resume with. */
export type TicketKeysOption = TicketKeyOption | readonly TicketKeyOption[];

/** Who we are and whom we trust; what `createSecureContext` takes, and `connect` and `listen` beside their own. */
export interface SecurityOptions {
  /** Certificate chain, leaf first, in PEM or DER. An array gives one chain for each key of the array `key`. */
  cert?: Encoded | readonly Encoded[] | undefined;
  /** Private key of the leaf; PKCS#8, PKCS#1 or SEC1 in PEM, or PKCS#8 in DER; or who signs with it. */
  key?: Encoded | ExternalKey | readonly (Encoded | ExternalKey)[] | undefined;
  /**
   * What to show of ourselves, in order of preference: `X509` (default) for certificates, `RawPublicKey` for the public
   * half of `key` alone, which needs no `cert` (RFC 7250).
   */
  certificateTypes?: readonly CertificateTypeName[] | undefined;
  /**
   * What peers may show, in order of preference. Default `X509`. No CA vouches for a `RawPublicKey`: it takes `pins` of
   * the form `spki-sha256:<hex>`, or `verifyPeer`.
   */
  peerCertificateTypes?: readonly CertificateTypeName[] | undefined;
  /**
   * Keys with their chains, each in a file of PKCS#12: its bytes, or their base64. As in node:tls what else it holds of
   * certificates is trusted beside `ca`.
   */
  pfx?: Encoded | readonly (Encoded | PfxObject)[] | undefined;
  /** Of encrypted keys and of `pfx`. */
  passphrase?: string | undefined;
  /** Trusted certificates instead of Node's default store. */
  ca?: Encoded | readonly Encoded[] | undefined;
  /**
   * Revocation lists, PEM or DER. With them every certificate of a peer's path needs a current list of its issuer, the
   * CA's own included, and must not be on it.
   */
  crl?: Encoded | readonly Encoded[] | undefined;
  /** Peers whose certificate (`sha256:<hex>`) or public key (`spki-sha256:<hex>`) matches need no CA and no name. */
  pins?: readonly string[] | undefined;
  /** Suites in order of preference: IANA or OpenSSL names, in an array or separated by colons. */
  ciphers?: string | readonly string[] | undefined;
  /** Key exchange groups in order of preference: `x25519`, `secp256r1` (`P-256`, `prime256v1`), `secp384r1`, … */
  groups?: string | readonly string[] | undefined;
  /**
   * Client, DTLS 1.3: groups, out of `groups`, whose shares the first ClientHello carries. By default the first whose
   * share is small: a hybrid one follows when the server asks for it, as its share alone nearly fills a datagram.
   */
  keyShares?: string | readonly string[] | undefined;
  /** node:tls's name for `groups`; `auto` is the default list. */
  ecdhCurve?: string | undefined;
  /** Signature schemes in order of preference, IANA names. */
  sigalgs?: string | readonly string[] | undefined;
  /** Application protocols in order of preference: names, or the wire's list with a length byte before each (RFC 7301). */
  alpn?: readonly string[] | Uint8Array | undefined;
  /** SRTP profiles in order of preference, OpenSSL's names with colons between (RFC 5764). */
  srtp?: string | undefined;
  /**
   * Largest record to receive, bytes of content, 64 to 16385; in DTLS 1.3 the byte of the content type counts with them
   * (RFC 8449). Peers that know the extension keep to it; GnuTLS refuses less than 512. Default: what the protocol allows.
   */
  recordSizeLimit?: number | undefined;
  /** Client: ask servers that do not know RFC 8449 for records of at most so many bytes, both ways (RFC 6066 §4). */
  maxFragmentLength?: 512 | 1024 | 2048 | 4096 | undefined;
  minVersion?: Version | undefined;
  maxVersion?: Version | undefined;
  /**
   * Pre-shared keys. Client: `{ identity, key, import? }`, several of them, or a function that is told the server's hint; it then
   * takes no server by its certificate, unless `ca`, `pins`, `verifyPeer`, or a suite of DTLS 1.2 with certificates is given. Server:
   * keys (or `{ key, import }`) by identity, or a function that finds them. Functions may return a promise. In DTLS 1.3 all
   * identities of a client have at most 4096 bytes; imported ones count twice, with their contexts.
   */
  psk?: ClientPskOption | ServerPskOption | undefined;
  /**
   * DTLS 1.3: how pre-shared keys may be used. Default: `psk_dhe_ke`, with (EC)DHE. Those of `psk_ke` stand alone: whoever learns
   * the key one day can read all that was said before.
   */
  pskModes?: string | readonly PskModeName[] | undefined;
  /** Server: told to clients of DTLS 1.2, so that they can choose their identity (RFC 4279 §5.2). */
  pskIdentityHint?: string | Uint8Array | undefined;
  /**
   * Server: answer an identity without a key as one with a wrong key, so that clients cannot find out which identities
   * there are (RFC 4279 §2, RFC 8446 appendix E.6). Not beside certificates in DTLS 1.3, which a client without a known
   * identity would be shown. How long `psk` takes to answer is the application's. Default false.
   */
  pskHideUnknown?: boolean | undefined;
  /**
   * Server: who it is, by the host name that a client asks for: a map or a function, which may return a promise, of
   * secure contexts or of options like these. What they leave out comes from the options beside `sni`; versions, suites
   * and groups always do. A name that is not there is refused.
   */
  sni?: SniOption<object> | undefined;
  /** Server: ask the client for a certificate. Default false. */
  requestCert?: boolean | undefined;
  /**
   * Server: what the tickets that clients resume sessions with are sealed under, 80 bytes as in node:dtls. An array for
   * keys that change: the first seals, all open. A function for many nodes is asked whenever keys are needed; nothing:
   * no tickets now. Where it throws, rejects or answers something else there is no ticket either: the session goes on, it is
   * counted in `stats.ticketKeyFailureCount`, and the process gets a `DTLSWarning`, at most one a minute. Default: keys of this context's own, which change by themselves; `false`: no tickets, and no
   * resumption at all unless `sessionCacheSize` is given.
   */
  ticketKeys?: TicketKeysOption | (() => Awaitable<TicketKeysOption | null | undefined>) | false | undefined;
  /**
   * Server, DTLS 1.2: how many sessions this context remembers by their ids, for clients that take no tickets; the oldest
   * is forgotten first. 0 to 250000; default 1000, without tickets 0.
   */
  sessionCacheSize?: number | undefined;
  /**
   * Server, DTLS 1.3: bytes of early data (0-RTT) that a client may send before the handshake, 0 to 65536. Default 0: none.
   * It can be replayed: nothing in it may do harm if it is heard twice. It comes to `onearlydata`.
   */
  maxEarlyData?: number | undefined;
  /**
   * Server: whether a ClientHello with early data is new, by a digest of 32 bytes, and to be remembered for so many ms: both in
   * one step, as a copy may be asked about at the same time, and never both hear true. Needed where `ticketKeys` is given; else
   * this context remembers by itself. May return a promise.
   */
  replayGuard?: ((digest: Uint8Array, expiresInMs: number) => Awaitable<boolean>) | undefined;
  /** Server: seconds after its full handshake in which a session can be resumed, 1 to 604800. Default 7200. */
  sessionTimeout?: number | undefined;
  /** Server: tickets of a server with another one, at most 32 bytes long, are not taken. Default: empty. */
  sessionIdContext?: string | undefined;
  /** Refuse peers whose certificate does not verify. Default true; false leaves the verdict in `authorizationError`. */
  rejectUnauthorized?: boolean | undefined;
  /**
   * Ask the peer for a staple, an OCSP response about its certificate, and refuse it when what comes is not satisfactory.
   * Servers can ask in DTLS 1.3. Default false.
   */
  requestOCSP?: boolean | undefined;
  /** As `requestOCSP`, and refuse peers that show a certificate without a staple. Default false. */
  requireOCSP?: boolean | undefined;
  /**
   * Sent to peers that ask for a staple: OCSP responses about certificates of `cert`, in DER, or a function that is told
   * the certificate, in DER, and gives its newest response, if any. Clients are asked in DTLS 1.3 only.
   */
  ocspResponse?: Uint8Array | readonly Uint8Array[] | OcspResponder | undefined;
  /**
   * The last word on the peer's certificate, instead of our own verdict: that is worked out when `info.authorized` or
   * `info.authorizationError` is read.
   */
  verifyPeer?: VerifyPeer | undefined;
  /**
   * Client: instead of our own comparison of the name; as in node:tls, whose function of this name suits. The
   * certificate is what the platform makes of it. May return a promise, whose rejection is the error of the session.
   */
  checkServerIdentity?: ((name: string, certificate: never) => Awaitable<Error | undefined>) | undefined;
}

/** How an association behaves on its path. */
export interface BehaviourOptions {
  /** Largest datagram to send, bytes of UDP payload, 256 to 65535. Default 1200. */
  mtu?: number | undefined;
  /** The handshake fails after this many ms; 0: never. Default 60000. */
  handshakeTimeout?: number | undefined;
  /**
   * A session ends with `ERR_DTLS_IDLE_TIMEOUT`, after close_notify, when no authentic record of the peer came for this many ms; 0:
   * never. What we send does not count. Default: 1800000 (half an hour) on a server, 0 on a client.
   */
  idleTimeout?: number | undefined;
  /**
   * DTLS 1.3: when the peer says close_notify, keep our direction open until we close it too. Default false: our own
   * close_notify follows at once, as DTLS 1.2 asks in any case.
   */
  allowHalfOpen?: boolean | undefined;
  /**
   * Ask a silent peer whether it is still there, and end the session with `ERR_DTLS_PEER_GONE` when it stays silent. Any
   * authentic record is a sign of life. Default: nobody is asked, and a peer that is gone is not noticed.
   */
  keepAlive?: KeepAliveOption | undefined;
  /** DTLS 1.3: renew the keys we send with after this many records. Default: half of what the AEAD may protect. */
  recordsPerKey?: number | undefined;
  /**
   * Retransmission timer, ms: first value (default 1000) and cap (default 60000), RFC 6347 §4.2.4.1. In DTLS 1.3 it then
   * follows the round trip, down to half of the first value (RFC 9147 §5.8.2).
   */
  retransmission?: { initial?: number | undefined; max?: number | undefined } | undefined;
}

/** Pre-shared keys as callers write them. */

/** At least one byte; the owner keeps the bytes. */
export type PskKey = ArrayBufferView;

/** How a key is imported into DTLS 1.3 (RFC 9258 §5.1); both sides must say the same. */
export interface PskImportOption {
  /** Whom or what the key is for, such as the names of both sides. Default: empty. */
  readonly context?: string | Uint8Array | undefined;
  /** The hash that was agreed on with the key. Default: `sha256`. */
  readonly hash?: 'sha256' | 'sha384' | undefined;
}

/** A key and what is done with it. */
interface PskStoredOption {
  readonly key: PskKey;
  /** In DTLS 1.3 a key made of this one is used, another for each hash: it is never used itself. Default: false. */
  readonly import?: boolean | PskImportOption | undefined;
}

/** Who a client says it is, and the key by which both sides know. */
export interface PskCredentialOption extends PskStoredOption {
  readonly identity: string | Uint8Array;
}

/** DTLS 1.2 has use for one credential only, the first. */
export type PskCredentialsOption = PskCredentialOption | readonly PskCredentialOption[];

/** Called with the server's hint, `undefined` if it gave none. Nothing: there is no key for that server. */
export type PskChooser = (hint: string | undefined) => Awaitable<PskCredentialsOption | null | undefined>;

export type ClientPskOption = PskCredentialsOption | PskChooser;

/**
 * Called with a client's identity, where it is imported with the external one, as text, in which U+FFFD stands for what is not UTF-8, and as bytes. Nothing: that
 * identity is unknown.
 */
export type PskFinder = (
  identity: string,
  bytes: Uint8Array,
) => Awaitable<PskKey | PskStoredOption | null | undefined>;

export type ServerPskOption =
  | Readonly<Record<string, PskKey | PskStoredOption>>
  | ReadonlyMap<string | Uint8Array, PskKey | PskStoredOption>
  | PskFinder;

/** Who a server is for each name, as callers write it. */

/**
 * Called with the host name that a client asks for, in lower case, `undefined` if it asks for none. The client's address is
 * proved: early data is refused beside such a function. Nothing: nobody here has
 * that name. An object that is given again is not read again.
 */
export type SniFunction<Identity> = (
  servername: string | undefined,
) => Awaitable<Identity | null | undefined>;

/** By host name; `*` is for every other name, and for clients that ask for none. */
export type SniOption<Identity> =
  | Readonly<Record<string, Identity>>
  | ReadonlyMap<string, Identity>
  | SniFunction<Identity>;
