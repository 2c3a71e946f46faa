import { KeyObject } from 'node:crypto';
import { EMPTY, fromBase64, utf8 } from '../base/bytes.js';
import { Scheme, type SchemeName } from '../wire/codes.js';
import { KNOWN_KEYS, KNOWN_SIGNATURES, SIGNED_TEXT } from './node-known-answers.js';
import { nativeModule, requireNative } from './node-native.js';
import { type CurvePoint, curvePoint, importSpki } from './node-spki.js';
import { once } from './once.js';
import type { CryptoProvider, HashName, KeyType, PrivateKey, PublicKey } from './provider.js';
import { canMake, SIGNATURE_SCHEMES } from './signatures.js';

/*
 * Public keys of curves in their usual encoding, and the signatures that they verify; and signatures of ECDSA. RSA stays with
 * node:crypto, and so do private keys of Ed25519: there is little to save.
 */

/** Types of keys that native code imports. */
const NATIVE_KEYS = ['p256', 'p384', 'p521', 'ed25519'] as const;

type NativeKeyType = (typeof NATIVE_KEYS)[number];

interface Shape {
  readonly type: NativeKeyType;
  readonly bits: number;
  /** The module's name. */
  readonly native: string;
}

/** By the name of the curve. */
const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ['P-256', { type: 'p256', bits: 256, native: 'secp256r1' }],
  ['P-384', { type: 'p384', bits: 384, native: 'secp384r1' }],
  ['P-521', { type: 'p521', bits: 521, native: 'secp521r1' }],
  ['Ed25519', { type: 'ed25519', bits: 255, native: 'ed25519' }],
]);

/** Schemes of {@link NATIVE_KEYS}, best first. */
export const NATIVE_SCHEMES: readonly SchemeName[] = SIGNATURE_SCHEMES.filter(({ keyTypes12 }) =>
  keyTypes12.some(isNative),
).map(({ name }) => name);

/** Whether native code verifies signatures of a scheme, by all keys that may make them. */
export function hasNativeScheme(name: SchemeName): boolean {
  const types = NATIVE_KEYS.filter((type) => KNOWN_SIGNATURES[type]?.[name] !== undefined);
  return types.length > 0 && types.every(hasNativeKey);
}

function isNative(type: KeyType): type is NativeKeyType {
  return (NATIVE_KEYS as readonly KeyType[]).includes(type);
}

/** Whether native code imports keys of a type, and passes its test with known answers under all of their schemes. */
const hasNativeKey = once(passes);

/** `base`, whose keys of curves native code imports and uses. */
export function withNativeKeys(base: CryptoProvider): CryptoProvider {
  return {
    ...base,
    sign: (name, key, data) => signerOf(key)?.sign(name, data) ?? base.sign(name, key, data),
    importPublicKey: (spki) => NativePublicKey.import(spki) ?? base.importPublicKey(spki),
    verify: (name, key, data, signature) =>
      (key instanceof NativePublicKey ? key.verify(name, data, signature) : undefined) ??
      base.verify(name, key, data, signature),
  };
}

/** The platform can use it as well, as if it had imported it. */
class NativePublicKey implements PublicKey {
  readonly type: KeyType;
  readonly bits: number;
  readonly hashes: readonly HashName[] | undefined = undefined;
  readonly spki: Uint8Array;
  readonly #key: number;
  #handle: unknown;

  private constructor(spki: Uint8Array, { type, bits, native }: Shape, point: Uint8Array) {
    this.type = type;
    this.bits = bits;
    this.spki = spki;
    this.#key = requireNative().importPublicKey(this, native, point) ?? NO_KEY;
  }

  /** `undefined`: of another type or encoding, or invalid. */
  static import(spki: Uint8Array): NativePublicKey | undefined {
    const found = curvePoint(spki);
    const shape = found && SHAPES.get(found.crv);
    if (found === undefined || shape === undefined || !hasNativeKey(shape.type)) return undefined;
    return NativePublicKey.#make(spki, shape, found);
  }

  /** Without a test before. */
  static untested(spki: Uint8Array): NativePublicKey | undefined {
    const found = curvePoint(spki);
    const shape = found && SHAPES.get(found.crv);
    return found && shape && NativePublicKey.#make(spki, shape, found);
  }

