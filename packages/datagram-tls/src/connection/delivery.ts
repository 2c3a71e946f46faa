import type { Flight } from '../handshake/flight.js';
import type { RecordNumber } from '../wire/messages/ack.js';

/** Bytes `start` to `end` of the body of a flight's item; an item without a body is one empty stretch. */
export interface Stretch {
  readonly item: number;
  readonly start: number;
  readonly end: number;
}

interface SentRecord extends Stretch, RecordNumber {}

/** Records of one flight that are remembered, so that an ACK of any transmission counts; the oldest go first. */
const MAX_RECORDS = 256;

/** Which parts of a flight the peer has acknowledged, in whatever records they went out (RFC 9147 §7.2). */
export class Delivery {
  #missing: readonly Stretch[];
  #sent: SentRecord[] = [];
  #untouched = true;
  /** Where each item begins when all stand in a row, each with one place more than it has bytes; then the end. */
  readonly #places: readonly number[];
  /** Where the last transmission ended, and the farthest that any came. */
  #cursor = 0;
  #frontier = 0;

  constructor({ items }: Flight) {
    const missing: Stretch[] = [];
    const places = [0];
    let place = 0;
    for (const [item, content] of items.entries()) {
      const end = content.kind === 'message' ? content.body.length : 0;
      missing.push({ item, start: 0, end });
      place += end + 1;
      places.push(place);
    }
    this.#missing = missing;
    this.#places = places;
  }

  /** What is still to be acknowledged, in order. */
  get missing(): readonly Stretch[] {
    return this.#missing;
  }

  /** The same, beginning with what the last transmission did not come to. */
  get missingFromCursor(): readonly Stretch[] {
    const pieces = this.#missing.flatMap((stretch) => this.#splitAtCursor(stretch));
    const first = pieces.findIndex((piece) => this.#place(piece.item, piece.start) >= this.#cursor);
    return first < 0 ? pieces : [...pieces.slice(first), ...pieces.slice(0, first)];
  }

  /** Nothing was acknowledged yet. */
  get untouched(): boolean {
    return this.#untouched;
  }

  /** `stretch` goes out in this record; returns whether it did so before. */
  onSent(stretch: Stretch, epoch: number, sequenceNumber: number): boolean {
    if (this.#sent.length === MAX_RECORDS) this.#sent.shift();
    const { item, start, end } = stretch;
    this.#sent.push({ item, start, end, epoch, sequenceNumber });
    return this.#advance(stretch);
  }

  /** Returns whether that told anything new. */
  acknowledge(numbers: readonly RecordNumber[]): boolean {
    const before = this.#missing;
    for (const number of numbers) {
      const record = this.#sent.find(
        (sent) => sent.sequenceNumber === number.sequenceNumber && sent.epoch === number.epoch,
      );
      if (record !== undefined) this.#missing = without(this.#missing, record);
    }
    if (this.#missing === before) return false;
    this.#untouched = false;
    return true;
  }

  #advance({ item, start, end }: Stretch): boolean {
    const repeats = this.#place(item, start) < this.#frontier;
    const next = this.#place(item, end) + 1;
    // After the last byte of an item the next one begins.
    this.#cursor = next === this.#places[item + 1] ? next : next - 1;
    this.#frontier = Math.max(this.#frontier, this.#cursor);
    return repeats;
  }

  #place(item: number, offset: number): number {
    return (this.#places[item] ?? 0) + offset;
  }

  #splitAtCursor(stretch: Stretch): Stretch[] {
    const { item, start, end } = stretch;
    const cut = this.#cursor - this.#place(item, 0);
    if (cut <= start || cut >= end) return [stretch];
    return [
      { item, start, end: cut },
      { item, start: cut, end },
    ];
  }
}

/** The very same list when `arrived` is in none of them. */
function without(missing: readonly Stretch[], arrived: Stretch): readonly Stretch[] {
  if (!missing.some((stretch) => overlap(stretch, arrived))) return missing;
  return missing.flatMap((stretch) => (overlap(stretch, arrived) ? remains(stretch, arrived) : [stretch]));
}

function overlap(a: Stretch, b: Stretch): boolean {
  if (a.item !== b.item) return false;
  return a.start === a.end || (a.start < b.end && b.start < a.end);
}

function remains({ item, start, end }: Stretch, arrived: Stretch): Stretch[] {
  const before = { item, start, end: arrived.start };
  const after = { item, start: arrived.end, end };
  return [before, after].filter((rest) => rest.start < rest.end);
}
