import { once } from './once.js';
import type { Capabilities, CryptoProvider, PrivateKey, PublicKey } from './provider.js';

/** A group of functions of a provider, and the names that it supports. */
type Primitives<Capability extends keyof Capabilities, Functions extends keyof CryptoProvider> = Pick<
  CryptoProvider,
  Functions
> & {
  /** Called once for each name. An exception means no. */
  has(...names: Parameters<Capabilities[Capability]>): boolean;
};

/**
 * Some primitives, such as those of a WebAssembly or native module. The base provider supplies absent groups, and every name
 * for which `has` returns false.
 *
 * @example
 * ```ts
 * import { nodeProvider, type PartialProvider } from 'datagram-tls/core';
 *
 * const constantTime: PartialProvider = { equal: (a, b) => nodeProvider.equal(a, b) };
 * ```
 */
export interface PartialProvider {
  /** Hashes, HMAC and HKDF. */
  readonly hashes?: Primitives<'hash', 'hash' | 'mac' | 'hkdfExpand'>;
  /** Protection of records. `recordKey` is only called where record number masks, if there are any, are of the same provider. */
  readonly aeads?: Primitives<'aead', 'aead' | 'recordKey'>;
  /** For keys of single texts, where the layer has both the hash and the AEAD. */
  readonly derivedAead?: CryptoProvider['derivedAead'];
  /** For suites with HMAC. */
  readonly aesCbc?: Primitives<'aesCbc', 'aesCbc'>;
  /** Encryption of record numbers in DTLS 1.3. */
  readonly recordNumberMasks?: Primitives<'recordNumberMask', 'recordNumberMask'>;
  /** (EC)DHE and ML-KEM. */
  readonly keyExchanges?: Primitives<'group', 'startKeyExchange' | 'answerKeyExchange'>;
  /** Keys, and what they sign and verify. */
  readonly signatures?: PartialSignatures;
  /** Randomness. */
  readonly randomBytes?: CryptoProvider['randomBytes'];
  /** Comparison in constant time. */
  readonly equal?: CryptoProvider['equal'];
  /** Files of keys that a password protects. */
  readonly passwords?: CryptoProvider['passwords'];
}

/** Only this provider uses the keys that it imports; `has` must return true for every scheme that they can be used with. */
interface PartialSignatures
  extends Primitives<'signature', 'importPublicKey' | 'isKeyOf' | 'sign' | 'signInThread' | 'verify'> {
  /** `undefined` for a key of another type or encoding: the base provider imports it. */
  importPrivateKey(data: string | Uint8Array, passphrase?: string | Uint8Array): PrivateKey | undefined;
}

/**
 * Takes each primitive from `top` where `top` supports its name, else from `base`.
 *
 * @example
 * ```ts
 * import { layerProvider, nodeProvider } from 'datagram-tls/core';
 *
 * const seen: number[] = [];
 * const provider = layerProvider(nodeProvider, {
 *   randomBytes: (length) => {
 *     seen.push(length);
 *     return nodeProvider.randomBytes(length);
 *   },
 * });
 * console.log(provider.randomBytes(32).length, seen);
 * ```
 */
export function layerProvider(base: CryptoProvider, top: PartialProvider): CryptoProvider {
  const { hashes, aeads, aesCbc, recordNumberMasks, keyExchanges, signatures } = top;
  const has = {
    hash: asked(hashes),
    aead: asked(aeads),
    aesCbc: asked(aesCbc),
    recordNumberMask: asked(recordNumberMasks),
    group: asked(keyExchanges),
    signature: asked(signatures),
  } satisfies Capabilities;
  return layered(base, { top, has, imported: new WeakSet() });
}

/** What stays the same over any base. */
interface Layer {
  readonly top: PartialProvider;
  readonly has: Capabilities;
  /** The keys of the layer. */
  readonly imported: WeakSet<PrivateKey | PublicKey>;
}

const layers = new WeakMap<CryptoProvider, { readonly base: CryptoProvider; readonly layer: Layer }>();

/** The layers of `provider` over `to`, where they were over `from`. Keys that they imported are theirs there, too. */
export function rebase(provider: CryptoProvider, from: CryptoProvider, to: CryptoProvider): CryptoProvider {
  if (provider === from) return to;
  const made = layers.get(provider);
  return made === undefined ? provider : layered(rebase(made.base, from, to), made.layer);
}

