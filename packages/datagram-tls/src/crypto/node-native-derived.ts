import { BytePool } from '../base/byte-pool.js';
import { lengthOf, put, putAll, sameBytes } from '../base/bytes.js';
import { ComposedAead } from './derived-aead.js';
import { requireNative } from './node-native.js';
import { hasNativeAead, NativeAead } from './node-native-ciphers.js';
import { hasNativeHash, nativeHkdfExpand } from './node-native-hash.js';
import { once } from './once.js';
import {
  type AeadName,
  type CryptoProvider,
  type DerivedAead,
  HASH_LENGTH,
  type HashName,
} from './provider.js';

/** `undefined`: native code lacks the hash or the AEAD, or fails its test. */
export function nativeDerivedAead(
  base: CryptoProvider,
  hash: HashName,
  name: AeadName,
): DerivedAead | undefined {
  return has(hash, name) ? new NativeDerivedAead(base, hash, name) : undefined;
}

const has = once(
  (hash: HashName, name: AeadName) => hasNativeHash(hash) && hasNativeAead(name) && passes(hash, name),
);

/** A text, with what its key is made of, until it is sealed or opened: a call is over before the next one begins. */
const memory = new Uint8Array(0x1000);

/** One call for each text, for which no key has to be owned by an object. */
class NativeDerivedAead implements DerivedAead {
  readonly tagLength: number;
  readonly #name: AeadName;
  readonly #hashLength: number;
  /** For texts that are too long for {@link memory}. */
  readonly #composed: ComposedAead;

  constructor(base: Pick<CryptoProvider, 'aead'>, hash: HashName, name: AeadName) {
    this.#name = name;
    this.#hashLength = HASH_LENGTH[hash];
    this.#composed = composedOver(base, hash, name);
    this.tagLength = this.#composed.tagLength;
  }

  seal(
    root: Uint8Array,
    info: readonly Uint8Array[],
    aad: readonly Uint8Array[],
    plaintext: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): void {
    const length = plaintext.length + this.tagLength;
    const [infoLength, aadLength] = [lengthOf(info), lengthOf(aad)];
    if (length + root.length + infoLength + aadLength > memory.length)
      return this.#composed.seal(root, info, aad, plaintext, out, offset);
    put(plaintext, memory, 0);
    fill(length, root, info, aad);
    const module = requireNative();
    module.sealDerived(this.#hashLength, this.#name, memory, length, root.length, infoLength, aadLength);
    put(memory.subarray(0, length), out, offset);
  }

  open(
    root: Uint8Array,
    info: readonly Uint8Array[],
    aad: readonly Uint8Array[],
    sealed: Uint8Array,
  ): Uint8Array | undefined {
    const { length } = sealed;
    const [infoLength, aadLength] = [lengthOf(info), lengthOf(aad)];
    if (length < this.tagLength) return undefined;
    if (length + root.length + infoLength + aadLength > memory.length)
      return this.#composed.open(root, info, aad, sealed);
    put(sealed, memory, 0);
    fill(length, root, info, aad);
    const module = requireNative();
    const isAuthentic = module.openDerived(
      ...([this.#hashLength, this.#name, memory, length, root.length, infoLength, aadLength] as const),
    );
    return isAuthentic ? taken(length - this.tagLength) : undefined;
  }
}

function composedOver(base: Pick<CryptoProvider, 'aead'>, hash: HashName, name: AeadName): ComposedAead {
  const aead: CryptoProvider['aead'] = (...given) => NativeAead.make(...given) ?? base.aead(...given);
  return new ComposedAead({ hkdfExpand: nativeHkdfExpand, aead }, hash, name);
}

/** What the key is made of, behind the text and its tag. */
function fill(at: number, root: Uint8Array, info: readonly Uint8Array[], aad: readonly Uint8Array[]): void {
  put(root, memory, at);
  putAll(aad, memory, putAll(info, memory, at + root.length));
}

/** Opened texts. */
const texts = new BytePool();

/** The text in memory, of which no copy stays there. */
function taken(length: number): Uint8Array {
  const text = texts.room(length);
  put(memory.subarray(0, length), text, 0);
  texts.keep();
  memory.fill(0, 0, length);
  return text;
}

/** What is sealed at once is what is sealed in two steps; it opens, and does not when a bit differs. */
function passes(hash: HashName, name: AeadName): boolean {
  const counting = Uint8Array.from({ length: 100 }, (_, i) => i);
  const root = counting.subarray(0, HASH_LENGTH[hash]);
  const [info, aad] = [[counting, root], [root]];
  const aead = new NativeDerivedAead(noBase, hash, name);
  const expected = new Uint8Array(counting.length + aead.tagLength);
  const sealed = expected.slice();
  composedOver(noBase, hash, name).seal(root, info, aad, counting, expected, 0);
  aead.seal(root, info, aad, counting, sealed, 0);
  const opened = aead.open(root, info, aad, sealed);
  if (!sameBytes(sealed, expected) || opened === undefined || !sameBytes(opened, counting)) return false;
  sealed[0] = (sealed[0] as number) ^ 1;
  return aead.open(root, info, aad, sealed) === undefined && memory.every((byte) => byte === 0);
}

/** A test in which a key is one of another provider has failed. */
const noBase: Pick<CryptoProvider, 'aead'> = {
  aead: () => {
    throw new TypeError('native code makes no key');
  },
};
