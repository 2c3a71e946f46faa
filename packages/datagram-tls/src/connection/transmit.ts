import { own } from '../base/bytes.js';
import { Queue } from '../base/queue.js';
import type { Flight, FlightItem } from '../handshake/flight.js';
import type { Epochs } from '../record/epochs.js';
import { mayWrite, type RecordWriter } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { HANDSHAKE_HEADER_LENGTH, writeHandshakeHeader } from '../wire/messages/handshake-header.js';
import type { Delivery, Stretch } from './delivery.js';

/** A fragment with less than this is not worth a record of its own, unless it ends its message; bytes. */
const LEAST_FRAGMENT = 16;

const CHANGE_CIPHER_SPEC = Uint8Array.of(1);

/** How a flight is to be sent. */
export interface Manner {
  /** The largest datagram, bytes. */
  readonly size: number;
  /** Bytes of content that one record may hold. */
  readonly content: number;
  /** Records that may go out at once. */
  readonly records: number;
  /**
   * All that is missing, beginning with what the last transmission did not come to; what was never sent or is lost; or
   * what was never sent.
   */
  readonly part: 'from-cursor' | 'sendable' | 'unsent';
}

/** What a transmission of a flight came to. */
export interface Transmission {
  readonly datagrams: number;
  readonly bytes: number;
  /** Bytes of the largest datagram. */
  readonly largest: number;
  /** The items of which something was sent. */
  readonly items: ReadonlySet<number>;
  /** Something of it had been sent before. */
  readonly repeats: boolean;
}

/** Turns what is to be sent into records and datagrams, and queues them. */
export class Transmit {
  readonly #epochs: Epochs;
  readonly #queue = new Queue<Uint8Array>();
  /** The same, unless flights have a queue of their own. */
  #flights = this.#queue;

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  /** From now on flights overtake all else that waits. */
  putFlightsFirst(): void {
    this.#flights = new Queue();
  }

  /** What waits leaves with the state. */
  save(w: Writer): void {
    const waiting: Uint8Array[] = [];
    for (let datagram = this.poll(); datagram !== undefined; datagram = this.poll()) waiting.push(datagram);
    w.varint(waiting.length);
    for (const datagram of waiting) w.vec16(datagram);
  }

  restore(r: Reader): void {
    for (let left = r.varint(); left > 0 && !r.failed; left--) this.#queue.push(own(r.vec16()));
  }

  /** Datagrams that are to be polled. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** A part of a flight is to be polled. */
  get flightWaits(): boolean {
    return this.#flights.length > 0;
  }

