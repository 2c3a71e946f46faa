import { Buffer as NodeBuffer } from 'node:buffer';
import type { DTLSErrorCode } from '../base/error-codes.js';
import { DTLSError as CoreError, type DTLSErrorOptions } from '../base/errors.js';
import type {
  OcspResponder as CoreOcspResponder,
  PeerInfo as CorePeerInfo,
  Sign as CoreSign,
  VerifyPeer as CoreVerifyPeer,
} from '../config/config.js';
import type {
  ExternalKey as CoreExternalKey,
  OcspResponseOption as CoreOcspResponseOption,
  ReplayGuard as CoreReplayGuard,
  SecurityOptions as CoreSecurityOptions,
  SecurityOptionsFor,
} from '../config/options.js';
import type {
  PskFinder as CorePskFinder,
  ServerPskOption as CoreServerPskOption,
} from '../config/psk-options.js';

/**
 * Bytes that the application gets are `Buffer`s over the same memory. The core has `Uint8Array`s only; here are the
 * types of both sides, and the conversion.
 */

type MakeBuffer = new (memory: ArrayBufferLike, offset: number, length: number) => Buffer;

/** The class by which `Buffer.from` makes Buffers once it has looked at its arguments. `undefined` where it is not found. */
const BufferClass = classOfBuffers();

function classOfBuffers(): MakeBuffer | undefined {
  const found = (NodeBuffer as unknown as { readonly [Symbol.species]?: unknown })[Symbol.species];
  // Where it is Buffer itself, which is deprecated as a constructor.
  if (typeof found !== 'function' || found === NodeBuffer) return undefined;
  const made: unknown = new (found as MakeBuffer)(new ArrayBuffer(8), 2, 4);
  const isOne = NodeBuffer.isBuffer(made) && made.byteOffset === 2 && made.byteLength === 4;
  return isOne ? (found as MakeBuffer) : undefined;
}

/** The global `Buffer` is a getter, which costs as much as the rest. */
export function toBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return BufferClass === undefined
    ? NodeBuffer.from(buffer, byteOffset, length)
    : new BufferClass(buffer, byteOffset, length);
}

/** An error of the core, whose bytes are Buffers from now on. */
export function withBuffers(error: CoreError): CoreError {
  const { peerCertificates, peerPublicKey } = error;
  if (peerPublicKey === undefined) return error;
  return Object.defineProperties(error, {
    peerCertificates: { value: peerCertificates.map(toBuffer) },
    peerPublicKey: { value: toBuffer(peerPublicKey) },
  });
}

/** Options as the application gives them, or their rows: the functions in them get Buffers, from `platform.giveBytes`. */
export type GivenSecurityOptions = SecurityOptionsFor<never>;

/** The same for the core, which knows of `Uint8Array`s. */
export function forCore(given: GivenSecurityOptions): CoreSecurityOptions {
  return given as CoreSecurityOptions;
}

/**
 * A failure of the protocol: a handshake that cannot go on, a peer that violated the protocol, a session that timed
 * out. `code` is stable (`ERR_DTLS_…`); the message is for people. As with Node's own errors `name` is `Error`.
 *
 * @example
 * ```ts
 * import { DTLSError } from 'datagram-tls';
 *
 * session.onerror = (error) => {
 *   if (error instanceof DTLSError) console.error(error.code, error.source, error.alert, error.reason);
 * };
 * ```
 */
export interface DTLSError extends CoreError {
  /** `ERR_DTLS_CERTIFICATE`: the chain that the peer sent, DER, leaf first; empty for a raw public key. */
  readonly peerCertificates: readonly Buffer[];
  /** `ERR_DTLS_CERTIFICATE`: the public key that the peer sent, of its certificate or raw, SubjectPublicKeyInfo in DER. */
  readonly peerPublicKey: Buffer | undefined;
}

/**
 * The class of {@link DTLSError}.
 *
 * @example
 * ```ts
 * import { DTLSError, type DTLSErrorConstructor } from 'datagram-tls';
 *
 * const kinds: readonly (DTLSErrorConstructor | ErrorConstructor)[] = [DTLSError, TypeError];
 * ```
 */
export interface DTLSErrorConstructor {
  readonly prototype: DTLSError;
  new (code: DTLSErrorCode, message: string, options?: DTLSErrorOptions): DTLSError;
}

/**
 * The class of the errors, which is that of `datagram-tls/core`, too.
 *
 * @example
 * ```ts
 * import { DTLSError } from 'datagram-tls';
 *
 * const isOurs = (error: unknown) => error instanceof DTLSError;
 * ```
 */
export const DTLSError = CoreError as unknown as DTLSErrorConstructor;

