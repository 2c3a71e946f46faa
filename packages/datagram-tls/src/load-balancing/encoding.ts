import type { BlockCipher } from './block-cipher.js';
import type { Configuration } from './configuration.js';

/** Server ID and nonce of this many bytes are one block of AES (draft-ietf-quic-load-balancers §5.4.1). */
const BLOCK = 16;
/** Of the first octet: the configuration has the other three. */
const LOW_BITS = 0x1f;
const CONFIG_SHIFT = 5;

/** Bytes of a connection ID: the first octet, the server ID, the nonce. */
export function lengthOf({ serverIdLength, nonceLength }: Configuration): number {
  return 1 + serverIdLength + nonceLength;
}

export function firstOctet(configId: number, lowBits: number): number {
  return (configId << CONFIG_SHIFT) | (lowBits & LOW_BITS);
}

export function configIdOf(first: number): number {
  return first >>> CONFIG_SHIFT;
}

/** `nonce` has to be another one each time (§5.4). */
export function encodeConnectionId(
  configuration: Configuration & { readonly serverId: Uint8Array },
  nonce: Uint8Array,
  lowBits: number,
): Uint8Array {
  const { configId, serverId, cipher } = configuration;
  const cid = new Uint8Array(lengthOf(configuration));
  cid[0] = firstOctet(configId, lowBits);
  cid.set(serverId, 1);
  cid.set(nonce, 1 + serverId.length);
  const text = cid.subarray(1);
  if (cipher === undefined) return cid;
  if (text.length === BLOCK) text.set(cipher.encrypt(text));
  else encryptInFourPasses(cipher, text);
  return cid;
}

/** The server ID in the connection ID that begins at `at` of `bytes`, which are long enough; in new memory. */
export function decodeServerId(
  { serverIdLength, nonceLength, cipher }: Configuration,
  bytes: Uint8Array,
  at: number,
): Uint8Array {
  // Of a Buffer `slice` is a view.
  const text = new Uint8Array(bytes.subarray(at + 1, at + 1 + serverIdLength + nonceLength));
  if (cipher === undefined) return text.subarray(0, serverIdLength);
  if (text.length === BLOCK) return cipher.decrypt(text).subarray(0, serverIdLength);
  decryptInPasses(cipher, text, serverIdLength <= nonceLength ? 3 : 4);
  return text.subarray(0, serverIdLength);
}

/** §5.4.2: a Feistel network. Both halves of an odd number of octets have the middle one, each with four of its bits. */
function encryptInFourPasses(cipher: BlockCipher, text: Uint8Array): void {
  const halves = new Halves(cipher, text);
  for (let pass = 1; pass <= 4; pass++) halves.pass(pass);
  halves.join();
}

/** §5.5.2: in three passes the left half is there, in four all. */
function decryptInPasses(cipher: BlockCipher, text: Uint8Array, passes: 3 | 4): void {
  const halves = new Halves(cipher, text);
  for (let pass = 4; pass > 4 - passes; pass--) halves.pass(pass);
  halves.join();
}

class Halves {
  readonly #cipher: BlockCipher;
  readonly #text: Uint8Array;
  readonly #half: number;
  readonly #left: Uint8Array;
  readonly #right: Uint8Array;
  readonly #block = new Uint8Array(BLOCK);

  constructor(cipher: BlockCipher, text: Uint8Array) {
    this.#cipher = cipher;
    this.#text = text;
    this.#half = Math.ceil(text.length / 2);
    this.#left = text.slice(0, this.#half);
    this.#right = text.slice(text.length - this.#half);
    this.#clear();
  }

  /** One half changes, the other one stays: a pass undoes itself. */
  pass(pass: number): void {
    const [from, to] = pass % 2 === 1 ? [this.#left, this.#right] : [this.#right, this.#left];
    const block = this.#block;
    block.set(from);
    block[BLOCK - 2] = this.#text.length;
    block[BLOCK - 1] = pass;
    const mask = this.#cipher.encrypt(block);
    for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) ^ (mask[i] as number);
    this.#clear();
  }

  join(): void {
    const text = this.#text;
    const half = this.#half;
    text.set(this.#right, text.length - half);
    text.set(this.#left.subarray(0, text.length - half));
    if (this.#isOdd) text[half - 1] = (this.#left[half - 1] as number) | (this.#right[0] as number);
  }

  get #isOdd(): boolean {
    return this.#text.length % 2 === 1;
  }

  #clear(): void {
    if (!this.#isOdd) return;
    const last = this.#half - 1;
    this.#left[last] = (this.#left[last] as number) & 0xf0;
    this.#right[0] = (this.#right[0] as number) & 0x0f;
  }
}