  /** Bytes of the next one. */
  get nextSize(): number {
    return (this.#flights.peek() ?? this.#queue.peek())?.length ?? 0;
  }

  /** The next datagram; the caller owns it. */
  poll(): Uint8Array | undefined {
    return this.#flights.shift() ?? this.#queue.shift();
  }

  /** One record in a datagram of its own, which is returned. The caller has checked that the writer may go on. */
  record(writer: RecordWriter, type: number, plaintext: Uint8Array): Uint8Array {
    const room = new Uint8Array(plaintext.length + writer.overhead);
    const length = writer.seal(type, plaintext, room, 0);
    const datagram = length === room.length ? room : room.subarray(0, length);
    this.#queue.push(datagram);
    return datagram;
  }

  /** Records that share datagrams of up to `size` bytes. The caller has checked that the writer may go on for all of them. */
  records(writer: RecordWriter, type: number, plaintexts: readonly Uint8Array[], size: number): void {
    const packer = new Packer(size, plaintexts.length);
    for (const plaintext of plaintexts) {
      packer.reserve(writer.overhead + plaintext.length);
      packer.add(writer, type, plaintext);
    }
    for (const datagram of packer.finish()) this.#queue.push(datagram);
  }

  /** The same bytes as before: a peer that has them already sees a duplicate. */
  again(datagram: Uint8Array): void {
    this.#queue.push(own(datagram));
  }

  /**
   * What the peer may lack of a flight, as far as `manner` lets it go out at once. `delivery` tells what that is, and
   * learns which record carried it.
   */
  flight(flight: Flight, { size, content, records, part }: Manner, delivery: Delivery): Transmission {
    const packer = new Packer(size, records);
    const items = new Set<number>();
    let repeats = false;
    for (const stretch of partOf(delivery, part)) {
      const item = flight.items[stretch.item];
      const writer = item === undefined ? undefined : this.#epochs.writerOf(item.epoch);
      if (item === undefined || writer === undefined || !mayWrite(writer)) continue;
      if (packer.records <= 0) break;
      repeats = packStretch(packer, writer, item, stretch, { content, delivery }) || repeats;
      items.add(stretch.item);
    }
    const datagrams = packer.finish();
    let bytes = 0;
    let largest = 0;
    for (const datagram of datagrams) {
      this.#flights.push(datagram);
      bytes += datagram.length;
      largest = Math.max(largest, datagram.length);
    }
    return { datagrams: datagrams.length, bytes, largest, items, repeats };
  }
}

function partOf(delivery: Delivery, part: Manner['part']): readonly Stretch[] {
  if (part === 'from-cursor') return delivery.missingFromCursor;
  return part === 'sendable' ? delivery.sendable : delivery.unsent;
}

/** Returns whether anything of it had been sent before. */
function packStretch(
  packer: Packer,
  writer: RecordWriter,
  item: FlightItem,
  stretch: Stretch,
  { content, delivery }: { readonly content: number; readonly delivery: Delivery },
): boolean {
  if (item.kind === 'change-cipher-spec') {
    packer.reserve(writer.overhead + CHANGE_CIPHER_SPEC.length);
    packer.add(writer, ContentType.change_cipher_spec, CHANGE_CIPHER_SPEC);
    return false;
  }
  let repeats = false;
  let start = stretch.start;
  do {
    const frame = writer.overhead + HANDSHAKE_HEADER_LENGTH;
    const left = stretch.end - start;
    packer.reserve(frame + Math.min(left, LEAST_FRAGMENT));
    const end = start + Math.min(left, packer.room - frame, content - HANDSHAKE_HEADER_LENGTH);
    const piece = { item: stretch.item, start, end };
    repeats = delivery.onSent(piece, writer.epoch, writer.sequence) || repeats;
    packer.add(writer, ContentType.handshake, fragmentOf(item, start, end));
    start = end;
  } while (start < stretch.end && packer.records > 0 && mayWrite(writer));
  return repeats;
}

/** Shared by all connections, as is {@link datagramDraft}: their content is copied before the next use. */
let fragmentDraft = new Uint8Array(0x1000);

/** Bytes `start` to `end` of a message with their handshake header, until the next call. */
function fragmentOf(item: Extract<FlightItem, { kind: 'message' }>, start: number, end: number): Uint8Array {
  const length = HANDSHAKE_HEADER_LENGTH + end - start;
  if (fragmentDraft.length < length) fragmentDraft = new Uint8Array(length);
  const fragment = fragmentDraft.subarray(0, length);
  writeHandshakeHeader(fragment, 0, {
    type: item.type,
    length: item.body.length,
    messageSeq: item.seq,
    fragmentOffset: start,
    fragmentLength: end - start,
  });
  fragment.set(item.body.subarray(start, end), HANDSHAKE_HEADER_LENGTH);
  return fragment;
}

/** They grow to the largest there is. */
let datagramDraft = new Uint8Array(0x1000);

/** Fills datagrams of a given size with records, of which there may be only so many. */
class Packer {
  readonly #size: number;
  #records: number;
  readonly #full: Uint8Array[] = [];
  #used = 0;

  constructor(size: number, records: number) {
    this.#size = size;
    this.#records = records;
    if (datagramDraft.length < size) datagramDraft = new Uint8Array(size);
  }

  /** How many more may go out. */
  get records(): number {
    return this.#records;
  }

  /** Bytes left in the datagram being filled. */
  get room(): number {
    return this.#size - this.#used;
  }

  /** Makes sure of `bytes` of room; a datagram that has less goes out as it is. */
  reserve(bytes: number): void {
    if (this.room >= bytes || this.#used === 0) return;
    this.#flush();
  }

  add(writer: RecordWriter, type: number, plaintext: Uint8Array): void {
    this.#records--;
    this.#used += writer.seal(type, plaintext, datagramDraft, this.#used);
  }

  finish(): Uint8Array[] {
    if (this.#used > 0) this.#flush();
    return this.#full;
  }

  #flush(): void {
    this.#full.push(datagramDraft.slice(0, this.#used));
    this.#used = 0;
  }
}
