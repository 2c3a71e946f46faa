import * as threads from 'node:worker_threads';
import { BytePool } from '../base/byte-pool.js';
import { readInnerType, sameBytes, toHex } from '../base/bytes.js';
import { offHeap } from './node-bytes.js';
import { type NativeModule, nativeModule } from './node-native.js';
import { once } from './once.js';
import type { AeadKey, AeadName, RecordNumberMask } from './provider.js';

/** Whether native code has an AEAD, and passes its test with known answers. */
export const hasNativeAead = once(passesAsAead);

/** The same for the record number mask of an AEAD. That of ChaCha20 costs JavaScript no more than the call. */
export const hasNativeMask = once((name: AeadName) => name !== 'chacha20-poly1305' && passesAsMask(name));

/** One key schedule for all records of a key. */
export class NativeAead implements AeadKey {
  readonly tagLength: number;
  readonly #module: NativeModule;
  readonly #key: number;

  private constructor(module: NativeModule, name: AeadName, key: Uint8Array) {
    this.#module = module;
    this.#key = openKey(module, this, name, key);
    this.tagLength = name.endsWith('-8') ? 8 : 16;
  }

  static make(name: AeadName, key: Uint8Array): NativeAead | undefined {
    const module = nativeModule();
    const made = module && new NativeAead(module, name, key);
    return made === undefined || made.#key === NO_KEY ? undefined : made;
  }

  /** In place, where the text is copied to if it is not there: a short array of the heap costs native code more than a copy. */
  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    out.set(plaintext, offset);
    this.#module.seal(this.#key, nonce, aad, out, offset, plaintext.length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - this.tagLength;
    if (length < 0) return undefined;
    const out = texts.room(length);
    if (!this.#module.open(this.#key, nonce, aad, sealed, out)) return undefined;
    texts.keep();
    return out;
  }

  sealInPlace(nonce: Uint8Array, aad: Uint8Array, bytes: Uint8Array, offset: number, length: number): void {
    this.#module.seal(this.#key, nonce, aad, bytes, offset, length);
  }

  openInner(
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    found: { type: number },
  ): Uint8Array | undefined {
    const length = sealed.length - this.tagLength;
    if (length < 0) return undefined;
    const inner = innerOf(length);
    if (!this.#module.open(this.#key, nonce, aad, sealed, inner)) return undefined;
    const contentLength = readInnerType(inner, found);
    const content = texts.room(contentLength);
    content.set(contentLength === length - 1 ? innerContent : inner.subarray(0, contentLength));
    texts.keep();
    return content;
  }
}

/** An inner plaintext, of which only the content leaves this file. Longer ones than these are in memory of their own. */
const MAX_INNER = 0x1000;
const innerMemory = new ArrayBuffer(MAX_INNER);
let inner = new Uint8Array(innerMemory, 0, 0);
/** All of {@link inner} but its last byte. */
let innerContent = inner;

/** Mostly the next text is as long as the last one: a view for each would cost more than the copy of its content. */
function innerOf(length: number): Uint8Array {
  if (inner.length !== length) {
    inner = new Uint8Array(length > MAX_INNER ? new ArrayBuffer(length) : innerMemory, 0, length);
    innerContent = inner.subarray(0, Math.max(length - 1, 0));
  }
  return inner;
}

/** Opened texts. As with Node's own pool, one that is given to another thread takes no others with it. */
const texts = new BytePool((memory) => threads.markAsUntransferable(memory));

export class NativeMask implements RecordNumberMask {
  readonly #module: NativeModule;
  readonly #key: number;

  private constructor(module: NativeModule, key: Uint8Array) {
    this.#module = module;
    this.#key = openKey(module, this, `aes-${key.length * 8}-mask`, key);
  }

  static make(key: Uint8Array): NativeMask | undefined {
    const module = nativeModule();
    const made = module && new NativeMask(module, key);
    return made === undefined || made.#key === NO_KEY ? undefined : made;
  }

