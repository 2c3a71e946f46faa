import { layerProvider, type PartialProvider } from './layered-provider.js';
import { hasNativeMask, NativeAead, NativeMask } from './node-native-ciphers.js';
import { nativeDerivedAead } from './node-native-derived.js';
import { answerNativeExchange, hasNativeGroup, startNativeExchange } from './node-native-exchange.js';
import { hasNativeHash, nativeHash, nativeHkdfExpand, nativeMac } from './node-native-hash.js';
import { hasNativeRecords, nativeRecordKey } from './node-native-records.js';
import { withNativeKeys } from './node-native-signatures.js';
import type { CryptoProvider } from './provider.js';

/** `base`, below all that native code does. */
export function nativeProvider(base: CryptoProvider): CryptoProvider {
  return layerProvider(withNativeKeys(base), nativeLayer(base));
}

/** What native code does in place of `base`. A key that it cannot make, for lack of memory, is one of `base`. */
export function nativeLayer(base: CryptoProvider): PartialProvider {
  return {
    hashes: {
      has: hasNativeHash,
      hash: nativeHash,
      mac: nativeMac,
      hkdfExpand: nativeHkdfExpand,
    },
    aeads: {
      has: hasNativeRecords,
      aead: (name, key) => NativeAead.make(name, key) ?? base.aead(name, key),
      recordKey: nativeRecordKey,
    },
    derivedAead: (hash, name) => nativeDerivedAead(base, hash, name),
    recordNumberMasks: {
      has: hasNativeMask,
      recordNumberMask: (name, key) => NativeMask.make(name, key) ?? base.recordNumberMask(name, key),
    },
    keyExchanges: {
      has: hasNativeGroup,
      startKeyExchange: (group) => startNativeExchange(base, group),
      answerKeyExchange: (group, share) => answerNativeExchange(base, group, share),
    },
  };
}
