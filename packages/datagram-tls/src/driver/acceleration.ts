import type { Security } from '../connection/version.js';
import { rebase } from '../crypto/layered-provider.js';
import { nativeFailure } from '../crypto/node-native.js';
import { NATIVE_AEADS } from '../crypto/node-native-ciphers.js';
import { hasNativeGroup, NATIVE_GROUPS } from '../crypto/node-native-exchange.js';
import { hasNativeHash, NATIVE_HASHES } from '../crypto/node-native-hash.js';
import { nativeProvider } from '../crypto/node-native-layer.js';
import { hasNativeRecords } from '../crypto/node-native-records.js';
import { hasNativeScheme, NATIVE_SCHEMES } from '../crypto/node-native-signatures.js';
import type { AeadName, CryptoProvider, HashName } from '../crypto/provider.js';
import type { GroupName, SchemeName } from '../wire/codes.js';
import { type DatagramCapability, datagramCapabilities } from './native-datagrams.js';
import { platform } from './platform.js';

/**
 * What native code does for an endpoint: that of the optional package `datagram-tls-native`, over the OpenSSL of the
 * runtime. Without it everything works the same, at a higher cost.
 *
 * @example
 * ```ts
 * import { type Acceleration, DTLSEndpoint } from 'datagram-tls';
 *
 * const { ciphers, reason }: Acceleration = new DTLSEndpoint().acceleration;
 * console.log(reason ?? ciphers.join());
 * ```
 */
export interface Acceleration {
  /** The AEADs that it runs, where the option `cryptoProvider` has none; node:crypto runs all others. */
  readonly ciphers: readonly AeadName[];
  /** The hashes, with HMAC and key derivation, that it computes. */
  readonly hashes: readonly HashName[];
  /** The groups in which it exchanges keys. */
  readonly groups: readonly GroupName[];
  /** The schemes whose signatures it verifies. It makes those of ECDSA, too; node:crypto makes all others. */
  readonly sigalgs: readonly SchemeName[];
  /**
   * How it receives and sends many datagrams at once, on Linux, at sockets that the library opens: with `recvmmsg`, with
   * `sendmmsg`, and equal ones in a row with `UDP_SEGMENT`. Where one is missing node:dgram does the same, one by one. With
   * `SO_ATTACH_FILTER` the system drops ClientHellos, chosen at random, while more come than there is time for.
   */
  readonly datagrams: readonly DatagramCapability[];
  /** Why native code computes nothing here; `undefined`: it is in use. */
  readonly reason: string | undefined;
}

/** The value `off` rules native code out for a whole process, as the option does for an endpoint. */
const VARIABLE = 'DATAGRAM_TLS_ACCELERATION';

/** Whether an endpoint may use native code. */
export class Accelerator {
  readonly #refusal: string | undefined;

  constructor(acceleration: 'auto' | 'off') {
    if (acceleration === 'off') this.#refusal = "the option acceleration is 'off'";
    else if (process.env[VARIABLE] === 'off') this.#refusal = `${VARIABLE} is 'off'`;
  }

  /** Sockets may use native code, where there is some. */
  get mayBatch(): boolean {
    return this.#refusal === undefined;
  }

  /** The same settings, over native code where there is some. */
  over(security: Security): Security {
    if (this.#refusal !== undefined) return security;
    const known = overNative.get(security);
    if (known !== undefined) return known;
    const over = { ...security, provider: accelerated(security.provider) };
    overNative.set(security, over);
    return over;
  }

  /** Loads the native package, if that was not done before. */
  describe(): Acceleration {
    const reason = this.#refusal ?? nativeFailure();
    const able = <Name>(names: readonly Name[], has: (name: Name) => boolean) =>
      Object.freeze(reason === undefined ? names.filter((name) => has(name)) : []);
    const ciphers = able(NATIVE_AEADS, hasNativeRecords);
    const hashes = able(NATIVE_HASHES, hasNativeHash);
    const groups = able<GroupName>(NATIVE_GROUPS, hasNativeGroup);
    const sigalgs = able(NATIVE_SCHEMES, hasNativeScheme);
    const isIdle = [ciphers, hashes, groups, sigalgs].every(({ length }) => length === 0);
    const failed = isIdle ? 'nothing of datagram-tls-native passes its tests' : undefined;
    const datagrams = Object.freeze(this.mayBatch ? datagramCapabilities() : []);
    return Object.freeze({ ciphers, hashes, groups, sigalgs, datagrams, reason: reason ?? failed });
  }
}

const native = nativeProvider(platform.provider);
const made = new WeakMap<CryptoProvider, CryptoProvider>();
/** One for each, as imported sessions share their settings. */
const overNative = new WeakMap<Security, Security>();

/** Below what the application lays over the platform. One for each provider, as it keeps answers about capabilities. */
function accelerated(given: CryptoProvider): CryptoProvider {
  const known = made.get(given);
  if (known !== undefined) return known;
  const provider = rebase(given, platform.provider, native);
  made.set(given, provider);
  return provider;
}
