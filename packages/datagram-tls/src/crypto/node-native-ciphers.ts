import { sameBytes, toHex } from '../base/bytes.js';
import { draftOf } from './node-bytes.js';
import { type NativeModule, nativeModule } from './node-native.js';
import { once } from './once.js';
import { texts } from './opened-texts.js';
import type { AeadKey, AeadName, RecordNumberMask } from './provider.js';
import { AEADS, checkKeyLength } from './suites.js';

/** Whether native code has an AEAD, and passes its test with known answers. */
export const hasNativeAead = once(passesAsAead);

/** The same for the record number mask of an AEAD. */
export const hasNativeMask = once(passesAsMask);

/** One key schedule for all records of a key. */
export class NativeAead implements AeadKey {
  readonly tagLength: number;
  readonly #module: NativeModule;
  readonly #key: number;

  private constructor(module: NativeModule, name: AeadName, key: Uint8Array) {
    checkKeyLength(name, key);
    this.#module = module;
    this.#key = openKey(module, this, name, key);
    this.tagLength = AEADS[name].tagLength;
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
}

export class NativeMask implements RecordNumberMask {
  readonly #module: NativeModule;
  readonly #key: number;

  private constructor(module: NativeModule, name: AeadName, key: Uint8Array) {
    checkKeyLength(name, key);
    this.#module = module;
    const cipher = name === 'chacha20-poly1305' ? 'chacha20' : `aes-${key.length * 8}`;
    this.#key = openKey(module, this, `${cipher}-mask`, key);
  }

  static make(name: AeadName, key: Uint8Array): NativeMask | undefined {
    const module = nativeModule();
    const made = module && new NativeMask(module, name, key);
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
export const NO_KEY = 0;

function openKey(module: NativeModule, owner: object, name: string, key: Uint8Array): number {
  const draft = draftOf(key.length);
  draft.set(key);
  const opened = module.createKey(owner, name, draft);
  draft.fill(0);
  return opened ?? NO_KEY;
}

/**
 * The last bytes of sealed texts, with their tags. Text, key, nonce and associated data count from 0; made by OpenSSL 3.0. The
 * text is long enough for every path of its code.
 */
const KNOWN_ANSWERS: Readonly<Record<AeadName, string>> = {
  'aes-128-gcm': '846c12440f054ce863322bc3c47710c67f346f2ebbc24ca3',
  'aes-256-gcm': 'a008272dab007bd6306c85368fb26b7a8c1c9b6dd01c5926',
  'chacha20-poly1305': '2f8520f81e5e5096063cde1c6dd8beff4e8efc8622075490',
  'aes-128-ccm': '388886143a1acb7577f98fe87a14e97cae3bb9648643f833',
  'aes-256-ccm': 'c2cdf3645f54712719b070676c32af3fbc452935443a4008',
  'aes-128-ccm-8': '388886143a1acb7549cf0c222578c1f6',
  'aes-256-ccm-8': 'c2cdf3645f5471270a0070e0b7e3ec05',
};

/** AEADs that native code has. */
export const NATIVE_AEADS = Object.keys(KNOWN_ANSWERS) as readonly AeadName[];

const KNOWN_MASKS: Readonly<Record<string, string>> = {
  'aes-16': '0a940bb5416ef045f1c39458c653ea5a',
  'aes-32': '5a6e045708fb7196f02e553d02c3a692',
  'cha-32': 'b65b70a716fa878f7d6016e6d859ca17',
};
const TEXT_LENGTH = 320;
const NONCE_LENGTH = 12;
const AAD_LENGTH = 13;

/** The input of tests with known answers. */
export function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

/** Seals the known text, opens it, and refuses it when one bit differs. */
function passesAsAead(name: AeadName): boolean {
  const sealed = KNOWN_ANSWERS[name];
  const aead = NativeAead.make(name, counting(AEADS[name].keyLength));
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
  const { keyLength } = AEADS[name];
  const made = NativeMask.make(name, counting(keyLength));
  return (
    made !== undefined &&
    toHex(made.mask(counting(mask.length))) === KNOWN_MASKS[`${name.slice(0, 3)}-${keyLength}`]
  );
}
