import type { CryptoProvider } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { RecordLimits } from '../extensions/record-limits.js';
import type { Exporter } from '../keys/exporter.js';
import type { GroupName, SchemeName, SrtpProfileName, Version } from '../wire/codes.js';
import type { FinishedVerified, PeerIdentity } from './authenticate.js';

/** What both sides agreed on for the time after the handshake, by extensions of both versions. */
export interface Agreed {
  /** The name of the application's protocol, as bytes. */
  readonly alpn: Uint8Array | undefined;
  /** The protection profile of DTLS-SRTP (RFC 5764). */
  readonly srtp: SrtpProfileName | undefined;
  /** How large the content of a record may be. */
  readonly records: RecordLimits;
}

/**
 * The result of a finished handshake. It can only be made from a verified Finished.
 *
 * @example
 * ```ts
 * import type { Session } from 'datagram-tls/core';
 *
 * function describe({ version, suite, resumed }: Session): string {
 *   return `${version} ${suite.name}${resumed ? ', resumed' : ''}`;
 * }
 * ```
 */
export interface Session {
  /** The version that both sides speak. */
  readonly version: Version;
  /** The cipher suite; `suite.name` is IANA's. */
  readonly suite: CipherSuite;
  /** `undefined` where a pre-shared key was used alone. */
  readonly group: GroupName | undefined;
  /** The scheme of the server's signature; `undefined` where a pre-shared key replaced it. */
  readonly signatureScheme: SchemeName | undefined;
  /** Whether the keys depend on the whole handshake (RFC 7627); always in DTLS 1.3. */
  readonly extendedMasterSecret: boolean;
  /** The peer's identity, and our verdict about it. */
  readonly peer: PeerIdentity;
  /** It resumes an earlier session, whose handshake authenticated the peer. */
  readonly resumed: boolean;
  /** Proof of the peer's Finished. */
  readonly finished: FinishedVerified;
  /** DTLS 1.2: the session ID of the ServerHello; may be empty. */
  readonly sessionId: Uint8Array;
  /** The name the client asked for (SNI). */
  readonly serverName: string | undefined;
  /** What extensions agreed on. */
  readonly agreed: Agreed;
  /** Secret: for {@link exportKeyingMaterial}. */
  readonly secrets: Exporter;
}

/**
 * `length` bytes of keying material for the application (RFC 5705, RFC 8446 §7.5), which the caller owns. `context` is
 * shorter than 2^16 bytes. Throws `ERR_CRYPTO_OPERATION_FAILED` for what the version cannot export, such as a label of more
 * than 249 bytes in DTLS 1.3.
 *
 * @example
 * ```ts
 * import { exportKeyingMaterial, nodeProvider, type Session } from 'datagram-tls/core';
 *
 * function srtpKeys(session: Session): Uint8Array {
 *   return exportKeyingMaterial(nodeProvider, session, 'EXTRACTOR-dtls_srtp', undefined, 60);
 * }
 * ```
 */
export function exportKeyingMaterial(
  provider: CryptoProvider,
  session: Session,
  label: string,
  context: Uint8Array | undefined,
  length: number,
): Uint8Array {
  const { secrets, suite } = session;
  return secrets.export(provider, suite.hash, label, context, length);
}
