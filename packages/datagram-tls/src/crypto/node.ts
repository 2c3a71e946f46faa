import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { takenFrom } from '../base/bytes.js';
import { offHeap } from './node-bytes.js';
import { nodeCapabilities } from './node-capabilities.js';
import { NodeAead, NodeAesCbc, recordNumberMask } from './node-ciphers.js';
import { answerKeyExchange, startKeyExchange } from './node-exchange.js';
import { hkdfExpand, NodeHash, NodeMac } from './node-hash.js';
import { importPrivateKey, importPublicKey, isKeyOf } from './node-keys.js';
import { nodePasswords } from './node-passwords.js';
import { sign, signInThread, verify } from './node-signatures.js';
import type { CryptoProvider } from './provider.js';

/**
 * The provider over node:crypto, and @noble/post-quantum for ML-KEM. It has no state that a caller could see.
 *
 * @example
 * ```ts
 * import { nodeProvider } from 'datagram-tls/core';
 *
 * console.log(nodeProvider.hash('sha256').digest().length);
 * ```
 */
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
  signInThread,
  verify,
  passwords: nodePasswords,
  equal,
};

/** Zeros but for what is compared. */
const compared = [offHeap(64), offHeap(64)] as const;

function equal(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a;
  const [left, right] = compared;
  if (length !== b.length || length > left.length) return length === b.length && timingSafeEqual(a, b);
  for (let i = 0; i < length; i++) {
    left[i] = a[i] as number;
    right[i] = b[i] as number;
  }
  const same = timingSafeEqual(left, right);
  left.fill(0);
  right.fill(0);
  return same;
}

const POOL_LENGTH = 4096;
/** Longer requests are rare and gain nothing from the pool. */
const LARGEST_FROM_POOL = 256;

const pool = new Uint8Array(POOL_LENGTH);
let used = POOL_LENGTH;

/** One call of the system's generator costs as much for 4096 bytes as for 32, so small requests share one. */
function randomBytes(length: number): Uint8Array {
  if (length > LARGEST_FROM_POOL) return randomFillSync(new Uint8Array(length));
  if (used + length > POOL_LENGTH) {
    randomFillSync(pool);
    used = 0;
  }
  // Returned bytes may become a secret: the pool keeps no second copy.
  const bytes = takenFrom(pool, used, length);
  used += length;
  return bytes;
}
