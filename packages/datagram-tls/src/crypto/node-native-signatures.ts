import { EMPTY, fromBase64, utf8 } from '../base/bytes.js';
import { Scheme, type SchemeName } from '../wire/codes.js';
import { KNOWN_KEYS, KNOWN_SIGNATURES, SIGNED_TEXT } from './node-known-answers.js';
import { requireNative } from './node-native.js';
import { type CurvePoint, curvePoint, importSpki } from './node-spki.js';
import { once } from './once.js';
import type { CryptoProvider, HashName, KeyType, PublicKey } from './provider.js';
import { canMake, SIGNATURE_SCHEMES } from './signatures.js';

/*
 * Public keys of curves in their usual encoding, and the signatures that they verify. Private keys stay with node:crypto,
 * and so does RSA: there is little to save, and of a private key there is one copy.
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
