import { Buffer } from 'node:buffer';
import crypto, { createHash, createHmac, createSecretKey, type Hash, type KeyObject } from 'node:crypto';
import { EMPTY, lengthOf, own, put, putAll, putStart } from '../base/bytes.js';
import { fromLatin1, putLatin1 } from './node-bytes.js';
import { HASH_LENGTH, type HashName, type MacKey, type RunningHash } from './provider.js';

type Digest = (name: string, data: Uint8Array, encoding: 'binary') => string;

/**
 * The digest of one text as Latin-1 (Node 20.12 and later, `undefined` elsewhere). It leaves nothing for the
 * collector and so costs a fifth of a hash object, which is native memory.
 */
export const digestOf = (crypto as { readonly hash?: Digest }).hash;

/**
 * The most bytes that are collected: hashing them again for each digest costs less than a hash object and its copies.
 */
const MAX_GATHERED = 4096;
/** Enough for handshakes without certificates, bytes. */
const FIRST_GATHERED = 512;

/** The digest of the first `length` bytes, in memory of its own. */
export type Digester<Name extends HashName | 'sha1'> = (
  name: Name,
  bytes: Uint8Array,
  length: number,
) => Uint8Array;

/** `undefined` where the platform needs an object for each. */
const nodeDigest: Digester<HashName | 'sha1'> | undefined =
  digestOf && ((name, bytes, length) => fromLatin1(digestOf(name, bytes.subarray(0, length), 'binary')));

/** Collects short input and hashes it whenever a digest is requested; of longer input it keeps only the hash state. */
export class NodeHash<Name extends HashName | 'sha1'> implements RunningHash {
  readonly #name: Name;
  readonly #digest: Digester<Name> | undefined;
  #gathered: Uint8Array = EMPTY;
  #length = 0;
  #running: Hash | undefined;

  /** `digest`: of short input. */
  constructor(name: Name, digest: Digester<Name> | undefined = nodeDigest) {
    this.#name = name;
    this.#digest = digest;
    if (digest === undefined) this.#running = createHash(name);
  }

  copy(): NodeHash<Name> {
    const copy = new NodeHash(this.#name, this.#digest);
    if (this.#running === undefined) copy.update(this.#seen());
    else copy.#running = this.#running.copy();
    return copy;
  }

  update(data: Uint8Array): void {
    const length = this.#length + data.length;
    if (this.#running === undefined && length > MAX_GATHERED) this.#run();
    if (this.#running === undefined) this.#gather(data, length);
    else this.#running.update(data);
  }

  digest(): Uint8Array {
    if (this.#running !== undefined) return fromLatin1(this.#running.copy().digest('binary'));
    const digest = this.#digest as Digester<Name>;
    return digest(this.#name, this.#gathered, this.#length);
  }

  #seen(): Uint8Array {
    return this.#gathered.subarray(0, this.#length);
  }

  #run(): void {
    this.#running = createHash(this.#name).update(this.#seen());
    this.#gathered = EMPTY;
  }

  #gather(data: Uint8Array, length: number): void {
    if (this.#gathered.length < length) {
      let room = FIRST_GATHERED;
      while (room < length) room *= 2;
      const wider = Buffer.allocUnsafe(room);
      wider.set(this.#seen());
      this.#gathered = wider;
    }
    put(data, this.#gathered, this.#length);
    this.#length = length;
  }
}

/** Block size of the hash, to which HMAC pads its key (RFC 2104 §2). */
const BLOCK_LENGTH: Readonly<Record<HashName, number>> = { sha256: 64, sha384: 128, sha512: 128 };

const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Scratch for the current text, behind the padded key: signing is synchronous, so all keys share it. */
const inner = new Uint8Array(2048);
/** The same for the padded key and a digest, by hash. */
const outers: Readonly<Record<HashName, Uint8Array>> = {
  sha256: new Uint8Array(64 + 32),
  sha384: new Uint8Array(128 + 48),
  sha512: new Uint8Array(128 + 64),
};
/** Views of the beginning of {@link inner}, by length: a handshake asks for few lengths, and for each of them often. */
const views: (Uint8Array | undefined)[] = [];
const MAX_VIEWED = 512;

/**
 * HMAC. Short texts, which all those of a handshake are, take two digests (RFC 2104 §2). Long ones use the platform's
 * HMAC object, which costs more to make than to use. Derivations pad the key once.
 */
export class NodeMac implements MacKey {
  readonly #hash: HashName;
  readonly #key: Uint8Array;
  #object: KeyObject | undefined;

  constructor(hash: HashName, key: Uint8Array) {
    this.#hash = hash;
    this.#key = key.length > BLOCK_LENGTH[hash] ? digest(hash, key) : own(key);
  }

  sign(...parts: Uint8Array[]): Uint8Array {
    const block = BLOCK_LENGTH[this.#hash];
    if (digestOf === undefined || block + lengthOf(parts) > inner.length) return this.#signLong(parts);
    this.#begin(block);
    return fromLatin1(this.#signHere(digestOf, putAll(parts, inner, block)));
  }

  prf(length: number, ...seed: Uint8Array[]): Uint8Array | undefined {
    const block = BLOCK_LENGTH[this.#hash];
    const size = HASH_LENGTH[this.#hash];
    if (digestOf === undefined || block + size + lengthOf(seed) > inner.length) return undefined;
    this.#begin(block);
    // A(1) of RFC 5246 §5; each A(i) stands before the seed.
    let a = this.#signHere(digestOf, putAll(seed, inner, block));
    const end = putAll(seed, inner, block + size);
    const output = new Uint8Array(length);
    for (let at = 0; ; at += size) {
      putLatin1(a, inner, block);
      putLatin1(this.#signHere(digestOf, end), output, at);
      if (at + size >= length) return output;
      a = this.#signHere(digestOf, block + size);
    }
  }

  /** Pads the key in both texts. */
  #begin(block: number): void {
    pad(this.#key, INNER_PAD, block, inner);
    pad(this.#key, OUTER_PAD, block, outers[this.#hash]);
  }

  /** HMAC of what is in {@link inner} up to `end`, as Latin-1. */
  #signHere(digestOf: Digest, end: number): string {
    const hash = this.#hash;
    const outer = outers[hash];
    putLatin1(digestOf(hash, viewOf(end), 'binary'), outer, BLOCK_LENGTH[hash]);
    return digestOf(hash, outer, 'binary');
  }

  #signLong(parts: readonly Uint8Array[]): Uint8Array {
    this.#object ??= createSecretKey(this.#key);
    const hmac = createHmac(this.#hash, this.#object);
    for (const part of parts) hmac.update(part);
    return fromLatin1(hmac.digest('binary'));
  }
}

function viewOf(end: number): Uint8Array {
  if (end > MAX_VIEWED) return inner.subarray(0, end);
  const view = views[end] ?? inner.subarray(0, end);
  views[end] = view;
  return view;
}

function digest(name: HashName, data: Uint8Array): Uint8Array {
  const hash = new NodeHash(name);
  hash.update(data);
  return hash.digest();
}

/** The key, padded with zeros to a block, with each byte XORed with `value`. */
function pad(key: Uint8Array, value: number, block: number, out: Uint8Array): void {
  for (let i = 0; i < key.length; i++) out[i] = (key[i] as number) ^ value;
  // A loop is faster than `fill` for so few bytes.
  for (let i = key.length; i < block; i++) out[i] = value;
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
    putStart(block, output, at);
  }
  return output;
}
