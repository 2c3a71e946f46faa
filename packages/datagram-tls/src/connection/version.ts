import type { Security as AnySecurity, Versions } from '../config/config.js';
import type { HandshakeVersion } from '../handshake/version.js';
import type { RecordProtection } from '../record/reader-writer.js';
import type { Version } from '../wire/codes.js';
import type { VersionFacts, VersionRules } from '../wire/version.js';

/** The parts of a version of DTLS: its facts, its handshake, and the protection of its records. */
export interface VersionParts extends HandshakeVersion {
  readonly records: RecordProtection;
}

let make: (parts: VersionParts) => ProtocolVersion;
let open: (version: ProtocolVersion) => VersionParts;

/**
 * A version of DTLS that this library speaks, with all the code for it.
 *
 * @example
 * ```ts
 * import { dtls12, dtls13, type ProtocolVersion } from 'datagram-tls/core';
 *
 * const versions: readonly ProtocolVersion[] = [dtls13, dtls12];
 * console.log(versions.map(({ name }) => name));
 * ```
 */
export class ProtocolVersion implements VersionFacts {
  /** As the options `minVersion` and `maxVersion` write it. */
  readonly name: Version;
  /** On the wire, where DTLS counts down. */
  readonly code: number;
  /** What sets it apart. */
  readonly rules: VersionRules;
  readonly #parts: VersionParts;

  static {
    make = (parts) => new ProtocolVersion(parts);
    open = (version) => version.#parts;
  }

  private constructor(parts: VersionParts) {
    this.name = parts.name;
    this.code = parts.code;
    this.rules = parts.rules;
    this.#parts = parts;
  }
}

/**
 * A security whose versions are supported.
 *
 * @example
 * ```ts
 * import type { Security, Service } from 'datagram-tls/core';
 *
 * function securityOf(service: Service): Security {
 *   return service.security;
 * }
 * ```
 */
export type Security = AnySecurity<ProtocolVersion>;

export function makeVersion(parts: VersionParts): ProtocolVersion {
  return make(parts);
}

/** Each association refers to the parts, which are those of its security. */
const known = new WeakMap<Versions<ProtocolVersion>, Versions<VersionParts>>();

/** The parts of a security's versions. */
export function partsOf(versions: Versions<ProtocolVersion>): Versions<VersionParts> {
  const before = known.get(versions);
  if (before !== undefined) return before;
  const [latest, ...others] = versions;
  const parts: Versions<VersionParts> = [open(latest), ...others.map(open)];
  known.set(versions, parts);
  return parts;
}
