import type { Awaitable } from '../base/awaitable.js';
import { invalidArgType } from '../base/errors.js';
import { memberOf } from '../base/own-properties.js';
import { CertificateType, type CertificateTypeName, type Version } from '../wire/codes.js';
import { checkFunction, checkObject, checkReadable, checkText, checkView } from './checks.js';
import type { OcspResponder, Role, Sign, VerifyPeer } from './config.js';
import { partialProvider } from './crypto-provider.js';
import {
  boolean,
  callback,
  integer,
  kindOf,
  listOf,
  type NameList,
  nameList,
  nested,
  type OneOrMore,
  oneOf,
  oneOrMore,
  text,
  textOrBytes,
} from './kinds.js';
import { type Kind, type OptionsOf, option, required } from './option-table.js';
import { type ClientPskOption, psk, type ServerPskOption } from './psk-options.js';

/**
 * PEM text, or PEM or DER bytes.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import type { Encoded } from 'datagram-tls';
 *
 * const pem: Encoded = readFileSync('cert.pem', 'utf8');
 * const bytes: Encoded = readFileSync('cert.pem');
 * ```
 */
export type Encoded = string | Uint8Array;

const encoded: Kind<Encoded> = { ...textOrBytes, values: 'PEM or DER' };

/**
 * A private key outside of this process, such as in a security module or a key service.
 *
 * @example
 * ```ts
 * import type { ExternalKey } from 'datagram-tls/core';
 *
 * const external: ExternalKey = { sign: (scheme, data) => hsm.sign(scheme, data) };
 * ```
 */
export interface ExternalKey<Bytes extends Uint8Array = Uint8Array> {
  /** Signs `data` itself, not a hash of it. */
  sign: Sign<Bytes>;
  /** SubjectPublicKeyInfo in PEM or DER; without it the public key is that of the certificate beside the key. */
  publicKey?: Encoded | undefined;
}

export type PrivateKeyOption<Bytes extends Uint8Array> = Encoded | ExternalKey<Bytes>;

/** An external key may be an object of a class, and have members that are not ours. */
const privateKey: Kind<PrivateKeyOption<never>> = kindOf(
  'PEM, DER or an object that signs',
  (value, name) => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
      checkText(value, name);
      return;
    }
    checkFunction(memberOf(value, 'sign'), `${name}.sign`);
    const publicKey = memberOf(value, 'publicKey');
    if (publicKey !== undefined) checkText(publicKey, `${name}.publicKey`);
  },
);

const pfxFile: Kind<Encoded> = { ...textOrBytes, values: 'bytes or base64' };

export const PFX_OPTIONS = {
  /** The file, or its base64. */
  buf: required(pfxFile),
  /** Decrypts this file, instead of the option `passphrase`. */
  passphrase: option(text),
};

/**
 * A file of PKCS#12.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { listen, type PfxObject } from 'datagram-tls';
 *
 * const file: PfxObject = { buf: readFileSync('server.p12'), passphrase: 'secret' };
 * listen(onsession, { port: 9000, pfx: [file] });
 * ```
 */
export type PfxObject = OptionsOf<typeof PFX_OPTIONS>;

const pfxObject: Kind<PfxObject> = nested(PFX_OPTIONS);

type PfxItem = Encoded | PfxObject;
type PfxOption = Encoded | readonly PfxItem[];

const pfx: Kind<PfxOption> = kindOf(
  'bytes or base64, or an array of them or of objects',
  (value, name) => {
    if (!Array.isArray(value)) {
      checkText(value, name);
      return;
    }
    for (const [i, item] of (value as unknown[]).entries()) {
      const isObject = typeof item === 'object' && !(item instanceof Uint8Array);
      if (isObject) pfxObject.check(item, `${name}[${i}]`);
      else checkText(item, `${name}[${i}]`);
    }
  },
  PFX_OPTIONS,
);

/**
 * 80 bytes: a name of 16, two secrets of 32.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import type { TicketKeyOption } from 'datagram-tls';
 *
 * const shared: TicketKeyOption = randomBytes(80); // the same for all nodes
 * ```
 */
export type TicketKeyOption = ArrayBufferView;

/**
 * One key, or several: the first makes tickets, all are good to resume with.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import type { TicketKeysOption } from 'datagram-tls';
 *
 * const [current, previous] = [randomBytes(80), randomBytes(80)];
 * const ticketKeys: TicketKeysOption = [current, previous];
 * ```
 */
export type TicketKeysOption = TicketKeyOption | readonly TicketKeyOption[];

