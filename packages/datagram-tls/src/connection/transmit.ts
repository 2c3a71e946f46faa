import { BytePool } from '../base/byte-pool.js';
import { own } from '../base/bytes.js';
import { PassingQueue, Queue } from '../base/queue.js';
import { MAX_SEQUENCE } from '../base/sequence.js';
import type { Flight, FlightItem } from '../handshake/flight.js';
import type { Epochs } from '../record/epochs.js';
import { mayWrite, type RecordWriter } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { HANDSHAKE_HEADER_LENGTH, writeHandshakeHeader } from '../wire/messages/handshake-header.js';
import type { Delivery, Stretch } from './delivery.js';

/** A fragment with less than this is not worth a record of its own, unless it ends its message; bytes. */
const MIN_FRAGMENT = 16;

/** The epoch of DTLS 1.3 whose messages share records. */
const SHARED_EPOCH = 2;

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
  readonly items: readonly number[];
  /** Something of it had been sent before. */
  readonly repeats: boolean;
}

/** Where datagrams stand until they are sent; shared by all connections. */
const pool = new BytePool();
/** The one that was made last, until another is made; and the same while its memory is free again. */
let latest: Uint8Array | undefined;
let free: Uint8Array | undefined;

/**
 * The owner has copied or sent a polled datagram, and keeps nothing of it. If it is the record that was made last, the next
 * record of its length reuses its memory. A new array for each answer would be work for the collector.
 */
export function giveBack(datagram: Uint8Array): void {
  if (datagram === latest) free = datagram;
}

/** Memory for a record, whose bytes may be those of another. */
function takeRoom(length: number): Uint8Array {
  const known = free;
  free = undefined;
  if (known !== undefined && known.length === length) return known;
  const room = pool.room(length);
  pool.keep();
  return room;
}

/** Turns what is to be sent into records and datagrams, and queues them. */
export class Transmit {
  readonly #epochs: Epochs;
  readonly #queue = new PassingQueue<Uint8Array>();
  /** The same, unless flights have a queue of their own. */
  #flights: PassingQueue<Uint8Array> | Queue<Uint8Array> = this.#queue;

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  /** From now on flights overtake all else that waits. */
  putFlightsFirst(): void {
    this.#flights = new Queue();
  }

  /** What waits becomes a part of the state. */
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
    const room = takeRoom(plaintext.length + writer.overhead);
    const length = writer.seal(type, plaintext, room, 0);
    const datagram = length === room.length ? room : room.subarray(0, length);
    latest = datagram;
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
   * Puts all of a new flight into one datagram of at most `size` bytes, each message in a record of its own with at most `content`
   * bytes, and returns its length; 0 where it does not fit, or may not all be written. Nothing has to be remembered of it.
   */
  whole({ items }: Flight, size: number, content: number): number {
    const most = this.#maxLength(items, content);
    if (most === undefined || most > size) return 0;
    const room = pool.room(most);
    pool.keep();
    let length = 0;
    for (const item of items) {
      // Each has one.
      const writer = this.#epochs.writerOf(item.epoch) as RecordWriter;
      length +=
        item.kind === 'message'
          ? writer.seal(ContentType.handshake, draftWhole(item), room, length)
          : writer.seal(ContentType.change_cipher_spec, CHANGE_CIPHER_SPEC, room, length);
    }
    this.#flights.push(length === most ? room : room.subarray(0, length));
    return length;
  }

