import { createRequire } from 'node:module';
import process from 'node:process';
import { sameBytes, toHex } from '../base/bytes.js';
import type { PartialProvider } from './layered-provider.js';
import { once } from './once.js';
import type { AeadKey, AeadName, CryptoProvider, RecordNumberMask } from './provider.js';

/*
 * The native package: records are sealed and opened by the runtime's own OpenSSL, without an object of node:crypto for
 * each. Whatever is missing or wrong here, node:crypto does the work.
 */

/** What the library knows of `datagram-tls-native`; packages/native/src/key_functions.h describes the functions. */
interface NativeModule {
  readonly interface: number;
  /** OpenSSL's number of the version that it found; 0: none. */
  readonly openssl: number;
  /** `undefined`: not supported. The key is closed when `owner` is collected. */
  createKey(owner: object, name: string, key: Uint8Array): number | undefined;
  seal(
    key: number,
    nonce: Uint8Array,
    aad: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void;
  open(key: number, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array, out: Uint8Array): boolean;
  mask(key: number, sample: Uint8Array, out: Uint8Array): void;
}

const INTERFACE = 1;

/** AEADs that native code has. */
export const NATIVE_AEADS: readonly AeadName[] = [
  'aes-128-gcm',
  'aes-256-gcm',
  'chacha20-poly1305',
  'aes-128-ccm',
  'aes-256-ccm',
  'aes-128-ccm-8',
  'aes-256-ccm-8',
];

/** The module, or why it is not used. */
type Loaded = { readonly module: NativeModule } | { readonly reason: string };

let loaded: Loaded | undefined;

/** Loaded when the first cipher is made: importing the library costs nothing. */
function native(): Loaded {
  loaded ??= load();
  return loaded;
}

/** Why no native code is used; `undefined`: it is. */
export function nativeFailure(): string | undefined {
  const found = native();
  return 'reason' in found ? found.reason : undefined;
}

/** Whether native code has an AEAD, and passes its test with known answers. */
export const hasNativeAead = once(passesAsAead);

/** The same for the record number mask of an AEAD. That of ChaCha20 costs JavaScript no more than the call. */
const hasNativeMask = once((name: AeadName) => name !== 'chacha20-poly1305' && passesAsMask(name));

/** What native code does in place of `base`. A key that it cannot make, for lack of memory, is one of `base`. */
export function nativeLayer(base: CryptoProvider): PartialProvider {
  return {
    aeads: {
      has: hasNativeAead,
      aead: (name, key) => NativeAead.make(name, key) ?? base.aead(name, key),
    },
    recordNumberMasks: {
      has: hasNativeMask,
      recordNumberMask: (name, key) => NativeMask.make(key) ?? base.recordNumberMask(name, key),
    },
  };
}

function load(): Loaded {
  const { openssl } = process.versions;
  if ('bun' in process.versions || 'deno' in process.versions)
    return { reason: 'this runtime is not built on OpenSSL' };
  try {
    const module = createRequire(origin())('datagram-tls-native') as NativeModule;
    if (module.interface !== INTERFACE) return { reason: 'datagram-tls-native is of another version' };
    // Not one that another module has brought into the process. Electron has BoringSSL, of version 0.0.0.
    return module.openssl !== 0 && versionOf(module.openssl) === /^[\d.]+/.exec(openssl)?.[0]
      ? { module }
      : { reason: `the functions of OpenSSL ${openssl} are not found in this process` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { reason: code === 'MODULE_NOT_FOUND' ? 'datagram-tls-native is not installed' : message };
  }
}

/** Where to look from. A bundle in CommonJS has no URL: then from its program. */
function origin(): string {
  const { url } = import.meta as { readonly url?: string };
  return url ?? process.argv[1] ?? `${process.cwd()}/`;
}

/** OpenSSL's number has a major version of 4 bits, a minor one of 8, then 8 of zeros, the patch of 8, and 4 more. */
function versionOf(number: number): string {
  return `${number >>> 28}.${(number >>> 20) & 0xff}.${(number >>> 4) & 0xff}`;
}

/** One key schedule for all records of a key. */
class NativeAead implements AeadKey {
  readonly tagLength: number;
  readonly #module: NativeModule;
  readonly #key: number;

  private constructor(module: NativeModule, name: AeadName, key: Uint8Array) {
    this.#module = module;
    this.#key = module.createKey(this, name, key) ?? NO_KEY;
    this.tagLength = name.endsWith('-8') ? 8 : 16;
  }

  static make(name: AeadName, key: Uint8Array): NativeAead | undefined {
    const made = withModule((module) => new NativeAead(module, name, key));
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
    const isLong = length > scratch.length;
    const out = isLong ? new Uint8Array(length) : scratch;
    if (!this.#module.open(this.#key, nonce, aad, sealed, out)) return undefined;
    return isLong ? out : out.slice(0, length);
  }
}

/** Opened texts until they are copied; a longer one has its own memory. The largest record is 2^14 + 256 bytes. */
const scratch = new Uint8Array(0x4100);

class NativeMask implements RecordNumberMask {
  readonly #module: NativeModule;
  readonly #key: number;

  private constructor(module: NativeModule, key: Uint8Array) {
    this.#module = module;
    this.#key = module.createKey(this, `aes-${key.length * 8}-mask`, key) ?? NO_KEY;
  }

  static make(key: Uint8Array): NativeMask | undefined {
    const made = withModule((module) => new NativeMask(module, key));
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

function withModule<T>(use: (module: NativeModule) => T): T | undefined {
  const found = native();
  return 'module' in found ? use(found.module) : undefined;
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
  return (
    aead.open(nonce, aad, out) === undefined && scratch.subarray(0, text.length).every((byte) => byte === 0)
  );
}

type Three = [Uint8Array, Uint8Array, Uint8Array];

function passesAsMask(name: AeadName): boolean {
  const { keyLength } = KNOWN_ANSWERS[name];
  const made = NativeMask.make(counting(keyLength));
  return made !== undefined && toHex(made.mask(counting(mask.length))) === KNOWN_MASKS[keyLength];
}
