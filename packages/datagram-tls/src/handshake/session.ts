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
  readonly srtp: SrtpProfileName | undefined;
  readonly records: RecordLimits;
}

/** The result of a finished handshake. It can only be made from a verified Finished. */
export interface Session {
  readonly version: Version;
  readonly suite: CipherSuite;
  /** `undefined` where a pre-shared key was used alone. */
  readonly group: GroupName | undefined;
  /** The scheme of the server's signature; `undefined` where a pre-shared key replaced it. */
  readonly signatureScheme: SchemeName | undefined;
  readonly extendedMasterSecret: boolean;
  readonly peer: PeerIdentity;
  /** It resumes an earlier session, whose handshake authenticated the peer. */
  readonly resumed: boolean;
  readonly finished: FinishedVerified;
  /** DTLS 1.2: the session ID of the ServerHello; may be empty. */
  readonly sessionId: Uint8Array;
  /** The name the client asked for (SNI). */
  readonly serverName: string | undefined;
  readonly agreed: Agreed;
  readonly secrets: Exporter;
}

/** Keying material for the application (RFC 5705, RFC 8446 §7.5). `context` is shorter than 2^16 bytes. */
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
