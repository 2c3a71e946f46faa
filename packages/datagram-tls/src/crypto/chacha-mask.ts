import type { RecordNumberMask } from './provider.js';

/** "expand 32-byte k", little-endian (RFC 8439 §2.3). */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
const KEY_WORDS = 8;
const DOUBLE_ROUNDS = 10;

/** Scratch: a mask is used before the next one is made. */
const state = new Int32Array(16);
const mask = new Uint8Array(4);

/**
 * The record number mask of ChaCha20 suites (RFC 9147 §4.2.3): the first bytes of one block of ChaCha20. The
 * platform's cipher object for these two bytes costs more than sealing a small record, so the one block is computed
 * here, by additions, rotations and XORs alone, whose time does not depend on the key.
 */
export class ChaChaMask implements RecordNumberMask {
  readonly #key = new Int32Array(KEY_WORDS);

  /** `key` has 32 bytes. */
  constructor(key: Uint8Array) {
    for (let i = 0; i < KEY_WORDS; i++) this.#key[i] = wordAt(key, 4 * i);
  }

  mask(sample: Uint8Array): Uint8Array {
    state.set(CONSTANTS);
    state.set(this.#key, 4);
    // Counter and nonce, as the sample is read.
    for (let i = 0; i < 4; i++) state[12 + i] = wordAt(sample, 4 * i);
    for (let round = 0; round < DOUBLE_ROUNDS; round++) {
      for (let i = 0; i < 4; i++) quarterRound(i, 4 + i, 8 + i, 12 + i);
      for (let i = 0; i < 4; i++) quarterRound(i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
    }
    const first = ((state[0] as number) + CONSTANTS[0]) | 0;
    for (let i = 0; i < mask.length; i++) mask[i] = first >>> (8 * i);
    return mask;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** RFC 8439 §2.1, on four words of the state. */
function quarterRound(i: number, j: number, k: number, l: number): void {
  let a = state[i] as number;
  let b = state[j] as number;
  let c = state[k] as number;
  let d = state[l] as number;
  a = (a + b) | 0;
  d = rotated(d ^ a, 16);
  c = (c + d) | 0;
  b = rotated(b ^ c, 12);
  a = (a + b) | 0;
  d = rotated(d ^ a, 8);
  c = (c + d) | 0;
  b = rotated(b ^ c, 7);
  state[i] = a;
  state[j] = b;
  state[k] = c;
  state[l] = d;
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
