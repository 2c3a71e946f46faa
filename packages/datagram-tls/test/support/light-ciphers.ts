import type { AeadKey, AeadName, CryptoProvider, RecordNumberMask } from '#lib/crypto/provider.js';

/**
 * `provider` with ciphers that cost next to nothing, for simulations of thousands of sessions: every byte of key, nonce, associated
 * data and text counts for the tag, but nobody who wants to forge one is kept from it.
 */
export function lightCiphers(provider: CryptoProvider): CryptoProvider {
  return {
    ...provider,
    aead: (name, key) => new LightAead(name, key),
    recordNumberMask: (_, key) => new LightMask(key),
  };
}

class LightAead implements AeadKey {
  readonly tagLength: number;
  readonly #key: number;

  constructor(name: AeadName, key: Uint8Array) {
    this.tagLength = name.endsWith('-8') ? 8 : 16;
    this.#key = mixed(key, 0x2545f491);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void {
    const start = mixed(nonce, this.#key);
    blend(plaintext, start, out, offset);
    const { length } = plaintext;
    const tag = this.#tag(start, aad, out.subarray(offset, offset + length));
    out.set(tag, offset + length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - this.tagLength;
    if (length < 0) return undefined;
    const start = mixed(nonce, this.#key);
    const text = sealed.subarray(0, length);
    const tag = this.#tag(start, aad, text);
    for (let i = 0; i < tag.length; i++) if (tag[i] !== sealed[length + i]) return undefined;
    const plaintext = new Uint8Array(length);
    blend(text, start, plaintext, 0);
    return plaintext;
  }

  #tag(start: number, aad: Uint8Array, text: Uint8Array): Uint8Array {
    const tag = new Uint8Array(this.tagLength);
    for (let at = 0, lane = start ^ aad.length; at < tag.length; at += 4) {
      lane = mixed(text, mixed(aad, lane + at));
      for (let i = 0; i < 4; i++) tag[at + i] = lane >>> (8 * i);
    }
    return tag;
  }
}

class LightMask implements RecordNumberMask {
  readonly #key: number;
  readonly #mask = new Uint8Array(2);

  constructor(key: Uint8Array) {
    this.#key = mixed(key, 0x5bd1e995);
  }

  mask(sample: Uint8Array): Uint8Array {
    const bits = mixed(sample, this.#key);
    this.#mask[0] = bits;
    this.#mask[1] = bits >>> 8;
    return this.#mask;
  }
}

/** A number that each byte changes (MurmurHash's steps, a byte at a time). */
function mixed(bytes: Uint8Array, seed: number): number {
  let hash = seed;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ bytes.length, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** XORs `text`, which may be the bytes at `offset` of `out` themselves, with what `seed` gives (xorshift). */
function blend(text: Uint8Array, seed: number, out: Uint8Array, offset: number): void {
  let state = seed | 1;
  for (let i = 0; i < text.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[offset + i] = (text[i] as number) ^ (state >>> 24);
  }
}
