import type { CipherSuite } from '../crypto/suites.js';
import type { GroupName, SchemeName, Version } from '../wire/codes.js';
import type { FinishedVerified, PeerIdentity } from './authenticate.js';

/** What a finished handshake agreed on. It can only be made from a verified Finished. */
export interface Session {
  readonly version: Version;
  readonly suite: CipherSuite;
  readonly group: GroupName;
  /** The scheme of the server's signature. */
  readonly signatureScheme: SchemeName | undefined;
  readonly extendedMasterSecret: boolean;
  readonly peer: PeerIdentity;
  readonly finished: FinishedVerified;
  /** The name the client asked for (SNI). */
  readonly serverName: string | undefined;
  readonly secrets: ExporterSecrets;
}

/** What exporters are computed from. */
export type ExporterSecrets =
  | {
      readonly version: 'DTLSv1.2';
      readonly masterSecret: Uint8Array;
      readonly clientRandom: Uint8Array;
      readonly serverRandom: Uint8Array;
    }
  | { readonly version: 'DTLSv1.3'; readonly exporterSecret: Uint8Array };
