import { hasScheme, SIGNATURE_SCHEMES } from '../crypto/signatures.js';
import { lackOf, SUITES } from '../crypto/suites.js';
import { Group, type GroupName, type SchemeName, type Version } from '../wire/codes.js';
import { platform } from './platform.js';

/**
 * What this runtime can negotiate.
 *
 * @example
 * ```ts
 * import { getSupported, type Supported } from 'datagram-tls';
 *
 * const { versions }: Supported = getSupported();
 * console.log(versions.join());
 * ```
 */
export interface Supported {
  /** Latest first. */
  readonly versions: readonly Version[];
  /** IANA's names, for the option `ciphers`. */
  readonly ciphers: readonly string[];
  /** For the options `groups` and `keyShares`. */
  readonly groups: readonly GroupName[];
  /** For the option `sigalgs`. */
  readonly sigalgs: readonly SchemeName[];
}

/**
 * Tries what was not tried before, which takes some milliseconds. More than the defaults may be supported: suites with CBC or
 * CCM are used where `ciphers` names them.
 *
 * @example
 * ```ts
 * import { getSupported } from 'datagram-tls';
 *
 * console.log(getSupported().ciphers.includes('TLS_CHACHA20_POLY1305_SHA256')); // false on Bun
 * ```
 */
export function getSupported(): Supported {
  const { capabilities } = platform.provider;
  const names = Object.keys(Group) as GroupName[];
  return {
    versions: platform.versions.map(({ name }) => name),
    ciphers: SUITES.filter((suite) => lackOf(suite, capabilities) === undefined).map(({ name }) => name),
    groups: names.filter((name) => capabilities.group(name)),
    sigalgs: SIGNATURE_SCHEMES.filter((scheme) => hasScheme(scheme, capabilities)).map(({ name }) => name),
  };
}
