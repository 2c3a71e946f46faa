/** Bytes of a piece of memory, as large as those of Buffer.allocUnsafe. */
const PIECE = 0x2000;
/** Longer arrays have memory of their own: too much of a piece would stay empty. */
const MOST = PIECE / 2;

/**
 * Arrays for records that come and go: each is a view of a piece of memory that it shares with others. V8 allocates memory of
 * its own for each array of more than 64 bytes, and for a shorter one as soon as its buffer is asked for, which costs more than
 * to seal a short record. What outlives its turn is copied: a view keeps alive the memory of the whole.
 */
export class BytePool {
  readonly #onPiece: ((memory: ArrayBuffer) => void) | undefined;
  #memory = new ArrayBuffer(0);
  #used = 0;
  /** Of the last {@link room}, where that is in {@link #memory}. */
  #offered = 0;

  /** `onPiece` is called with each new piece of memory. */
  constructor(onPiece?: (memory: ArrayBuffer) => void) {
    this.#onPiece = onPiece;
  }

  /** Zeros, or what a {@link room} that was not kept has left. The array is the caller's after {@link keep}, until then it is lent. */
  room(length: number): Uint8Array<ArrayBuffer> {
    this.#offered = 0;
    if (length > MOST) return new Uint8Array(length);
    // A detached piece has no bytes: whoever has one of its arrays can detach it.
    if (this.#used + length >= this.#memory.byteLength) this.#renew();
    this.#offered = length;
    return new Uint8Array(this.#memory, this.#used, length);
  }

  keep(): void {
    this.#used += this.#offered;
    this.#offered = 0;
  }

  #renew(): void {
    this.#memory = new ArrayBuffer(PIECE);
    this.#used = 0;
    this.#onPiece?.(this.#memory);
  }
}

/** `bytes`, if their memory is theirs alone, or else a copy. */
export function withOwnMemory(bytes: Uint8Array): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes);
}