  /** The most bytes that the records of `items` take; `undefined` where one is too large, or may not be written. */
  #maxLength(items: readonly FlightItem[], content: number): number | undefined {
    let most = 0;
    for (const item of items) {
      const writer = this.#epochs.writerOf(item.epoch);
      // The number of the first record of a server is its client's.
      if (writer?.state !== 'open' || writer.sequence > MAX_SEQUENCE - items.length) return undefined;
      const length =
        item.kind === 'message' ? HANDSHAKE_HEADER_LENGTH + item.body.length : CHANGE_CIPHER_SPEC.length;
      if (length > content) return undefined;
      most += writer.overhead + length;
    }
    return most;
  }

  /**
   * What the peer may lack of a flight, as far as `manner` lets it go out at once. `delivery` tells what that is, and
   * learns which record carried it.
   */
  flight(flight: Flight, { size, content, records, part }: Manner, delivery: Delivery): Transmission {
    const packer = new Packer(size, records);
    const pieces = new FlightPacker(packer, content, delivery);
    for (const stretch of partOf(delivery, part)) {
      const item = flight.items[stretch.item];
      const writer = item === undefined ? undefined : this.#epochs.writerOf(item.epoch);
      if (item === undefined || writer === undefined || !(pieces.isIn(writer) || mayWrite(writer))) continue;
      if (!pieces.add(item, stretch, writer)) break;
    }
    pieces.finish();
    const datagrams = packer.finish();
    let bytes = 0;
    let largest = 0;
    for (const datagram of datagrams) {
      this.#flights.push(datagram);
      bytes += datagram.length;
      largest = Math.max(largest, datagram.length);
    }
    const { items, repeats } = pieces;
    return { datagrams: datagrams.length, bytes, largest, items, repeats };
  }
}

function partOf(delivery: Delivery, part: Manner['part']): readonly Stretch[] {
  if (part === 'from-cursor') return delivery.missingFromCursor;
  return part === 'sendable' ? delivery.sendable : delivery.unsent;
}

/** The content of the current record, shared by all connections as is {@link datagramDraft}. */
let contentDraft = new Uint8Array(0x1000);

/** A message in one fragment; valid until the next draft. */
function draftWhole({ type, seq, body }: Extract<FlightItem, { kind: 'message' }>): Uint8Array {
  const { length } = body;
  const whole = HANDSHAKE_HEADER_LENGTH + length;
  if (contentDraft.length < whole) contentDraft = new Uint8Array(whole);
  const header = { type, length, messageSeq: seq, fragmentOffset: 0, fragmentLength: length };
  writeHandshakeHeader(contentDraft, 0, header);
  contentDraft.set(body, HANDSHAKE_HEADER_LENGTH);
  return contentDraft.subarray(0, whole);
}

/**
 * Cuts records from what is to be sent of a flight. Fragments that follow one another in the handshake's epoch of DTLS
 * 1.3 share a record (RFC 9147 §5.5), which both sides seal, mask and open once. Others have records of their own (ADR
 * 64): a plaintext record costs only its header, and a peer that ignores tickets may acknowledge none of their records.
 */
class FlightPacker {
  readonly #packer: Packer;
  readonly #content: number;
  readonly #delivery: Delivery;
  /** Of the record that is being filled. */
  #writer: RecordWriter | undefined;
  #stretches: Stretch[] = [];
  #filled = 0;
  /** The items of which something was sent. */
  readonly items: number[] = [];
  /** Something was sent before. */
  repeats = false;

  /** `content`: bytes of content that one record may hold. */
  constructor(packer: Packer, content: number, delivery: Delivery) {
    this.#packer = packer;
    this.#content = content;
    this.#delivery = delivery;
  }

  /** A record of `writer` is being filled. */
  isIn(writer: RecordWriter): boolean {
    return this.#writer === writer;
  }

