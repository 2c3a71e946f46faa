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

  constructor(flight: Flight) {
    this.#missing = flight.items.map((item, i) => ({
      item: i,
      start: 0,
      end: item.kind === 'message' ? item.body.length : 0,
    }));
  }

  /** What is still to be acknowledged, in order. */
  get missing(): readonly Stretch[] {
    return this.#missing;
  }

  /** Nothing was acknowledged yet. */
  get untouched(): boolean {
    return this.#untouched;
  }

  /** `stretch` went out in this record. */
  onSent(stretch: Stretch, epoch: number, sequenceNumber: number): void {
    if (this.#sent.length === MAX_RECORDS) this.#sent.shift();
    this.#sent.push({ ...stretch, epoch, sequenceNumber });
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