/**
 * Gives the keys of tickets each time they are needed. Nothing: no tickets now.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { listen, type TicketKeysFunction } from 'datagram-tls';
 *
 * const keys = [randomBytes(80)];
 * const ticketKeys: TicketKeysFunction = () => keys; // another part of the program renews them
 * listen(onsession, { port: 9000, cert, key, ticketKeys });
 * ```
 */
export type TicketKeysFunction = () => Awaitable<TicketKeysOption | null | undefined>;

type TicketKeysSource = TicketKeysOption | TicketKeysFunction | false;

const ticketKeys: Kind<TicketKeysSource> = kindOf(
  'bytes, or an array, a function, or false',
  (value, name) => {
    if (value === false || typeof value === 'function') return;
    for (const key of Array.isArray(value) ? (value as unknown[]) : [value]) checkView(key, name);
  },
);

/**
 * Called with the host name that a client asks for, in lower case, and with `undefined` if it asks for none. The client's
 * address is validated: early data is refused beside such a function. Nothing: no server here has that name. An object that
 * is given again is not read again.
 *
 * @example
 * ```ts
 * import { listen, type SniFunction, type SniIdentity } from 'datagram-tls';
 *
 * const identityOfA = { cert: certA, key: keyA };
 * const sni: SniFunction<SniIdentity> = (name) => (name === 'a.example' ? identityOfA : undefined);
 * listen(onsession, { port: 9000, cert, key, sni: (name) => sni(name) ?? { cert, key } });
 * ```
 */
export type SniFunction<Identity> = (
  servername: string | undefined,
) => Awaitable<Identity | null | undefined>;

/**
 * By host name; `*` is for every other name, and for clients that ask for none.
 *
 * @example
 * ```ts
 * import { listen, type SniIdentity, type SniOption } from 'datagram-tls';
 *
 * const sni: SniOption<SniIdentity> = { 'a.example': { cert: certA, key: keyA }, '*': { cert, key } };
 * listen(onsession, { port: 9000, sni });
 * ```
 */
export type SniOption<Identity> =
  | Readonly<Record<string, Identity>>
  | ReadonlyMap<string, Identity>
  | SniFunction<Identity>;

const sni: Kind<SniOption<object>> = kindOf('object, map or function', (value, name) => {
  if (typeof value !== 'function') checkObject(value, name);
});

type AlpnOption = readonly string[] | Uint8Array;

const alpn: Kind<AlpnOption> = kindOf('array of names, or bytes', (value, name) => {
  if (!Array.isArray(value) && !(value instanceof Uint8Array))
    throw invalidArgType(name, 'an array of strings or an instance of Buffer or Uint8Array', value);
  if (!Array.isArray(value)) checkReadable(value, name);
});

const pins: Kind<readonly string[]> = kindOf('array of fingerprints', (value, name) => {
  if (!Array.isArray(value)) throw invalidArgType(name, 'an array of strings', value);
});

/** OCSP responses about our certificate, DER, or a function that finds them. */
export type OcspResponseOption<Bytes extends Uint8Array = Uint8Array> =
  | Uint8Array
  | readonly Uint8Array[]
  | OcspResponder<Bytes>;

/** Whether a ClientHello with early data is new, by a digest of 32 bytes. */
export type ReplayGuard<Bytes extends Uint8Array = Uint8Array> = (
  digest: Bytes,
  expiresInMs: number,
) => Awaitable<boolean>;

const ocspResponse: Kind<OcspResponseOption<never>> = kindOf(
  'DER, or an array, or a function',
  (value, name) => {
    const wanted = 'a function or an instance of Buffer or Uint8Array, or an array of them';
    if (typeof value === 'function') return;
    for (const response of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (!(response instanceof Uint8Array)) throw invalidArgType(name, wanted, response);
      checkReadable(response, name);
    }
  },
);

const names: Kind<NameList> = nameList();

type MaxFragmentLength = 512 | 1024 | 2048 | 4096;

/** Oldest first. */
export const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'] as const satisfies readonly Version[];

/**
 * How DTLS 1.3 may use pre-shared keys: with (EC)DHE, or alone.
 *
 * @example
 * ```ts
 * import { connect, type PskModeOption } from 'datagram-tls';
 *
 * const pskModes: PskModeOption[] = ['psk_dhe_ke'];
 * connect('10.0.0.7', 9000, { psk: { identity: 'sensor-1', key: secret }, pskModes });
 * ```
 */
