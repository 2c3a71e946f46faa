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
  readonly #first: number;
  readonly #second: number;
  readonly #third: number;

  /** `iv`: up to as long as a nonce. */
  constructor(iv: Uint8Array) {
    const padded = new Uint8Array(NONCE_LENGTH);
    padded.set(iv);
    const [first = 0, second = 0, third = 0] = new Int32Array(padded.buffer);
    this.#first = first;
    this.#second = second;
    this.#third = third;
  }

  /** Begins the {@link nonce} of a record. */
  begin(): void {
    words[0] = this.#first;
    words[1] = this.#second;
    words[2] = this.#third;
  }
}