/**
 * Signs `data` itself, not a hash of it; ECDSA signatures are DER (RFC 8446 §4.2.3).
 *
 * @example
 * ```ts
 * import { createPrivateKey, sign as signWith } from 'node:crypto';
 * import { listen, type Sign } from 'datagram-tls';
 *
 * const sign: Sign = async (scheme, data) => signWith('sha256', data, createPrivateKey(key));
 * listen(onsession, { port: 9000, cert, key: { sign }, sigalgs: ['ecdsa_secp256r1_sha256'] });
 * ```
 */
export type Sign = CoreSign<Buffer>;

/**
 * A private key outside of this process, such as in a security module or a key service.
 *
 * @example
 * ```ts
 * import { type ExternalKey, listen } from 'datagram-tls';
 *
 * const external: ExternalKey = { sign: (scheme, data) => hsm.sign(scheme, data) };
 * listen(onsession, { port: 9000, cert, key: external, sigalgs: ['ecdsa_secp256r1_sha256'] });
 * ```
 */
export type ExternalKey = CoreExternalKey<Buffer>;

/**
 * The peer, for the application's decision.
 *
 * @example
 * ```ts
 * import { connect, type PeerInfo } from 'datagram-tls';
 *
 * function accepts(info: PeerInfo): boolean {
 *   return info.authorized || info.authorizationError === 'CERT_HAS_EXPIRED';
 * }
 * connect('example.net', 9000, { ca, verifyPeer: (chain, info) => accepts(info) });
 * ```
 */
export type PeerInfo = CorePeerInfo<Buffer>;

/**
 * The application's decision on a peer. `chain`: DER, as the peer sent it, leaf first. True accepts and false
 * refuses, whatever `info` says. A string refuses and becomes the `authorizationError`; a {@link PeerRefusal} may
 * also name the alert.
 *
 * @example
 * ```ts
 * import { connect, type VerifyPeer } from 'datagram-tls';
 *
 * const verifyPeer: VerifyPeer = async ([certificate], info) => {
 *   if (certificate !== undefined && (await isKnown(certificate))) return true;
 *   return info.authorized || 'NOT_ENROLLED';
 * };
 * connect('example.net', 9000, { ca, verifyPeer });
 * ```
 */
export type VerifyPeer = CoreVerifyPeer<Buffer>;

/**
 * The newest OCSP response about a certificate; both DER.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import type { OcspResponder } from 'datagram-tls';
 *
 * // The option `ocspResponse`: another program keeps the file fresh.
 * const ocspResponse: OcspResponder = async () => await readFile('ocsp.der');
 * ```
 */
export type OcspResponder = CoreOcspResponder<Buffer>;

/**
 * OCSP responses about our certificate, DER, or a function that finds them.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import type { OcspResponseOption } from 'datagram-tls';
 *
 * const ocspResponse: OcspResponseOption = async () => await readFile('ocsp.der');
 * ```
 */
export type OcspResponseOption = CoreOcspResponseOption<Buffer>;

/**
 * Called with a client's identity as text, in which U+FFFD stands for what is not UTF-8, and as bytes. The identity of an
 * imported key is the external one. Nothing: the identity is unknown.
 *
 * @example
 * ```ts
 * import { listen, type PskFinder } from 'datagram-tls';
 *
 * const psk: PskFinder = async (identity) => findKey(identity);
 * listen(onsession, { port: 9000, psk });
 * ```
 */
export type PskFinder = CorePskFinder<Buffer>;

/**
 * What a server gives as `psk`: keys by identity, or a function that finds them.
 *
 * @example
 * ```ts
 * import { listen, type ServerPskOption } from 'datagram-tls';
 *
 * const psk: ServerPskOption = { 'sensor-1': secret };
 * listen(onsession, { port: 9000, psk });
 * ```
 */
export type ServerPskOption = CoreServerPskOption<Buffer>;

/**
 * Tells whether a ClientHello with early data is new, by a digest of 32 bytes that it then remembers for the given ms.
 *
 * @example
 * ```ts
 * import type { ReplayGuard } from 'datagram-tls';
 *
 * const seen = new Set<string>(); // one process: use a database that all nodes share
 * const replayGuard: ReplayGuard = (digest, expiresInMs) => {
 *   const id = digest.toString('hex');
 *   if (seen.has(id)) return false;
 *   seen.add(id);
 *   setTimeout(() => seen.delete(id), expiresInMs).unref();
 *   return true;
 * };
 * ```
 */
export type ReplayGuard = CoreReplayGuard<Buffer>;

/**
 * Certificates, keys, trust and negotiation.
 *
 * @example
 * ```ts
 * import { connect, type SecurityOptions } from 'datagram-tls';
 *
 * const strict = { minVersion: 'DTLSv1.3', groups: ['x25519'], ca } satisfies SecurityOptions;
 * connect('example.net', 9000, strict);
 * ```
 */
export type SecurityOptions = SecurityOptionsFor<Buffer>;