  static #make(spki: Uint8Array, shape: Shape, { point }: CurvePoint): NativePublicKey | undefined {
    drafts.set(point);
    const made = new NativePublicKey(spki, shape, drafts.subarray(0, point.length));
    return made.#key === NO_KEY ? undefined : made;
  }

  get handle(): unknown {
    this.#handle ??= importSpki(this.spki);
    return this.#handle;
  }

  /** `undefined`: native code cannot read the arguments. */
  verify(name: SchemeName, data: Uint8Array, signature: Uint8Array): boolean | undefined {
    if (!canMake(name, this)) return false;
    try {
      return requireNative().verify(this.#key, Scheme[name], data, signature);
    } catch {
      return undefined;
    }
  }
}

/** Types of keys that native code signs with. */
const SIGNING_KEYS: readonly KeyType[] = ['p256', 'p384', 'p521'];

/** `undefined`: native code cannot sign with it, such as a key that another provider has imported. */
const signers = new WeakMap<PrivateKey, NativeSigner | undefined>();

function signerOf(key: PrivateKey): NativeSigner | undefined {
  const known = signers.get(key);
  if (known !== undefined || signers.has(key)) return known;
  const made = SIGNING_KEYS.includes(key.type) ? NativeSigner.import(key) : undefined;
  signers.set(key, made);
  return made;
}

/** A private key of ECDSA in native memory, as node:crypto has it in its own. */
class NativeSigner {
  readonly #key: number;
  readonly #shape: PrivateKey;
  /** Whether a signature of a scheme is good, which the first one shows. */
  readonly #passes = once((name: SchemeName) => this.#isGood(name));

  private constructor(shape: PrivateKey, pkcs8: Uint8Array) {
    this.#shape = shape;
    this.#key = requireNative().importPrivateKey(this, pkcs8) ?? NO_KEY;
  }

  static import(key: PrivateKey): NativeSigner | undefined {
    const { handle } = key;
    if (nativeModule() === undefined || !(handle instanceof KeyObject) || handle.type !== 'private')
      return undefined;
    const pkcs8 = exported(handle);
    if (pkcs8 === undefined) return undefined;
    const made = new NativeSigner(key, pkcs8);
    pkcs8.fill(0);
    return made.#key === NO_KEY ? undefined : made;
  }

  /** `undefined`: node:crypto has to do it, or to say why it cannot. */
  sign(name: SchemeName, data: Uint8Array): Uint8Array | undefined {
    return canMake(name, this.#shape) && this.#passes(name) ? this.#make(name, data) : undefined;
  }

  #make(name: SchemeName, data: Uint8Array): Uint8Array | undefined {
    try {
      const length = requireNative().sign(this.#key, Scheme[name], data, signature);
      return length === 0 ? undefined : signature.slice(0, length);
    } catch {
      // It cannot read the data.
      return undefined;
    }
  }

  #isGood(name: SchemeName): boolean {
    const text = utf8(SIGNED_TEXT);
    const made = this.#make(name, text);
    const key = NativePublicKey.import(this.#shape.spki);
    return made !== undefined && key?.verify(name, text, made) === true;
  }
}

/** `undefined`: the key stays where it is, as one of a module of hardware does, and node:crypto signs with it. */
function exported(handle: KeyObject): Uint8Array | undefined {
  try {
    return handle.export({ format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}

/** A signature until it is copied. */
const signature = new Uint8Array(141);

/** The module has no such key. */
const NO_KEY = 0;

/** A point until it is read; the longest is one of P-521. */
const drafts = new Uint8Array(133);

/** Verifies the known signatures, and refuses each of them over another text. */
function passes(type: NativeKeyType): boolean {
  const key = NativePublicKey.untested(known(KNOWN_KEYS[type]));
  const signatures = Object.entries(KNOWN_SIGNATURES[type] ?? {}) as [SchemeName, string][];
  if (key === undefined || signatures.length === 0) return false;
  const [text, other] = [utf8(SIGNED_TEXT), utf8(`${SIGNED_TEXT}.`)];
  return signatures.every(
    ([name, signature]) =>
      key.verify(name, text, known(signature)) === true &&
      key.verify(name, other, known(signature)) === false,
  );
}

function known(text: string): Uint8Array {
  return fromBase64(text) ?? EMPTY;
}
