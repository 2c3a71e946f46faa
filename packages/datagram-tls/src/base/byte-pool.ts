/** Bytes of a piece of memory for short arrays, as large as those of Buffer.allocUnsafe, and for long ones. */
const SHORT_PIECE = 0x2000;
const LONG_PIECE = 0x4000;
/** Arrays of this length and more are long: what one of them keeps alive is at most 32 times its length. */
const LONG = LONG_PIECE / 32;
/** Longer arrays have memory of their own: too much of a piece would stay empty. */
const MAX_POOLED = LONG_PIECE / 4;

/**
 * Short-lived arrays for records: each is a view of a piece of memory that it shares with others. V8 allocates separate
 * memory for each array of more than 64 bytes, and for a shorter one as soon as its buffer is read. That costs more than
 * sealing a short record, and so does a new piece for a few long arrays. An array that outlives its turn is copied, because
 * a view keeps the whole piece alive.
 */
export class BytePool {
  /** Where the array that was begun last will stand: from {@link at} on. There are zeros, or what others have left. */
  memory: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  at = 0;
  readonly #short: Pieces;
  readonly #long: Pieces;
  #lent: Pieces | undefined;

  /** `onPiece` is called with each new piece of memory. */
  constructor(onPiece?: (memory: ArrayBuffer) => void) {
    this.#short = new Pieces(SHORT_PIECE, onPiece);
    this.#long = new Pieces(LONG_PIECE, onPiece);
  }

  /** Finds {@link memory} for an array of at most `length` bytes, which {@link take} then makes of what was written there. */
  begin(length: number): void {
    if (length > MAX_POOLED) {
      this.#lent = undefined;
      this.memory = new Uint8Array(length);
      this.at = 0;
      return;
    }
    const pieces = length < LONG ? this.#short : this.#long;
    pieces.makeRoom(length);
    this.#lent = pieces;
    this.memory = pieces.bytes;
    this.at = pieces.used;
  }

  /** The array that was begun, which is the caller's: its first `length` bytes. Once for each {@link begin}. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const lent = this.#lent;
    this.#lent = undefined;
    if (lent !== undefined) return lent.take(length);
    return length === this.memory.length ? this.memory : this.memory.subarray(0, length);
  }

  /** Has zeros, or what a {@link room} that was not kept has left. The array is lent until {@link keep} makes it the caller's. */
  room(length: number): Uint8Array<ArrayBuffer> {
    this.begin(length);
    return this.#lent === undefined ? this.memory : this.#lent.view(length);
  }

  keep(): void {
    this.#lent?.keep();
    this.#lent = undefined;
  }
}

/** Pieces of one size, one after the other. */
class Pieces {
  /** All of the piece at hand. */
  bytes: Uint8Array<ArrayBuffer>;
  used = 0;
  readonly #size: number;
  readonly #onPiece: ((memory: ArrayBuffer) => void) | undefined;
  #memory = new ArrayBuffer(0);
  #offered = 0;

  constructor(size: number, onPiece: ((memory: ArrayBuffer) => void) | undefined) {
    this.#size = size;
    this.#onPiece = onPiece;
    this.bytes = new Uint8Array(this.#memory);
  }

  makeRoom(length: number): void {
    // A detached piece has no bytes: any holder of one of its arrays can detach it.
    if (this.used + length >= this.bytes.length) this.#renew();
  }

  view(length: number): Uint8Array<ArrayBuffer> {
    this.#offered = length;
    return new Uint8Array(this.#memory, this.used, length);
  }

  keep(): void {
    this.used += this.#offered;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#memory, this.used, length);
    this.used += length;
    return taken;
  }

  #renew(): void {
    this.#memory = new ArrayBuffer(this.#size);
    this.bytes = new Uint8Array(this.#memory);
    this.used = 0;
    this.#onPiece?.(this.#memory);
  }
}

/** `bytes`, if their memory is theirs alone, or else a copy. */
export function withOwnMemory(bytes: Uint8Array): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes);
}
