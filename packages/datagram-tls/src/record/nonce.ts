/** Of every AEAD here (RFC 5116 §3.2). */
export const NONCE_LENGTH = 12;

/** The nonce of the current record: sealing and opening are synchronous, so all connections share it. */
export const nonce: Uint8Array<ArrayBuffer> = new Uint8Array(NONCE_LENGTH);
const words = new Int32Array(nonce.buffer);

/**
 * The fixed part of the nonces of one direction of one epoch, in three integers: a typed array would take four times the
 * memory.
 */
export class FixedIv {
  /** The first four bytes of a nonce, as an Int32Array has them. */
  readonly salt: number;
  readonly #second: number;
  readonly #third: number;

  /** `iv`: up to as long as a nonce. */
  constructor(iv: Uint8Array) {
    // The buffer of another short array would have to be allocated outside of the heap.
    nonce.fill(0);
    nonce.set(iv);
    this.salt = words[0] as number;
    this.#second = words[1] as number;
    this.#third = words[2] as number;
  }

  /** Begins the {@link nonce} of a record. */
  begin(): void {
    words[0] = this.salt;
    words[1] = this.#second;
    words[2] = this.#third;
  }
}
