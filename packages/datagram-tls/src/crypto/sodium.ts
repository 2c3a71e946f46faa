import { EMPTY, fromHex, own, sameBytes } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import type { PartialProvider } from './layered-provider.js';
import type { AeadKey } from './provider.js';

/** Addresses are bytes from the start of the module's memory; a length of 64 bits is two numbers, the lower first. */
type Protect = (
  to: number,
  lengthTo: number,
  from: number,
  length: number,
  lengthHigh: number,
  aad: number,
  aadLength: number,
  aadLengthHigh: number,
  unused: number,
  nonce: number,
  key: number,
) => number;
/** The same, with the unused argument in its third place. */
type Unprotect = (
  to: number,
  lengthTo: number,
  unused: number,
  from: number,
  length: number,
  lengthHigh: number,
  aad: number,
  aadLength: number,
  aadLengthHigh: number,
  nonce: number,
  key: number,
) => number;

/** The exports of libsodium's WebAssembly that are used. */
interface Sodium {
  /** All of its memory; another array when that has grown. */
  readonly HEAPU8: Uint8Array;
  readonly _malloc: (bytes: number) => number;
  readonly _crypto_aead_chacha20poly1305_ietf_encrypt: Protect;
  readonly _crypto_aead_chacha20poly1305_ietf_decrypt: Unprotect;
}

/**
 * ChaCha20-Poly1305 in the WebAssembly of the package `libsodium`, which is installed beside this library: seven times as fast for
 * short records as that of node:crypto, and the only one on Bun. It is the value of the option `cryptoProvider`; which
 * suite is used is decided by `ciphers` as ever. Rejects with `ERR_DTLS_LIBSODIUM` where the package is not installed, or gives
 * wrong results.
 *
 * @example
 * ```ts
 * import { listen } from 'datagram-tls';
 * import { createSodium } from 'datagram-tls/libsodium';
 *
 * const cryptoProvider = await createSodium();
 * const ciphers = ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'];
 * listen(onsession, { port: 9000, cert, key, cryptoProvider, ciphers });
 * ```
 */
export async function createSodium(): Promise<PartialProvider> {
  const layer = sodiumLayer(await loadSodium());
  if (layer !== undefined) return layer;
  throw callerError(
    'ERR_DTLS_LIBSODIUM',
    'The installed package libsodium gives wrong results for a known text. Update it: npm install libsodium@latest',
  );
}

/** The WebAssembly is instantiated for us alone where the package allows that. */
export async function loadSodium(): Promise<Sodium> {
  try {
    // eslint-disable-next-line no-restricted-syntax -- an optional peer: this entry exists for it
    const made = (await import('libsodium')).default;
    if (typeof made === 'function') return await (made as () => Promise<Sodium>)();
    const module = made as Sodium & { readonly ready: Promise<unknown> };
    await module.ready;
    return module;
  } catch (cause) {
    throw callerError(
      'ERR_DTLS_LIBSODIUM',
      'createSodium cannot load the package libsodium. Install it beside datagram-tls: npm install libsodium',
      cause,
    );
  }
}

/** `undefined` where `sodium` lacks something, or seals or opens a known text wrongly. */
export function sodiumLayer(sodium: Sodium): PartialProvider | undefined {
  try {
    const scratch = new Scratch(sodium);
    if (!isRight(new SodiumAead(scratch, bytes(KNOWN.key)))) return undefined;
    return {
      aeads: {
        has: (name) => name === 'chacha20-poly1305',
        aead: (_name, key) => new SodiumAead(scratch, key),
      },
    };
  } catch {
    return undefined;
  }
}

const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
/** Of a record with the longest connection ID it has 278 bytes. */
const MAX_AAD = 512;
/** The body of the longest record has 18,432 bytes. */
const MAX_TEXT = 0x5000;

/** Below this a loop is faster than the call of `set`. */
const SHORT = 48;

/**
 * One place in the module's memory for the text at hand. All keys use it, one after the other: the module keeps nothing of a
 * session, and its memory does not grow with their number.
 */
class Scratch {
  readonly #sodium: Sodium;
  readonly #key: number;
  readonly #nonce: number;
  readonly #aad: number;
  readonly #text: number;
  #heap: Uint8Array;

