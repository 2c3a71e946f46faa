import { EMPTY, fromHex, own, put, sameBytes } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import type { PartialProvider } from './layered-provider.js';
import type { AeadKey } from './provider.js';
import { KEY_LENGTH, MAX_AAD, MAX_TEXT, type Sodium, SodiumMemory, TAG_LENGTH } from './sodium-memory.js';
import { SodiumRecordKey } from './sodium-records.js';
import { checkKeyLength } from './suites.js';

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
    const memory = new SodiumMemory(sodium);
    if (!isRight(new SodiumAead(memory, bytes(KNOWN.key)))) return undefined;
    return {
      aeads: {
        has: (name) => name === 'chacha20-poly1305',
        aead: (_name, key) => new SodiumAead(memory, key),
        recordKey: (_name, secrets) =>
          secrets.sn.length === 0 ? new SodiumRecordKey(memory, secrets) : undefined,
      },
    };
  } catch {
    return undefined;
  }
}

/** Its key is memory of this object, and is in the module's only while a text is sealed or opened. */
class SodiumAead implements AeadKey {
  readonly tagLength = TAG_LENGTH;
  readonly #memory: SodiumMemory;
  readonly #key = new Int32Array(KEY_LENGTH / 4);

  constructor(memory: SodiumMemory, key: Uint8Array) {
    checkKeyLength('chacha20-poly1305', key);
    this.#memory = memory;
    new Uint8Array(this.#key.buffer).set(key);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    const { length } = plaintext;
    if (length > MAX_TEXT - TAG_LENGTH || aad.length > MAX_AAD)
      throw new RangeError(
        `A text of ${length} bytes with ${aad.length} of additional data is longer than any record`,
      );
    this.#begin(nonce, aad, plaintext);
    this.#memory.seal(length, aad.length, out, offset);
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - TAG_LENGTH;
    if (length < 0 || sealed.length > MAX_TEXT || aad.length > MAX_AAD) return undefined;
    this.#begin(nonce, aad, sealed);
    const memory = this.#memory;
    const plaintext = memory.open(sealed.length, aad.length) ? memory.takeText(length) : undefined;
    memory.wipeText(length);
    return plaintext;
  }

  #begin(nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): void {
    const memory = this.#memory;
    memory.begin(this.#key);
    put(nonce, memory.heap, memory.nonce);
    put(aad, memory.heap, memory.aad);
    memory.putText(text, 0, text.length);
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
