/** Bytes of a piece of memory for short arrays, as large as those of Buffer.allocUnsafe, and for long ones. */
const SHORT_PIECE = 0x2000;
const LONG_PIECE = 0x4000;
/** Arrays of this length and more are long: what one of them keeps alive is at most 32 times its length. */
const LONG = LONG_PIECE / 32;
/** Longer arrays have memory of their own: too much of a piece would stay empty. */
const MOST = LONG_PIECE / 4;

/**
 * Arrays for records that come and go: each is a view of a piece of memory that it shares with others. V8 allocates memory of
 * its own for each array of more than 64 bytes, and for a shorter one as soon as its buffer is asked for, which costs more than
 * to seal a short record; so does a piece for a few long ones. What outlives its turn is copied: a view keeps alive the memory
 * of the whole.
 */
export class BytePool {
  readonly #short: Pieces;
  readonly #long: Pieces;
  #lent: Pieces | undefined;

  /** `onPiece` is called with each new piece of memory. */
  constructor(onPiece?: (memory: ArrayBuffer) => void) {
    this.#short = new Pieces(SHORT_PIECE, onPiece);
    this.#long = new Pieces(LONG_PIECE, onPiece);
  }

  /** Zeros, or what a {@link room} that was not kept has left. The array is the caller's after {@link keep}, until then it is lent. */
  room(length: number): Uint8Array<ArrayBuffer> {
    this.#lent = undefined;
    if (length > MOST) return new Uint8Array(length);
    const pieces = length < LONG ? this.#short : this.#long;
    this.#lent = pieces;
    return pieces.room(length);
  }

  keep(): void {
    this.#lent?.keep();
    this.#lent = undefined;
  }
}

/** Pieces of one size, one after the other. */
class Pieces {
  readonly #size: number;
  readonly #onPiece: ((memory: ArrayBuffer) => void) | undefined;
  #memory = new ArrayBuffer(0);
  #used = 0;
  #offered = 0;

  constructor(size: number, onPiece: ((memory: ArrayBuffer) => void) | undefined) {
    this.#size = size;
    this.#onPiece = onPiece;
  }

  room(length: number): Uint8Array<ArrayBuffer> {
    // A detached piece has no bytes: any holder of one of its arrays can detach it.
    if (this.#used + length >= this.#memory.byteLength) this.#renew();
    this.#offered = length;
    return new Uint8Array(this.#memory, this.#used, length);
  }

  keep(): void {
    this.#used += this.#offered;
  }

  #renew(): void {
    this.#memory = new ArrayBuffer(this.#size);
    this.#used = 0;
    this.#onPiece?.(this.#memory);
  }
}

/** `bytes`, if their memory is theirs alone, or else a copy. */
export function withOwnMemory(bytes: Uint8Array): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes);
}
