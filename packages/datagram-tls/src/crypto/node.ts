import { timingSafeEqual } from 'node:crypto';
import { NodeAead, recordNumberMask } from './node-aead.js';
import { nodeCapabilities } from './node-capabilities.js';
import { NodeAesCbc } from './node-cbc.js';
import { answerKeyExchange, startKeyExchange } from './node-exchange.js';
import { NodeHash } from './node-hash.js';
import { importPrivateKey, importPublicKey, isKeyOf } from './node-keys.js';
import { hkdfExpand, NodeMac } from './node-mac.js';
import { nodePasswords } from './node-passwords.js';
import { randomBytes } from './node-random.js';
import { sign, verify } from './node-signatures.js';
import type { CryptoProvider } from './provider.js';

/** The provider over node:crypto, and @noble/post-quantum for ML-KEM. It keeps no state that a caller could see. */
export const nodeProvider: CryptoProvider = {
  capabilities: nodeCapabilities,
  randomBytes,
  hash: (name) => new NodeHash(name),
  mac: (name, key) => new NodeMac(name, key),
  hkdfExpand,
  aead: (name, key) => new NodeAead(name, key),
  aesCbc: (key) => new NodeAesCbc(key),
  recordNumberMask,
  startKeyExchange,
  answerKeyExchange,
  importPrivateKey,
  importPublicKey,
  isKeyOf,
  sign,
  verify,
  passwords: nodePasswords,
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
