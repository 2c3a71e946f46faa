import {
  concat,
  EMPTY,
  lengthOf,
  own,
  put,
  putAll,
  sameBytes,
  sliceOf,
  takenFrom,
  toHex,
} from '../base/bytes.js';
import { type Digester, hkdfExpand, NodeHash, NodeMac } from './node-hash.js';
import { requireNative } from './node-native.js';
import { once } from './once.js';
import { type Derivation, HASH_LENGTH, type HashName, type MacKey, type RunningHash } from './provider.js';

/** Hashes that native code has, with HMAC, the PRF of TLS 1.2 and HKDF. */
export const NATIVE_HASHES: readonly HashName[] = ['sha256', 'sha384', 'sha512'];

/** Whether native code has a hash, and passes its test with known answers. SHA-1, a look-up key, is not asked for often. */
export const hasNativeHash = once((name: HashName | 'sha1') => name !== 'sha1' && passes(name));

/** The most bytes that native code derives at once. */
const MAX_DERIVED = 1024;

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
  put(prk, memory, 0);
  put(info, memory, prk.length);
  requireNative().hkdfExpand(HASH_LENGTH[name], memory, prk.length, info.length, length);
  return take(length);
}

const digest: Digester<HashName> = (name, bytes, length) => {
  const size = HASH_LENGTH[name];
  requireNative().digest(size, bytes, length, made);
  return sliceOf(made, 0, size);
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

  derive(steps: readonly Derivation[], inputs: readonly Uint8Array[]): Uint8Array[] | undefined {
    const begin = this.#key.length;
    let end = begin;
    let derived = 0;
    for (const { head, input, length } of steps) {
      end += STEP_HEAD + head.length + (inputs[input] as Uint8Array).length;
      derived += length;
    }
    if (end > memory.length || derived > MAX_DERIVED || steps.length > MAX_STEPS) return undefined;
    put(this.#key, memory, 0);
    let at = begin;
    for (const step of steps) at = putStep(step, inputs[step.input] as Uint8Array, at);
    requireNative().deriveAll(HASH_LENGTH[this.#hash], memory, begin, end - begin);
    return takeEach(steps);
  }

  /** The key and the parts, in memory; the length of the parts, or `undefined` where they are too long. */
  #fill(parts: readonly Uint8Array[]): number | undefined {
    const { length } = this.#key;
    if (length + lengthOf(parts) > memory.length) return undefined;
    put(this.#key, memory, 0);
    return putAll(parts, memory, length) - length;
  }

  #signLong(parts: Uint8Array[]): Uint8Array {
    this.#long ??= new NodeMac(this.#hash, this.#key);
    return this.#long.sign(...parts);
  }
}

/** The output of a derivation, of which no copy stays in memory. */
function take(length: number): Uint8Array {
  return takenFrom(memory, 0, length);
}

/** Of a step before its text: where its key comes from, what it does, and both lengths. */
const STEP_HEAD = 6;
/** The most steps of one call. */
const MAX_STEPS = 31;
const KINDS: Readonly<Record<Derivation['by'], number>> = { expand: 0, hmac: 1 };

/** Returns where it ends. */
function putStep({ from, by, length, head }: Derivation, input: Uint8Array, at: number): number {
  const textLength = head.length + input.length;
  memory[at] = from;
  memory[at + 1] = KINDS[by];
  memory[at + 2] = length >>> 8;
  memory[at + 3] = length;
  memory[at + 4] = textLength >>> 8;
  memory[at + 5] = textLength;
  put(head, memory, at + STEP_HEAD);
  put(input, memory, at + STEP_HEAD + head.length);
  return at + STEP_HEAD + textLength;
}

function takeEach(steps: readonly Derivation[]): Uint8Array[] {
  let at = 0;
  return steps.map(({ length }) => {
    at += length;
    return takenFrom(memory, at - length, length);
  });
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
  return toHex(digest(name, outputs, outputs.length)).startsWith(KNOWN_ANSWERS[name]) && stepsPass(name);
}

/** Each of several steps at once gives what it gives by itself. */
function stepsPass(name: HashName): boolean {
  const length = HASH_LENGTH[name];
  const secret = Uint8Array.from({ length }, (_, i) => i);
  const [head, input] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  const made = nativeMac(name, secret).derive(
    [
      { from: 0, by: 'expand', length: 12, head, input: 0 },
      { from: 0, by: 'hmac', length, head, input: 0 },
      { from: 2, by: 'expand', length, head, input: 1 },
      { from: 3, by: 'hmac', length, head: EMPTY, input: 0 },
    ],
    [input, EMPTY],
  );
  const text = concat(head, input);
  const hmac = nativeMac(name, secret).sign(text);
  const expanded = nativeHkdfExpand(name, hmac, head, length);
  const expected = [
    nativeHkdfExpand(name, secret, text, 12),
    ...[hmac, expanded, nativeMac(name, expanded).sign(input)],
  ];
  return made !== undefined && sameBytes(concat(...made), concat(...expected));
}