  constructor(sodium: Sodium) {
    this.#sodium = sodium;
    const start = sodium._malloc(KEY_LENGTH + NONCE_LENGTH + 4 + MAX_AAD + MAX_TEXT);
    if (start === 0) throw new RangeError('libsodium has no memory');
    this.#key = start;
    this.#nonce = start + KEY_LENGTH;
    this.#aad = this.#nonce + NONCE_LENGTH + 4;
    this.#text = this.#aad + MAX_AAD;
    this.#heap = sodium.HEAPU8;
  }

  /** Seals in place, so that no plaintext stays. */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): void {
    const { length } = plaintext;
    if (length > MAX_TEXT - TAG_LENGTH || aad.length > MAX_AAD)
      throw new RangeError(
        `A text of ${length} bytes with ${aad.length} of additional data is longer than any record`,
      );
    const heap = this.#put(key, nonce, aad, plaintext);
    const text = this.#text;
    this.#sodium._crypto_aead_chacha20poly1305_ietf_encrypt(
      text,
      0,
      text,
      length,
      0,
      this.#aad,
      aad.length,
      0,
      0,
      this.#nonce,
      this.#key,
    );
    heap.fill(0, this.#key, this.#key + KEY_LENGTH);
    copy(heap, text, length + TAG_LENGTH, out, offset);
  }

  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - TAG_LENGTH;
    if (length < 0 || sealed.length > MAX_TEXT || aad.length > MAX_AAD) return undefined;
    const heap = this.#put(key, nonce, aad, sealed);
    const text = this.#text;
    const failed = this.#sodium._crypto_aead_chacha20poly1305_ietf_decrypt(
      text,
      0,
      0,
      text,
      sealed.length,
      0,
      this.#aad,
      aad.length,
      0,
      this.#nonce,
      this.#key,
    );
    heap.fill(0, this.#key, this.#key + KEY_LENGTH);
    const plaintext = failed === 0 ? heap.slice(text, text + length) : undefined;
    heap.fill(0, text, text + length);
    return plaintext;
  }

  /** Returns the module's memory, which other users of the module may have made grow. */
  #put(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
    if (this.#heap.length === 0) this.#heap = this.#sodium.HEAPU8;
    const heap = this.#heap;
    copy(key, 0, KEY_LENGTH, heap, this.#key);
    copy(nonce, 0, NONCE_LENGTH, heap, this.#nonce);
    copy(aad, 0, aad.length, heap, this.#aad);
    copy(text, 0, text.length, heap, this.#text);
    return heap;
  }
}

function copy(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): void {
  if (length > SHORT) return to.set(from.subarray(start, start + length), at);
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
}

/** Its key is memory of this object, and is in the module's only while a text is sealed or opened. */
class SodiumAead implements AeadKey {
  readonly tagLength = TAG_LENGTH;
  readonly #scratch: Scratch;
  readonly #key: Uint8Array;

  constructor(scratch: Scratch, key: Uint8Array) {
    this.#scratch = scratch;
    this.#key = own(key);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    this.#scratch.seal(this.#key, nonce, aad, plaintext, out, offset);
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    return this.#scratch.open(this.#key, nonce, aad, sealed);
  }
}

/** RFC 8439 §2.8.2. */
const KNOWN = {
  key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
  nonce: '070000004041424344454647',
  aad: '50515253c0c1c2c3c4c5c6c7',
  plaintext:
    '4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e',
  sealed:
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116' +
    '1ae10b594f09e26a7e902ecbd0600691',
};

/** Seals and opens the known text, and refuses it when any part of it is changed. */
function isRight(aead: AeadKey): boolean {
  const nonce = bytes(KNOWN.nonce);
  const aad = bytes(KNOWN.aad);
  const plaintext = bytes(KNOWN.plaintext);
  const sealed = bytes(KNOWN.sealed);
  const out = new Uint8Array(sealed.length);
  aead.seal(nonce, aad, plaintext, out, 0);
  const opened = aead.open(nonce, aad, sealed);
  if (!sameBytes(out, sealed) || opened === undefined || !sameBytes(opened, plaintext)) return false;
  const forgeries = [0, plaintext.length, sealed.length - 1].map((at) => flipped(sealed, at));
  return (
    forgeries.every((forged) => aead.open(nonce, aad, forged) === undefined) &&
    aead.open(nonce, flipped(aad, 0), sealed) === undefined
  );
}

function flipped(text: Uint8Array, at: number): Uint8Array {
  const copy = own(text);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function bytes(hex: string): Uint8Array {
  return fromHex(hex) ?? EMPTY;
}
