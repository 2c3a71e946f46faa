import type { Destination, Security } from '../config/config.js';
import type { KeyExchange } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { GroupName } from '../wire/codes.js';
import type { VersionFacts } from '../wire/version.js';

/** Messages of DTLS 1.3 that hold extensions, by the letters of RFC 8446 §4.2. */
export type Carrier = 'CH' | 'SH' | 'HRR' | 'EE' | 'CR' | 'CT' | 'NST';

/**
 * What is known of an extension: its row in the table of `table.ts`. Its file has the codec besides, and what both versions
 * choose and read by it.
 */
export interface Extension {
  /** ExtensionType code. */
  readonly type: number;
  /**
   * Where it may stand in DTLS 1.3 (RFC 8446 §4.2, and the RFC of each later one); in any other message it is illegal. What DTLS
   * 1.3 does not have stands in a ClientHello that offers DTLS 1.2, too. A ServerHello of DTLS 1.2 may answer whatever was
   * offered (RFC 5246 §7.4.1.4).
   */
  readonly in: readonly Carrier[];
  /** It may come without having been offered. */
  readonly unasked: readonly Carrier[];
  /** The only version that has it. */
  readonly only: VersionFacts | undefined;
  /** Its body in our first ClientHello; `undefined` where it is left out. */
  readonly offer: (offering: Offering) => Uint8Array | undefined;
}

/** What a client puts into its first ClientHello. */
export interface Offering {
  readonly security: Security;
  readonly destination: Destination;
  /** Latest first. */
  readonly versions: readonly VersionFacts[];
  readonly suites: readonly CipherSuite[];
  readonly groups: readonly GroupName[];
  /** DTLS 1.3: the key pairs whose shares go along. */
  readonly exchanges: readonly KeyExchange[];
  /** DTLS 1.2: the ticket of the session that is to go on; empty for none. */
  readonly ticket12: Uint8Array;
  readonly hasPsks: boolean;
  /** Empty for none on records to us; `undefined`: connection IDs are not offered. */
  readonly connectionId: Uint8Array | undefined;
  /** Return routability checks are offered beside them. */
  readonly checksPaths: boolean;
  readonly hasEarlyData: boolean;
}

/** A row of an extension that never comes unasked, of one version or, by default, of both. */
export function extension(
  type: number,
  places: readonly Carrier[],
  offer: Extension['offer'],
  only?: VersionFacts,
): Extension {
  return { type, in: places, unasked: [], only, offer };
}

/** For an extension that we do not offer. */
export const NEVER: Extension['offer'] = () => undefined;