function layered(base: CryptoProvider, layer: Layer): CryptoProvider {
  const { top, has } = layer;
  const { hashes, aeads, aesCbc, recordNumberMasks, keyExchanges } = top;
  const provider: CryptoProvider = {
    capabilities: either(base.capabilities, has),
    randomBytes: (length) => top.randomBytes?.(length) ?? base.randomBytes(length),
    hash: (name) => over<'hash'>(hashes, has.hash(name), base).hash(name),
    mac: (name, key) => over<'mac'>(hashes, has.hash(name), base).mac(name, key),
    hkdfExpand: (name, ...input) =>
      over<'hkdfExpand'>(hashes, has.hash(name), base).hkdfExpand(name, ...input),
    aead: (name, key) => over<'aead'>(aeads, has.aead(name), base).aead(name, key),
    derivedAead: (hash, name) => {
      const [ofHash, ofAead] = [has.hash(hash), has.aead(name)];
      if (ofHash !== ofAead) return undefined;
      return ofHash ? top.derivedAead?.(hash, name) : base.derivedAead?.(hash, name);
    },
    recordKey: (name, secrets) => {
      const isOwn = has.aead(name);
      if (secrets.sn.length > 0 && has.recordNumberMask(name) !== isOwn) return undefined;
      return over<'recordKey'>(aeads, isOwn, base).recordKey?.(name, secrets);
    },
    aesCbc: (key) => over<'aesCbc'>(aesCbc, has.aesCbc(), base).aesCbc(key),
    recordNumberMask: (name, key) =>
      over<'recordNumberMask'>(recordNumberMasks, has.recordNumberMask(name), base).recordNumberMask(
        name,
        key,
      ),
    startKeyExchange: (group) =>
      over<'startKeyExchange'>(keyExchanges, has.group(group), base).startKeyExchange(group),
    answerKeyExchange: (group, share) =>
      over<'answerKeyExchange'>(keyExchanges, has.group(group), base).answerKeyExchange(group, share),
    ...layerSignatures(base, layer),
    passwords: top.passwords ?? base.passwords,
    equal: (a, b) => top.equal?.(a, b) ?? base.equal(a, b),
  };
  layers.set(provider, { base, layer });
  return provider;
}

function asked<Names extends readonly string[]>(
  group: { has(...names: Names): boolean } | undefined,
): (...names: Names) => boolean {
  return once((...names) => group?.has(...names) ?? false);
}

function over<F extends keyof CryptoProvider>(
  top: Pick<CryptoProvider, F> | undefined,
  isThere: boolean,
  base: Pick<CryptoProvider, F>,
): Pick<CryptoProvider, F> {
  return top !== undefined && isThere ? top : base;
}

/** The base first: a layer may have to be loaded to answer. */
function either(base: Capabilities, top: Capabilities): Capabilities {
  return {
    hash: (name) => base.hash(name) || top.hash(name),
    aead: (name) => base.aead(name) || top.aead(name),
    aesCbc: () => base.aesCbc() || top.aesCbc(),
    recordNumberMask: (name) => base.recordNumberMask(name) || top.recordNumberMask(name),
    group: (name) => base.group(name) || top.group(name),
    signature: (scheme, key) => base.signature(scheme, key) || top.signature(scheme, key),
  };
}

/** A key belongs to the provider that imported it: no other provider can use it. */
function layerSignatures(
  base: CryptoProvider,
  { top: { signatures: top }, imported }: Layer,
): Pick<
  CryptoProvider,
  'importPrivateKey' | 'importPublicKey' | 'isKeyOf' | 'sign' | 'signInThread' | 'verify'
> {
  const keep = <K extends PrivateKey | PublicKey>(key: K | undefined): K | undefined => {
    if (key !== undefined) imported.add(key);
    return key;
  };
  type Owner = Pick<CryptoProvider, 'isKeyOf' | 'sign' | 'signInThread' | 'verify'>;
  const ownerOf = (key: PrivateKey | PublicKey): Owner =>
    top !== undefined && imported.has(key) ? top : base;
  return {
    importPrivateKey: (data, passphrase) =>
      keep(top?.importPrivateKey(data, passphrase)) ?? base.importPrivateKey(data, passphrase),
    importPublicKey: (spki) => keep(top?.importPublicKey(spki)) ?? base.importPublicKey(spki),
    isKeyOf: (spki, key) => ownerOf(key).isKeyOf(spki, key),
    sign: (scheme, key, data) => ownerOf(key).sign(scheme, key, data),
    signInThread: (scheme, key, data) => ownerOf(key).signInThread?.(scheme, key, data),
    verify: (scheme, key, data, signature) => ownerOf(key).verify(scheme, key, data, signature),
  };
}
