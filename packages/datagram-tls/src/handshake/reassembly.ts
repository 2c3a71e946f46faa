import { concat, own } from '../base/bytes.js';
import type { HandshakeFragment } from '../wire/messages/handshake-header.js';
import type { Message } from './message.js';

/** What became of a fragment. Everything but `stored` and `old` is a reason to count it as dropped. */
export type FragmentFate = 'stored' | 'old' | 'conflicting_fragment' | 'too_far_ahead' | 'over_budget';

export interface ReassemblyLimits {
  /** Largest handshake message accepted, bytes. */
  readonly maxMessage: number;
  /** Bytes of unfinished messages held at once; each piece counts its bytes and {@link PIECE_COST}. */
  readonly budget: number;
}

/** Messages beyond the next expected one that may be held while that one is incomplete. */
const WINDOW = 16;
/** Held pieces cost memory beyond their bytes, so that a flood of one-byte fragments meets the budget too. */
const PIECE_COST = 64;

/** Of one message: 64 KB in datagrams of 256 bytes take half as many. */
const MAX_PIECES = 512;

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

interface Partial {
  readonly type: number;
  readonly length: number;
  readonly epoch: number;
  /** Sorted by start, never overlapping. */
  readonly pieces: Piece[];
  covered: number;
}

/**
 * Puts handshake messages together from fragments in any order and hands them out in the order of their message_seq
 * (RFC 6347 §4.2.3, RFC 9147 §5.5). The first fragment of a message pins its type, length and epoch. Memory grows with
 * the bytes that arrived, never with the lengths they claim.
 */
export class Reassembler {
  #next: number;
  #held = 0;
  readonly #partials = new Map<number, Partial>();
  readonly #limits: ReassemblyLimits;

  constructor(firstSeq: number, limits: ReassemblyLimits) {
    this.#next = firstSeq;
    this.#limits = limits;
  }

  /** message_seq of the next message that {@link take} can return. */
  get next(): number {
    return this.#next;
  }

  /** Bytes charged against the budget. */
  get held(): number {
    return this.#held;
  }

  /** Copies what is new in `fragment`, which came in a record of `epoch`. */
  add(fragment: HandshakeFragment, epoch: number): FragmentFate {
    if (fragment.messageSeq < this.#next) return 'old';
    if (fragment.messageSeq >= this.#next + WINDOW) return 'too_far_ahead';
    if (fragment.length > this.#limits.maxMessage) return 'over_budget';
    const partial = this.#partialFor(fragment, epoch);
    if (partial === undefined) return 'over_budget';
    if (partial.type !== fragment.type || partial.length !== fragment.length || partial.epoch !== epoch) {
      return 'conflicting_fragment';
    }
    return this.#insert(partial, fragment.fragmentOffset, fragment.fragment);
  }

  /** The next message in order, once it is whole. Its body is memory of its own. */
  take(): Message | undefined {
    const partial = this.#partials.get(this.#next);
    if (partial === undefined || partial.covered < partial.length) return undefined;
    this.#partials.delete(this.#next);
    this.#held -= partial.covered + partial.pieces.length * PIECE_COST;
    const first = partial.pieces[0];
    const body =
      partial.pieces.length === 1 && first !== undefined
        ? first.bytes
        : concat(...partial.pieces.map((p) => p.bytes));
    return { type: partial.type, seq: this.#next++, epoch: partial.epoch, body };
  }

  /** Something is missing before what came last. */
  get gap(): boolean {
    if (this.#partials.size === 0) return false;
    const next = this.#partials.get(this.#next);
    if (next === undefined) return true;
    if (next.covered === next.length) return false;
    let at = 0;
    for (const { start, bytes } of next.pieces) {
      if (start > at) return true;
      at += bytes.length;
    }
    return this.#partials.size > 1;
  }

  /** Forgets the messages held of other epochs, which a key change made worthless; returns how many there were. */
  onlyEpoch(epoch: number): number {
    const before = this.#partials.size;
    for (const [seq, partial] of this.#partials) {
      if (partial.epoch === epoch) continue;
      this.#partials.delete(seq);
      this.#held -= partial.covered + partial.pieces.length * PIECE_COST;
    }
    return before - this.#partials.size;
  }

  #partialFor(fragment: HandshakeFragment, epoch: number): Partial | undefined {
    const known = this.#partials.get(fragment.messageSeq);
    if (known !== undefined) return known;
    if (this.#held + fragment.fragment.length + PIECE_COST > this.#limits.budget) return undefined;
    const partial = { type: fragment.type, length: fragment.length, epoch, pieces: [], covered: 0 };
    this.#partials.set(fragment.messageSeq, partial);
    return partial;
  }

  /** Keeps the parts of `bytes` that no earlier piece covers: what came first stays. */
  #insert(partial: Partial, start: number, bytes: Uint8Array): FragmentFate {
    if (partial.length === 0 || bytes.length === 0) return 'stored';
    if (this.#held + PIECE_COST > this.#limits.budget || partial.pieces.length >= MAX_PIECES)
      return 'over_budget';
    const end = start + bytes.length;
    const fresh: Piece[] = [];
    let at = start;
    for (let i = firstEndingAfter(partial.pieces, start); i < partial.pieces.length; i++) {
      const piece = partial.pieces[i] as Piece;
      if (piece.start >= end) break;
      if (piece.start > at) fresh.push({ start: at, bytes: bytes.subarray(at - start, piece.start - start) });
      at = Math.max(at, piece.start + piece.bytes.length);
    }
    if (at < end) fresh.push({ start: at, bytes: bytes.subarray(at - start) });
    return this.#keep(partial, fresh);
  }

  #keep(partial: Partial, fresh: readonly Piece[]): FragmentFate {
    let cost = 0;
    for (const piece of fresh) cost += piece.bytes.length + PIECE_COST;
    if (this.#held + cost > this.#limits.budget) return 'over_budget';
    for (const { start, bytes } of fresh) {
      const at = firstEndingAfter(partial.pieces, start);
      const piece = { start, bytes: own(bytes) };
      if (at === partial.pieces.length) partial.pieces.push(piece);
      else partial.pieces.splice(at, 0, piece);
      partial.covered += bytes.length;
    }
    this.#held += cost;
    return 'stored';
  }
}

/** Index of the first piece that ends beyond `offset`, by halving: a flood of tiny fragments must stay cheap. */
function firstEndingAfter(pieces: readonly Piece[], offset: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { start, bytes } = pieces[middle] as Piece;
    if (start + bytes.length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
