import type { AeadKey, CryptoProvider, KeyExchange, MacKey, RunningHash } from '#lib/crypto/provider.js';

/** What a side of a handshake asks of its provider. */
export const COUNTED = [
  'key pairs',
  'agreements',
  'signatures',
  'verifications',
  'public keys',
  'hashes',
  'digests',
  'HMAC keys',
  'HMACs',
  'AEAD keys',
  'sealed',
  'opened',
  'mask keys',
  'masks',
  'random',
] as const;

export type Counts = Record<(typeof COUNTED)[number], number>;

export function noCounts(): Counts {
  return Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts;
}

/** `provider`, each of whose operations is counted in `counts`. */
export function countingProvider(provider: CryptoProvider, counts: Counts): CryptoProvider {
  const hash = (running: RunningHash): RunningHash => ({
    update: (data) => {
      running.update(data);
    },
    digest: () => {
      counts.digests++;
      return running.digest();
    },
    copy: () => {
      counts.hashes++;
      return hash(running.copy());
    },
  });
  const exchange = (made: KeyExchange): KeyExchange => ({
    group: made.group,
    share: made.share,
    finish: (share) => {
      counts.agreements++;
      return made.finish(share);
    },
  });
  return {
    ...provider,
    randomBytes: (length) => {
      counts.random++;
      return provider.randomBytes(length);
    },
    hash: (name) => {
      counts.hashes++;
      return hash(provider.hash(name));
    },
    mac: (name, key) => {
      counts['HMAC keys']++;
      return countingMac(provider.mac(name, key), counts);
    },
    aead: (name, key) => {
      counts['AEAD keys']++;
      return countingAead(provider.aead(name, key), counts);
    },
    recordNumberMask: (name, key) => {
      counts['mask keys']++;
      const made = provider.recordNumberMask(name, key);
      return {
        mask: (sample) => {
          counts.masks++;
          return made.mask(sample);
        },
      };
    },
    startKeyExchange: (group) => {
      counts['key pairs']++;
      return exchange(provider.startKeyExchange(group));
    },
    answerKeyExchange: (group, share) => {
      counts['key pairs']++;
      counts.agreements++;
      return provider.answerKeyExchange(group, share);
    },
    importPublicKey: (spki) => {
      counts['public keys']++;
      return provider.importPublicKey(spki);
    },
    sign: (...all) => {
      counts.signatures++;
      return provider.sign(...all);
    },
    verify: (...all) => {
      counts.verifications++;
      return provider.verify(...all);
    },
  };
}

function countingMac(key: MacKey, counts: Counts): MacKey {
  return {
    sign: (...parts) => {
      counts.HMACs++;
      return key.sign(...parts);
    },
  };
}

function countingAead(key: AeadKey, counts: Counts): AeadKey {
  return {
    tagLength: key.tagLength,
    seal: (...record) => {
      counts.sealed++;
      key.seal(...record);
    },
    open: (...record) => {
      counts.opened++;
      return key.open(...record);
    },
  };
}
