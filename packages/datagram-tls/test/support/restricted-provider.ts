import type {
  AeadName,
  Capabilities,
  CryptoProvider,
  HashName,
  KeyShape,
  KeyType,
  PrivateKey,
} from '#lib/crypto/provider.js';
import { canMake, SIGNATURE_SCHEMES } from '#lib/crypto/signatures.js';
import type { GroupName, SchemeName } from '#lib/wire/codes.js';

/** What a platform does not have. */
export interface Lack {
  readonly hashes?: readonly (HashName | 'sha1')[];
  readonly aeads?: readonly AeadName[];
  /** The record number encryption of these AEADs. */
  readonly masks?: readonly AeadName[];
  readonly cbc?: true;
  readonly groups?: readonly GroupName[];
  /** Keys that it cannot read. */
  readonly keys?: readonly KeyType[];
  /** Schemes that it has with no key. */
  readonly schemes?: readonly SchemeName[];
}

/**
 * `provider` without some of its primitives. A call to a missing one throws, as on a real platform, and is recorded in
 * `reached`: a test sees the call even if the error is caught.
 */
export function restrictedProvider(
  provider: CryptoProvider,
  { hashes = [], aeads = [], masks = [], cbc, groups = [], keys = [], schemes = [] }: Lack,
  reached: string[] = [],
): CryptoProvider {
  const has = provider.capabilities;
  const capabilities: Capabilities = {
    hash: (name) => !hashes.includes(name) && has.hash(name),
    aead: (name) => !aeads.includes(name) && has.aead(name),
    aesCbc: () => cbc === undefined && has.aesCbc(),
    recordNumberMask: (name) => !masks.includes(name) && has.recordNumberMask(name),
    group: (name) => !groups.includes(name) && has.group(name),
    signature: (name, key) =>
      !keys.includes(key) && !schemes.includes(name) && hasHash(name) && has.signature(name, key),
  };
  function hasHash(name: SchemeName): boolean {
    const { hash } = SIGNATURE_SCHEMES.find((scheme) => scheme.name === name) ?? {};
    return hash === undefined || !hashes.includes(hash);
  }
  const need = <T>(there: boolean, what: string, use: () => T): T => {
    if (there) return use();
    reached.push(what);
    throw new Error(`the platform lacks ${what}`);
  };
  const usable = <Key extends KeyShape>(key: Key | undefined): Key | undefined => {
    if (key === undefined) return undefined;
    const able = SIGNATURE_SCHEMES.filter(
      ({ name }) => canMake(name, key) && capabilities.signature(name, key.type),
    );
    if (able.length === 0) return undefined;
    return { ...key, hashes: key.type.startsWith('ed') ? undefined : able.flatMap(({ hash }) => hash ?? []) };
  };
  return {
    ...provider,
    capabilities,
    hash: (name) => need(capabilities.hash(name), name, () => provider.hash(name)),
    mac: (name, key) => need(capabilities.hash(name), name, () => provider.mac(name, key)),
    hkdfExpand: (name, ...rest) =>
      need(capabilities.hash(name), name, () => provider.hkdfExpand(name, ...rest)),
    aead: (name, key) => need(capabilities.aead(name), name, () => provider.aead(name, key)),
    aesCbc: (key) => need(capabilities.aesCbc(), 'aes-cbc', () => provider.aesCbc(key)),
    recordNumberMask: (name, key) =>
      need(capabilities.recordNumberMask(name), name, () => provider.recordNumberMask(name, key)),
    startKeyExchange: (group) =>
      need(capabilities.group(group), group, () => provider.startKeyExchange(group)),
    answerKeyExchange: (group, share) =>
      need(capabilities.group(group), group, () => provider.answerKeyExchange(group, share)),
    importPublicKey: (spki) => usable(provider.importPublicKey(spki)),
    importPrivateKey: (...args) => {
      const key = usable<PrivateKey>(provider.importPrivateKey(...args));
      if (key === undefined)
        throw Object.assign(new Error('lacks such keys'), { code: 'ERR_DTLS_UNSUPPORTED_KEY' });
      return key;
    },
    sign: (name, key, data) =>
      need(capabilities.signature(name, key.type), name, () => provider.sign(name, key, data)),
    verify: (name, key, ...rest) =>
      need(capabilities.signature(name, key.type), name, () => provider.verify(name, key, ...rest)),
  };
}
