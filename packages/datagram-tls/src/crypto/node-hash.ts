import { createHash, createHmac, createSecretKey, type Hash, type KeyObject } from 'node:crypto';
import { EMPTY } from '../base/bytes.js';
import { HASH_LENGTH } from './hashes.js';
import { fromLatin1 } from './node-bytes.js';
import type { HashName, MacKey, RunningHash } from './provider.js';

export class NodeHash implements RunningHash {
  readonly #hash: Hash;

  constructor(name: HashName | 'sha1' | Hash) {
    this.#hash = typeof name === 'string' ? createHash(name) : name;
  }

  copy(): NodeHash {
    return new NodeHash(this.#hash.copy());
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Uint8Array {
    return fromLatin1(this.#hash.copy().digest('binary'));
  }
}

export class NodeMac implements MacKey {
  readonly #name: HashName;
  readonly #key: KeyObject;

  constructor(name: HashName, key: Uint8Array) {
    this.#name = name;
    this.#key = createSecretKey(key);
  }

  sign(...parts: Uint8Array[]): Uint8Array {
    const hmac = createHmac(this.#name, this.#key);
    for (const part of parts) hmac.update(part);
    return fromLatin1(hmac.digest('binary'));
  }
}

/** Its counter is one byte (RFC 5869 §2.3). */
const MAX_BLOCKS = 255;

/** RFC 5869 §2.3. The platform's own HKDF always extracts first, which a key schedule must not. */
export function hkdfExpand(name: HashName, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const longest = MAX_BLOCKS * HASH_LENGTH[name];
  if (length > longest)
    throw new RangeError(`HKDF with ${name} gives at most ${longest} bytes, not ${length}`);
  const mac = new NodeMac(name, prk);
  const output = new Uint8Array(length);
  const counter = new Uint8Array(1);
  let block = EMPTY;
  for (let at = 0; at < length; at += block.length) {
    counter[0] = (counter[0] as number) + 1;
    block = mac.sign(block, info, counter);
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}
