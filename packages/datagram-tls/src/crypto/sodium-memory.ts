import { EMPTY } from '../base/bytes.js';
import { texts } from './opened-texts.js';

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
export interface Sodium {
  /** All of its memory; another array when that has grown. */
  readonly HEAPU8: Uint8Array;
  readonly _malloc: (bytes: number) => number;
  readonly _crypto_aead_chacha20poly1305_ietf_encrypt: Protect;
  readonly _crypto_aead_chacha20poly1305_ietf_decrypt: Unprotect;
}

export const KEY_LENGTH = 32;
export const NONCE_LENGTH = 12;
export const TAG_LENGTH = 16;
/** Of a record with the longest connection ID it has 278 bytes. */
export const MAX_AAD = 512;
/** The body of the longest record has 18,432 bytes. */
export const MAX_TEXT = 0x5000;

/** Up to this many bytes a loop is faster than a call of `set` or `fill`, with the array of a part that it may need. */
const LOOPED = 96;

const NO_WORDS = new Int32Array(0);

/**
 * One place in the module's memory for the text at hand. All keys use it, one after the other: the module keeps nothing of a
 * session, and its memory does not grow with their number.
 */
export class SodiumMemory {
  /** Where the nonce, the additional data and the text are in {@link heap}. */
  readonly nonce: number;
  readonly aad: number;
  readonly text: number;
  /** All of the module's memory, between {@link begin} and the end of a text. */
  heap = EMPTY;
  readonly #sodium: Sodium;
  readonly #key: number;
  #words: Int32Array = NO_WORDS;
  /** A view of the start of the text, as long as the last one that was copied out: most are as long as the one before. */
  #opened = EMPTY;
  #sealed = EMPTY;

  constructor(sodium: Sodium) {
    this.#sodium = sodium;
    const start = sodium._malloc(KEY_LENGTH + NONCE_LENGTH + 4 + MAX_AAD + MAX_TEXT);
    if (start === 0) throw new RangeError('libsodium has no memory');
    this.#key = start;
    this.nonce = start + KEY_LENGTH;
    this.aad = this.nonce + NONCE_LENGTH + 4;
    this.text = this.aad + MAX_AAD;
  }

  /** `secrets`: a key, and behind it perhaps a nonce. Both are there until the text is sealed or opened. */
  begin(secrets: Int32Array): void {
    // Other users of the module may have made its memory grow.
    if (this.heap.length === 0) this.#look();
    const words = this.#words;
    const at = this.#key / 4;
    for (let i = 0; i < secrets.length; i++) words[at + i] = secrets[i] as number;
  }

  /** The bytes of `from` between `start` and `end` are the text. */
  putText(from: Uint8Array, start: number, end: number): void {
    const { heap, text } = this;
    const length = end - start;
    if (length > LOOPED) heap.set(length === from.length ? from : from.subarray(start, end), text);
    else for (let i = 0; i < length; i++) heap[text + i] = from[start + i] as number;
  }

  /** Seals `length` bytes of text in place, so that no plaintext stays, and writes them and their tag into `out` at `at`. */
  seal(length: number, aadLength: number, out: Uint8Array, at: number): void {
    const { text } = this;
    this.#sodium._crypto_aead_chacha20poly1305_ietf_encrypt(
      text,
      0,
      text,
      length,
      0,
      this.aad,
      aadLength,
      0,
      0,
      this.nonce,
      this.#key,
    );
    this.#wipe(this.#key, KEY_LENGTH + NONCE_LENGTH);
    const sealed = length + TAG_LENGTH;
    if (sealed > LOOPED && this.#sealed.length !== sealed)
      this.#sealed = this.heap.subarray(text, text + sealed);
    this.#copyOut(this.#sealed, sealed, out, at);
  }

  /** Opens the first `length` bytes of text in place. {@link wipeText} has to follow. */
  open(length: number, aadLength: number): boolean {
    const { text } = this;
    const failed = this.#sodium._crypto_aead_chacha20poly1305_ietf_decrypt(
      text,
      0,
      0,
      text,
      length,
      0,
      this.aad,
      aadLength,
      0,
      this.nonce,
      this.#key,
    );
    this.#wipe(this.#key, KEY_LENGTH + NONCE_LENGTH);
    return failed === 0;
  }

  /** The first `length` bytes of text, for the caller. */
  takeText(length: number): Uint8Array {
    if (length > LOOPED && this.#opened.length !== length)
      this.#opened = this.heap.subarray(this.text, this.text + length);
    texts.begin(length);
    this.#copyOut(this.#opened, length, texts.memory, texts.at);
    return texts.take(length);
  }

  wipeText(length: number): void {
    this.#wipe(this.text, length);
  }

  /** `view`: of these bytes, if they are many. */
  #copyOut(view: Uint8Array, length: number, out: Uint8Array, at: number): void {
    const { heap, text } = this;
    if (length > LOOPED) out.set(view, at);
    else for (let i = 0; i < length; i++) out[at + i] = heap[text + i] as number;
  }

  #look(): void {
    const heap = this.#sodium.HEAPU8;
    this.heap = heap;
    this.#words = new Int32Array(heap.buffer, heap.byteOffset);
    this.#opened = EMPTY;
    this.#sealed = EMPTY;
  }

  /** `start` is a multiple of 4; of the last word all bytes become zeros. */
  #wipe(start: number, length: number): void {
    if (length > LOOPED) return void this.heap.fill(0, start, start + length);
    const words = this.#words;
    for (let at = start / 4, end = (start + length) / 4; at < end; at++) words[at] = 0;
  }
}