  mask(sample: Uint8Array): Uint8Array {
    this.#module.mask(this.#key, sample, mask);
    return mask;
  }
}

/** The last mask, of any key: it is used before the next one is made. */
const mask = new Uint8Array(16);

/** The module has no such key. */
const NO_KEY = 0;

/** Keys by their length, until they are copied: native code would move a short array of the heap out of it first. */
const keyDrafts: ReadonlyMap<number, Uint8Array> = new Map(
  [16, 32].map((length) => [length, offHeap(length)]),
);

function openKey(module: NativeModule, owner: object, name: string, key: Uint8Array): number {
  const draft = keyDrafts.get(key.length);
  if (draft === undefined) return module.createKey(owner, name, key) ?? NO_KEY;
  draft.set(key);
  const opened = module.createKey(owner, name, draft);
  draft.fill(0);
  return opened ?? NO_KEY;
}

interface KnownAnswer {
  readonly keyLength: number;
  /** The end of {@link TEXT}, sealed, with the tag. */
  readonly sealed: string;
}

/** Text, key, nonce and associated data count from 0; made by OpenSSL 3.0. The text is long enough for every path of its code. */
const KNOWN_ANSWERS: Readonly<Record<AeadName, KnownAnswer>> = {
  'aes-128-gcm': { keyLength: 16, sealed: '846c12440f054ce863322bc3c47710c67f346f2ebbc24ca3' },
  'aes-256-gcm': { keyLength: 32, sealed: 'a008272dab007bd6306c85368fb26b7a8c1c9b6dd01c5926' },
  'chacha20-poly1305': { keyLength: 32, sealed: '2f8520f81e5e5096063cde1c6dd8beff4e8efc8622075490' },
  'aes-128-ccm': { keyLength: 16, sealed: '388886143a1acb7577f98fe87a14e97cae3bb9648643f833' },
  'aes-256-ccm': { keyLength: 32, sealed: 'c2cdf3645f54712719b070676c32af3fbc452935443a4008' },
  'aes-128-ccm-8': { keyLength: 16, sealed: '388886143a1acb7549cf0c222578c1f6' },
  'aes-256-ccm-8': { keyLength: 32, sealed: 'c2cdf3645f5471270a0070e0b7e3ec05' },
};

/** AEADs that native code has. */
export const NATIVE_AEADS = Object.keys(KNOWN_ANSWERS) as readonly AeadName[];

const KNOWN_MASKS: Readonly<Record<number, string>> = {
  16: '0a940bb5416ef045f1c39458c653ea5a',
  32: '5a6e045708fb7196f02e553d02c3a692',
};
const TEXT_LENGTH = 320;
const NONCE_LENGTH = 12;
const AAD_LENGTH = 13;

function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

/** Seals the known text, opens it, and refuses it when one bit differs. */
function passesAsAead(name: AeadName): boolean {
  const { keyLength, sealed } = KNOWN_ANSWERS[name];
  const aead = NativeAead.make(name, counting(keyLength));
  if (aead === undefined) return false;
  const [nonce, aad, text] = [NONCE_LENGTH, AAD_LENGTH, TEXT_LENGTH].map(counting) as Three;
  const out = new Uint8Array(text.length + aead.tagLength);
  aead.seal(nonce, aad, text, out, 0);
  if (toHex(out).slice(-sealed.length) !== sealed) return false;
  const opened = aead.open(nonce, aad, out);
  if (opened === undefined || !sameBytes(opened, text)) return false;
  out[0] = (out[0] as number) ^ 1;
  const refused = texts.room(text.length).fill(1);
  return aead.open(nonce, aad, out) === undefined && refused.every((byte) => byte === 0);
}

type Three = [Uint8Array, Uint8Array, Uint8Array];

function passesAsMask(name: AeadName): boolean {
  const { keyLength } = KNOWN_ANSWERS[name];
  const made = NativeMask.make(counting(keyLength));
  return made !== undefined && toHex(made.mask(counting(mask.length))) === KNOWN_MASKS[keyLength];
}
