import { concat, EMPTY, own, sameBytes, toHex } from '../base/bytes.js';
import { type Digester, hkdfExpand, NodeHash, NodeMac } from './node-hash.js';
import { requireNative } from './node-native.js';
import { once } from './once.js';
import { HASH_LENGTH, type HashName, type MacKey, type RunningHash } from './provider.js';

/** Hashes that native code has, with HMAC, the PRF of TLS 1.2 and HKDF. */
export const NATIVE_HASHES: readonly HashName[] = ['sha256', 'sha384', 'sha512'];

/** Whether native code has a hash, and passes its test with known answers. SHA-1, a look-up key, is not asked for often. */
export const hasNativeHash = once((name: HashName | 'sha1') => name !== 'sha1' && passes(name));

/** The most bytes that native code derives at once. */
const MAX_DERIVED = 1024;

/** Of an `HkdfLabel`, which has one byte for its length. */
const MAX_CONTEXT = 0xff;

/** Inputs and outputs: a call is over before the next one begins. Native code wipes the input. */
const memory = new Uint8Array(0x1000);
/** A digest until it is copied. */
const made = new Uint8Array(64);

export function nativeHash(name: HashName | 'sha1'): RunningHash {
  return name === 'sha1' ? new NodeHash(name) : new NodeHash(name, digest);
}

export function nativeMac(name: HashName, key: Uint8Array): NativeMac {
  return new NativeMac(name, key);
}

/** RFC 5869 §2.3. */
export function nativeHkdfExpand(
  name: HashName,
  prk: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const end = prk.length + info.length;
  if (end > memory.length || length > MAX_DERIVED) return hkdfExpand(name, prk, info, length);
  memory.set(prk);
  memory.set(info, prk.length);
  requireNative().hkdfExpand(HASH_LENGTH[name], memory, prk.length, info.length, length);
  return take(length);
}

const digest: Digester<HashName> = (name, bytes, length) => {
  const size = HASH_LENGTH[name];
  requireNative().digest(size, bytes, length, made);
  return made.slice(0, size);
};

/** Nothing of a key is kept in native memory: to make and collect that would cost more than it saves. */
class NativeMac implements MacKey {
  readonly #hash: HashName;
  readonly #key: Uint8Array;
  #long: NodeMac | undefined;

  constructor(hash: HashName, key: Uint8Array) {
    this.#hash = hash;
    this.#key = own(key);
  }

  sign(...parts: Uint8Array[]): Uint8Array {
    const length = this.#fill(parts);
    if (length === undefined) return this.#signLong(parts);
    const size = HASH_LENGTH[this.#hash];
    requireNative().hmac(size, memory, this.#key.length, length);
    return take(size);
  }

  prf(length: number, ...seed: Uint8Array[]): Uint8Array | undefined {
    const filled = length > MAX_DERIVED ? undefined : this.#fill(seed);
    if (filled === undefined) return undefined;
    requireNative().prf(HASH_LENGTH[this.#hash], memory, this.#key.length, filled, length);
    return take(length);
  }

  expandLabels(heads: readonly Uint8Array[], context: Uint8Array): Uint8Array[] | undefined {
    const { length } = context;
    const begin = this.#key.length;
    let end = begin;
    let derived = 0;
    for (const head of heads) {
      end += head.length + 1 + length;
      derived += outputOf(head);
    }
    if (end > memory.length || derived > MAX_DERIVED || length > MAX_CONTEXT) return undefined;
    memory.set(this.#key);
    let at = begin;
    for (const head of heads) {
      memory.set(head, at);
      at += head.length;
      memory[at++] = length;
      memory.set(context, at);
      at += length;
    }
    requireNative().expandLabels(HASH_LENGTH[this.#hash], memory, begin, end - begin);
    return takeEach(heads);
  }

  /** The key and the parts, in memory; the length of the parts, or `undefined` where they are too long. */
  #fill(parts: readonly Uint8Array[]): number | undefined {
    let end = this.#key.length;
    for (const part of parts) end += part.length;
    if (end > memory.length) return undefined;
    memory.set(this.#key);
    let at = this.#key.length;
    for (const part of parts) {
      memory.set(part, at);
      at += part.length;
    }
    return end - this.#key.length;
  }

  #signLong(parts: Uint8Array[]): Uint8Array {
    this.#long ??= new NodeMac(this.#hash, this.#key);
    return this.#long.sign(...parts);
  }
}

/** The output of a derivation, of which no copy stays in memory. */
function take(length: number): Uint8Array {
  const taken = memory.slice(0, length);
  memory.fill(0, 0, length);
  return taken;
}

/** An `HkdfLabel` begins with the length of its output. */
function outputOf(head: Uint8Array): number {
  return ((head[0] as number) << 8) | (head[1] as number);
}

function takeEach(heads: readonly Uint8Array[]): Uint8Array[] {
  let at = 0;
  const taken = heads.map((head) => {
    const begin = at;
    at += outputOf(head);
    return memory.slice(begin, at);
  });
  memory.fill(0, 0, at);
  return taken;
}

/**
 * The start of the digest of four outputs, one behind the other: a digest, an HMAC under a key of more than a block, 100
 * bytes of the PRF, and 100 of HKDF. All inputs count from 0; made by OpenSSL 3.0.
 */
const KNOWN_ANSWERS: Readonly<Record<HashName, string>> = {
  sha256: '0846038117f36195d9e923b4eeaf62182dccd18ea387d7a3',
  sha384: 'f3de8da70d236c009d15f84ca3652d787600a717e0f844ff',
  sha512: '827550b49546ea6577a9ea3d0a91b43d808d62463dbf2f05',
};

function passes(name: HashName): boolean {
  const size = HASH_LENGTH[name];
  if (!requireNative().hasHash(size)) return false;
  const counting = Uint8Array.from({ length: 200 }, (_, i) => i);
  const mac = nativeMac(name, counting);
  const outputs = concat(
    digest(name, counting, counting.length),
    mac.sign(counting, EMPTY, counting),
    mac.prf(100, counting) ?? EMPTY,
    nativeHkdfExpand(name, counting.subarray(0, size), counting, 100),
  );
  return toHex(digest(name, outputs, outputs.length)).startsWith(KNOWN_ANSWERS[name]) && labelsPass(name);
}

/** Two labels with a context at once are what HKDF makes of each. */
function labelsPass(name: HashName): boolean {
  const secret = Uint8Array.from({ length: HASH_LENGTH[name] }, (_, i) => i);
  const heads = [Uint8Array.of(0, 16, 3, 1, 2, 3), Uint8Array.of(0, 12, 1, 7)];
  const context = Uint8Array.of(4, 5);
  const made = nativeMac(name, secret).expandLabels(heads, context) ?? [];
  const each = heads.map((head) =>
    nativeHkdfExpand(name, secret, concat(head, Uint8Array.of(2), context), head[1] ?? 0),
  );
  return made.length === 2 && sameBytes(concat(...made), concat(...each));
}