export type PskModeOption = 'psk_ke' | 'psk_dhe_ke';
/**
 * A type of certificate, as options name it (RFC 7250).
 *
 * @example
 * ```ts
 * import type { CertificateTypeOption } from 'datagram-tls';
 *
 * const peerCertificateTypes: CertificateTypeOption[] = ['RawPublicKey', 'X509'];
 * ```
 */
export type CertificateTypeOption = 'X509' | 'RawPublicKey';

const certificateTypes = listOf(
  oneOf<CertificateTypeOption>(Object.keys(CertificateType) as CertificateTypeName[]),
);

/**
 * Certificates, keys, trust and negotiation: what a secure context is made of. `createSecureContext` takes these options,
 * and `connect` and `listen` take them beside their own.
 */
export const SECURITY_OPTIONS = {
  /**
   * Certificate chain, leaf first, in PEM or DER. An array gives one chain for each key of the array `key`. A leaf alone
   * is sent with its intermediate certificates out of `ca`, as OpenSSL does.
   */
  cert: option(oneOrMore(encoded), { absent: [null], perName: ['identities'] }),
  /**
   * Private key of the leaf: PKCS#8, PKCS#1 or SEC1 in PEM, PKCS#8 in DER, or an object that signs with a key that is
   * elsewhere.
   */
  key: option(oneOrMore(privateKey), { absent: [null], perName: ['identities'] }),
  /**
   * Keys with their chains, each in a file of PKCS#12: its bytes, or their base64. As in node:tls the other certificates
   * in the file are trusted beside `ca`.
   */
  pfx: option(pfx, { absent: [null], perName: ['identities'] }),
  /** Decrypts `key` and `pfx`. */
  passphrase: option(text, { absent: [null], perName: ['identities'] }),
  /**
   * What we show of ourselves, in order of preference: `X509` for certificates, `RawPublicKey` for the public half of
   * `key` alone, which needs no `cert` (RFC 7250).
   * @defaultValue X509
   */
  certificateTypes: option(certificateTypes, { perName: ['identities'] }),
  /**
   * What peers may show, in order of preference. No CA vouches for a `RawPublicKey`: it needs `pins` of the form
   * `spki-sha256:<hex>`, or `verifyPeer`.
   * @defaultValue X509
   */
  peerCertificateTypes: option(certificateTypes, { perName: ['peerCertificateTypes'] }),
  /**
   * Trusted certificates.
   * @defaultValue Node's default store
   */
  ca: option(oneOrMore(encoded), { absent: [null], perName: ['trust', 'pins'] }),
  /**
   * Revocation lists, PEM or DER. With them every certificate of a peer's path needs a current list of its issuer, the
   * CA's own included, and must not be on it.
   */
  crl: option(oneOrMore(encoded), { absent: [null], perName: ['crls'] }),
  /**
   * Fingerprints of certificates (`sha256:<hex>`) or public keys (`spki-sha256:<hex>`): a peer that matches one needs
   * neither a CA nor a name.
   */
  // Pins stand above a CA: those of the endpoint would make the CA of a name mean nothing.
  pins: option(pins, { perName: ['trust', 'pins'] }),
  /**
   * Refuse peers whose certificate does not verify; false leaves the verdict in `authorizationError`.
   * @defaultValue true
   */
  rejectUnauthorized: option(boolean, { default: true, perName: ['rejectUnauthorized'] }),
  /**
   * Ask clients for a certificate.
   * @defaultValue false
   */
  requestCert: option(boolean, { default: false, only: 'server', perName: ['requestCert'] }),
  /**
   * Decides about the peer's certificate in place of the built-in verification, whose verdict is made only when
   * `info.authorized` or `info.authorizationError` is read.
   */
  verifyPeer: option(callback<VerifyPeer<never>>(), { perName: ['verifyPeer'] }),
  /**
   * Compares the name in place of the built-in check: an error refuses the certificate. The function of this name in
   * node:tls can be given. May return a promise, whose rejection is the error of the session.
   */
  checkServerIdentity: option(
    callback<(name: string, certificate: never) => Awaitable<Error | undefined>>(),
    { only: 'client' },
  ),
  /**
   * Ask the peer for a staple, an OCSP response about its certificate, and refuse the peer when the response is not
   * satisfactory. Servers can ask in DTLS 1.3.
   * @defaultValue false
   */
  requestOCSP: option(boolean, { default: false, perName: ['requestStaple', 'requireStaple'] }),
  /**
   * As `requestOCSP`, and refuse peers that show a certificate without a staple.
   * @defaultValue false
   */
  requireOCSP: option(boolean, { default: false, perName: ['requestStaple', 'requireStaple'] }),
  /**
   * Staples for peers that ask: OCSP responses about certificates of `cert`, in DER, or a function that is given the
   * certificate, in DER, and returns its newest response, if any. Clients are asked in DTLS 1.3 only.
   */
  ocspResponse: option(ocspResponse, { perName: ['findStaple'] }),
  /**
   * Pre-shared keys. Client: `{ identity, key, import? }`, several of them, or a function of the server's hint. The client
   * then takes no server by its certificate, unless `ca`, `pins`, `verifyPeer`, or a suite of DTLS 1.2 with certificates is
   * given. Server: keys (or `{ key, import? }`) by identity, or a function that finds them. Functions may return a promise.
   * In DTLS 1.3 all identities of a client have at most 4096 bytes; imported ones count twice, with their contexts.
   */
  psk: option(psk, { perName: ['psk'] }),
  /**
   * DTLS 1.3: how pre-shared keys may be used. `psk_dhe_ke` adds (EC)DHE. Keys in `psk_ke` stand alone: an attacker that
   * learns the key later can decrypt recorded sessions.
   * @defaultValue psk_dhe_ke
   */
  pskModes: option(nameList<PskModeOption>()),
  /** Sent to clients of DTLS 1.2, so that they can choose their identity (RFC 4279 §5.2). */
  pskIdentityHint: option(textOrBytes, { only: 'server', perName: ['psk'] }),
  /**
   * Answer an identity without a key as one with a wrong key, so that clients cannot find out which identities exist
   * (RFC 4279 §2, RFC 8446 appendix E.6). Not allowed beside certificates in DTLS 1.3: a client without a known
   * identity would be shown one. How long `psk` takes to answer is up to the application.
   * @defaultValue false
   */
  pskHideUnknown: option(boolean, { default: false, only: 'server', perName: ['psk'] }),
  /**
   * Secure contexts, or options like these, by the host name that a client asks for: a map, or a function, which may
   * return a promise. What they leave out comes from the options beside `sni`. Options that are not for one name are set
   * beside `sni`. A client that asks for a name that is not there is refused.
   */
  sni: option(sni, { only: 'server' }),
  /**
   * Oldest version.
   * @defaultValue DTLSv1.2
   */
  minVersion: option(oneOf<Version>(VERSIONS), { default: 'DTLSv1.2' }),
  /**
   * Newest version.
   * @defaultValue DTLSv1.3
   */
  maxVersion: option(oneOf<Version>(VERSIONS), { default: 'DTLSv1.3' }),
  /**
   * Suites in order of preference: IANA or OpenSSL names, in an array or separated by colons, or OpenSSL's words: `DEFAULT`,
   * `ALL`, `HIGH`, `ECDHE+AESGCM`, `PSK`, `kECDHEPSK`, `AES256`, `CHACHA20`, …, with `!`, `-` or `+` before them, `@STRENGTH` and
   * `@SECLEVEL=0` to `5`. CBC has to be named. Keywords for key exchange apply to suites of DTLS 1.2.
   * @defaultValue all suites but CCM and CBC that the runtime has
   */
  ciphers: option(names),
  /**
   * Key exchange groups in order of preference: `x25519`, `secp256r1` (`P-256`, `prime256v1`), `secp384r1`, …; `auto` is the
   * default list.
   * @defaultValue X25519MLKEM768, x25519, secp256r1, secp384r1, as far as the runtime has them
   */
  groups: option(names),
  /** node:tls's name for `groups`. */
  ecdhCurve: option(names, { aliasOf: 'groups', absent: [null, ''] }),
  /**
   * DTLS 1.3: groups, out of `groups`, whose shares the first ClientHello carries. A hybrid share nearly fills a datagram: it
   * follows when the server asks for it.
   * @defaultValue the first group whose share is small; none if pskModes is psk_ke alone
   */
  keyShares: option(names, { only: 'client' }),
  /**
   * Signature schemes in order of preference, IANA names.
   * @defaultValue ECDSA, EdDSA, RSA-PSS and RSA-PKCS1 with SHA-256 and up, as far as the runtime has them
   */
  sigalgs: option(names, { perName: ['sigalgs'] }),
  /** Application protocols in order of preference: names, or the wire's list with a length byte before each (RFC 7301). */
  alpn: option(alpn, { perName: ['alpn'] }),
  /** SRTP profiles in order of preference, OpenSSL's names with colons between them (RFC 5764). */
  srtp: option(text, { perName: ['srtp'] }),
  /**
   * Largest record to receive, of content; in DTLS 1.3 the byte of the content type counts with it (RFC 8449). Peers that
   * know the extension keep to it; GnuTLS refuses less than 512.
   * @defaultValue 16385
   */
  recordSizeLimit: option(integer(64, 16_385), { default: 16_385, unit: 'bytes' }),
  /** Ask servers that do not know RFC 8449 for records of at most this size, both ways (RFC 6066 §4). */
  maxFragmentLength: option(oneOf<MaxFragmentLength>([512, 1024, 2048, 4096]), {
    only: 'client',
    unit: 'bytes',
  }),
  /**
   * Keys that seal the tickets by which clients resume sessions, 80 bytes as in node:dtls. An array is for keys that
   * change: the first seals, all open. A function, for many nodes, is asked each time keys are needed. Where it throws,
   * rejects or returns something else there is no ticket: the session goes on, the failure is counted in
   * `stats.ticketKeyFailureCount`, and the process gets a `DTLSWarning`, at most one a minute. `false`: no tickets, and no
   * resumption at all unless `sessionCacheSize` is given.
   * @defaultValue keys of this context's own, which change by themselves
   */
  ticketKeys: option(ticketKeys, { only: 'server' }),
  /**
   * DTLS 1.2: sessions that this context remembers by their ids, for clients that take no tickets; the oldest is forgotten
   * first. A session takes a few hundred bytes, and at most 4 KB. Without tickets the default is 0.
   * @defaultValue 1000
   */
  sessionCacheSize: option(integer(0, 250_000), { default: 1000, only: 'server', unit: 'sessions' }),
  /**
   * How long after its full handshake a session can be resumed. RFC 8446 §4.6.1 allows no more.
   * @defaultValue 7200
   */
  sessionTimeout: option(integer(1, 604_800), { default: 7200, only: 'server', unit: 's' }),
  /**
   * At most 32 bytes. Tickets of a server with another context are not taken.
   * @defaultValue a digest of `process.argv`, as in node:dtls
   */
  sessionIdContext: option(text, { only: 'server' }),
  /**
   * DTLS 1.3: early data (0-RTT) that a client may send before the handshake. 0: none. It can be replayed: it must do
   * no harm when it arrives twice. `onearlydata` gets it.
   * @defaultValue 0
   */
  maxEarlyData: option(integer(0, 65_536), { default: 0, only: 'server', unit: 'bytes' }),
  /**
   * Tells whether a ClientHello with early data is new, by a digest of 32 bytes that it then remembers for the given ms. Both
   * are one step: of two calls for one digest at the same time only one may return true. Needed beside `ticketKeys`;
   * otherwise this context remembers by itself. May return a promise.
   */
  replayGuard: option(callback<ReplayGuard<never>>(), { only: 'server' }),
  /**
   * Cryptography that takes the place of the runtime's where it has a primitive, such as `createSodium()` of
   * `datagram-tls/libsodium` or a layer for `datagram-tls/core`. It is trusted as the runtime's is: its functions must not
   * throw, and its memory is its own.
   * @defaultValue the runtime's cryptography alone
   */
  cryptoProvider: option(partialProvider),
};

