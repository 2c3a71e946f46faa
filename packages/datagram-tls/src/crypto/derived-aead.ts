import { joined } from '../base/bytes.js';
import type { AeadKey, AeadName, CryptoProvider, DerivedAead, HashName } from './provider.js';
import { AEADS } from './suites.js';

/** Of every AEAD here (RFC 5116 §3.2), bytes. */
const NONCE_LENGTH = 12;

/** The provider's own, or one of HKDF-Expand and the AEAD. */
export function derivedAead(provider: CryptoProvider, hash: HashName, name: AeadName): DerivedAead {
  return provider.derivedAead?.(hash, name) ?? new ComposedAead(provider, hash, name);
}

/** The parts of it. */
type Parts = Pick<CryptoProvider, 'hkdfExpand' | 'aead'>;

/** An {@link AeadKey} for each text. */
export class ComposedAead implements DerivedAead {
  readonly tagLength: number;
  readonly #parts: Parts;
  readonly #hash: HashName;
  readonly #name: AeadName;

  constructor(parts: Parts, hash: HashName, name: AeadName) {
    this.#parts = parts;
    this.#hash = hash;
    this.#name = name;
    this.tagLength = AEADS[name].tagLength;
  }

  seal(
    root: Uint8Array,
    info: readonly Uint8Array[],
    aad: readonly Uint8Array[],
    plaintext: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): void {
    this.#begin(root, info).seal(nonce, joined(aad), plaintext, out, offset);
  }

  open(
    root: Uint8Array,
    info: readonly Uint8Array[],
    aad: readonly Uint8Array[],
    sealed: Uint8Array,
  ): Uint8Array | undefined {
    return this.#begin(root, info).open(nonce, joined(aad), sealed);
  }

  /** Makes the cipher of one text, and leaves its nonce in {@link nonce}. */
  #begin(root: Uint8Array, info: readonly Uint8Array[]): AeadKey {
    const { keyLength } = AEADS[this.#name];
    const bytes = this.#parts.hkdfExpand(this.#hash, root, joined(info), keyLength + NONCE_LENGTH);
    for (let i = 0; i < NONCE_LENGTH; i++) nonce[i] = bytes[keyLength + i] as number;
    return this.#parts.aead(this.#name, bytes.slice(0, keyLength));
  }
}

/** Outside of the heap: a short array would be moved out of it for native code. */
const nonce = new Uint8Array(new ArrayBuffer(NONCE_LENGTH));