  /** Adds `stretch` as far as records may go out; `false` when none may. */
  add(item: FlightItem, stretch: Stretch, writer: RecordWriter): boolean {
    if (item.kind === 'change-cipher-spec') return this.#addChange(stretch.item, writer);
    let { start } = stretch;
    do {
      const left = stretch.end - start;
      const least = HANDSHAKE_HEADER_LENGTH + Math.min(left, MIN_FRAGMENT);
      if (!(this.#continues(stretch.item, start, writer) && this.#room(writer) >= least)) {
        this.#seal();
        if (!this.#begin(writer, least)) return start > stretch.start;
      }
      const end = start + Math.min(left, this.#room(writer) - HANDSHAKE_HEADER_LENGTH);
      this.#write(item, start, end);
      this.#stretches.push({ item: stretch.item, start, end });
      this.#note(stretch.item);
      start = end;
    } while (start < stretch.end);
    return true;
  }

  finish(): void {
    this.#seal();
  }

  #addChange(item: number, writer: RecordWriter): boolean {
    this.#seal();
    if (this.#packer.records <= 0) return false;
    this.#packer.reserve(writer.overhead + CHANGE_CIPHER_SPEC.length);
    this.#packer.add(writer, ContentType.change_cipher_spec, CHANGE_CIPHER_SPEC);
    this.#note(item);
    return true;
  }

  /** Items are few. */
  #note(item: number): void {
    if (!this.items.includes(item)) this.items.push(item);
  }

  /**
   * The same record may go on. Messages stand in it in their order: after one that changes keys nothing may follow
   * (RFC 8446 §5.1).
   */
  #continues(item: number, start: number, writer: RecordWriter): boolean {
    const last = this.#stretches.at(-1);
    if (last === undefined || this.#writer !== writer || writer.epoch !== SHARED_EPOCH) return false;
    return last.item < item || (last.item === item && last.end <= start);
  }

  /** Bytes that still fit into the record. */
  #room(writer: RecordWriter): number {
    return Math.min(this.#packer.room - writer.overhead, this.#content) - this.#filled;
  }

  /** Begins a record with at least this much room; `false` when none may go out. */
  #begin(writer: RecordWriter, least: number): boolean {
    if (this.#packer.records <= 0 || !mayWrite(writer)) return false;
    this.#packer.reserve(writer.overhead + least);
    this.#writer = writer;
    const most = Math.min(this.#packer.room, this.#content);
    if (contentDraft.length < most) contentDraft = new Uint8Array(most);
    return true;
  }

  /** Bytes `start` to `end` of a message with their handshake header. */
  #write(item: Extract<FlightItem, { kind: 'message' }>, start: number, end: number): void {
    writeHandshakeHeader(contentDraft, this.#filled, {
      type: item.type,
      length: item.body.length,
      messageSeq: item.seq,
      fragmentOffset: start,
      fragmentLength: end - start,
    });
    this.#filled += HANDSHAKE_HEADER_LENGTH;
    const { body } = item;
    // A view of few bytes has them moved out of the heap first.
    contentDraft.set(start === 0 && end === body.length ? body : body.subarray(start, end), this.#filled);
    this.#filled += end - start;
  }

  #seal(): void {
    const writer = this.#writer;
    if (writer === undefined || this.#filled === 0) return;
    this.repeats = this.#delivery.onSent(this.#stretches, writer.epoch, writer.sequence) || this.repeats;
    this.#packer.add(writer, ContentType.handshake, contentDraft.subarray(0, this.#filled));
    this.#writer = undefined;
    this.#stretches = [];
    this.#filled = 0;
  }
}

/** They grow to the largest there is. */
let datagramDraft = new Uint8Array(0x1000);

/** Fills datagrams of a given size with records, of which there may be only so many. */
class Packer {
  #size: number;
  #records: number;
  readonly #full: Uint8Array[] = [];
  #used = 0;

  constructor(size: number, records: number) {
    this.#size = size;
    this.#records = records;
    this.#draft();
  }

  /** How many more may go out. */
  get records(): number {
    return this.#records;
  }

  /** Bytes left in the datagram being filled. */
  get room(): number {
    return this.#size - this.#used;
  }

  /**
   * Makes sure of `bytes` of room; a datagram that has less goes out as it is. Where no datagram has, as with a long
   * connection ID on a path that takes little, they grow: one too large may get through, one without content never ends.
   */
  reserve(bytes: number): void {
    if (this.room >= bytes) return;
    if (this.#used > 0) this.#flush();
    if (this.#size >= bytes) return;
    this.#size = bytes;
    this.#draft();
  }

  add(writer: RecordWriter, type: number, plaintext: Uint8Array): void {
    this.#records--;
    this.#used += writer.seal(type, plaintext, datagramDraft, this.#used);
  }

  finish(): Uint8Array[] {
    if (this.#used > 0) this.#flush();
    return this.#full;
  }

  #draft(): void {
    if (datagramDraft.length < this.#size) datagramDraft = new Uint8Array(this.#size);
  }

  #flush(): void {
    const datagram = pool.room(this.#used);
    pool.keep();
    datagram.set(datagramDraft.subarray(0, this.#used));
    this.#full.push(datagram);
    this.#used = 0;
  }
}