/** What `createSecureContext` takes beside {@link SECURITY_OPTIONS}, and a context of `sni`, too. */
export const CONTEXT_OPTIONS = {
  /**
   * The context is for `listen` rather than `connect`. Contexts of `sni` are for servers in any case.
   * @defaultValue false
   */
  isServer: option(boolean, { default: false }),
};

/** The options whose functions get bytes, as `Bytes`: their rows leave the class open. */
interface WithBytes<Bytes extends Uint8Array> {
  key: OneOrMore<PrivateKeyOption<Bytes>>;
  ocspResponse: OcspResponseOption<Bytes>;
  psk: ClientPskOption | ServerPskOption<Bytes>;
  replayGuard: ReplayGuard<Bytes>;
  verifyPeer: VerifyPeer<Bytes>;
}

/** The options of {@link SECURITY_OPTIONS} that role `R` may give, or without `R` either. */
export type SecurityOptionsFor<Bytes extends Uint8Array, R extends Role = never> = OptionsOf<
  typeof SECURITY_OPTIONS,
  R,
  WithBytes<Bytes>
>;

/**
 * Certificates, keys, trust and negotiation.
 *
 * @example
 * ```ts
 * import type { SecurityOptions } from 'datagram-tls/core';
 *
 * const strict = { minVersion: 'DTLSv1.3', groups: ['x25519'], ca } satisfies SecurityOptions;
 * ```
 */
export type SecurityOptions = SecurityOptionsFor<Uint8Array>;
