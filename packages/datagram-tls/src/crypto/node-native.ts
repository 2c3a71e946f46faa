import { createRequire } from 'node:module';
import process from 'node:process';

/*
 * The native package: the runtime's own OpenSSL, without an object of node:crypto for each record, hash and key.
 * Whatever is missing or wrong in it, node:crypto does the work.
 */

/** `memory`: the text and its tag, `length` bytes, then root, information and additional data of its key. */
type OfDerived<Result> = (
  hash: number,
  name: string,
  memory: Uint8Array,
  length: number,
  rootLength: number,
  infoLength: number,
  aadLength: number,
) => Result;

/** What the library knows of `datagram-tls-native`; the headers in packages/native/src describe the functions. */
export interface NativeModule {
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
  /** As {@link createKey}, of keys for the records of one direction. */
  createRecordKey(owner: object, name: string, epoch: number, secrets: Uint8Array): number | undefined;
  useConnectionId(key: number, cid: Uint8Array): void;
  sealRecord(
    key: number,
    type: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void;
  /** See the headers for what it answers. */
  openRecord(
    key: number,
    expected: number,
    bytes: Uint8Array,
    start: number,
    bodyStart: number,
    end: number,
    out: Uint8Array,
    at: number,
  ): number;
  mask(key: number, sample: Uint8Array, out: Uint8Array): void;
  /** A hash is named by the length of its digest. The functions below find their input in `memory`, and replace it. */
  hasHash(hash: number): boolean;
  digest(hash: number, bytes: Uint8Array, length: number, out: Uint8Array): void;
  hmac(hash: number, memory: Uint8Array, keyLength: number, textLength: number): void;
  prf(hash: number, memory: Uint8Array, secretLength: number, seedLength: number, length: number): void;
  hkdfExpand(hash: number, memory: Uint8Array, keyLength: number, infoLength: number, length: number): void;
  /** Steps behind the key, whose outputs follow one another. */
  deriveAll(hash: number, memory: Uint8Array, keyLength: number, stepsLength: number): void;
  sealDerived: OfDerived<void>;
  openDerived: OfDerived<boolean>;
  /** `undefined`: not supported. The key is closed when `owner` is collected. */
  importPrivateKey(owner: object, pkcs8: Uint8Array): number | undefined;
  generateKey(owner: object, group: string, share: Uint8Array): number | undefined;
  deriveSecret(key: number, memory: Uint8Array, length: number): boolean;
  /** `memory`: the peer's share; then ours, and the secret behind it. */
  answerExchange(group: string, memory: Uint8Array, length: number): boolean;
  importPublicKey(owner: object, type: string, bytes: Uint8Array): number | undefined;
  verify(key: number, scheme: number, bytes: Uint8Array, signature: Uint8Array): boolean;
  /** The length of the signature in `out`; 0: not supported. */
  sign(key: number, scheme: number, bytes: Uint8Array, out: Uint8Array): number;
}

/** Raised when a function of the module changes; scripts/native.mjs gives it to the C. */
export const INTERFACE = 14;

/** The module, or why it is not used. */
export type Loaded = { readonly module: NativeModule } | { readonly reason: string };

let loaded: Loaded | undefined;
let overOpenssl: Loaded | undefined;

/** Loaded when it is first needed: importing the library costs nothing. Its functions for sockets need no OpenSSL. */
export function loadedModule(): Loaded {
  loaded ??= load();
  return loaded;
}

function native(): Loaded {
  overOpenssl ??= withOpenssl();
  return overOpenssl;
}

/** Why no native code is used; `undefined`: it is. */
export function nativeFailure(): string | undefined {
  const found = native();
  return 'reason' in found ? found.reason : undefined;
}

/** For what is only called after a test with known answers has passed, or within it. */
export function requireNative(): NativeModule {
  const module = nativeModule();
  if (module === undefined) throw new TypeError('there is no native code');
  return module;
}

/** `undefined` where no native code is used. */
export function nativeModule(): NativeModule | undefined {
  const found = native();
  return 'module' in found ? found.module : undefined;
}

function load(): Loaded {
  if ('bun' in process.versions || 'deno' in process.versions)
    return { reason: 'this runtime is not built on OpenSSL' };
  try {
    const module = createRequire(origin())('datagram-tls-native') as NativeModule;
    return module.interface === INTERFACE
      ? { module }
      : { reason: 'datagram-tls-native is of another version' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { reason: code === 'MODULE_NOT_FOUND' ? 'datagram-tls-native is not installed' : message };
  }
}

function withOpenssl(): Loaded {
  const found = loadedModule();
  if ('reason' in found) return found;
  const { openssl } = process.versions;
  const { module } = found;
  // Not one that another module has brought into the process. Electron has BoringSSL, of version 0.0.0.
  return module.openssl !== 0 && versionOf(module.openssl) === /^[\d.]+/.exec(openssl)?.[0]
    ? { module }
    : { reason: `the functions of OpenSSL ${openssl} are not found in this process` };
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
