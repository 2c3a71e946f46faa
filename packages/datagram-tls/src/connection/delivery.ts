import type { Duration, Instant } from '../base/instant.js';
import type { Flight, FlightItem } from '../handshake/flight.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { RecordNumber } from '../wire/messages/ack.js';
import { readInstant, writeInstant } from './saved-times.js';

/** Bytes `start` to `end` of the body of a flight's item; an item without a body is one empty stretch. */
export interface Stretch {
  readonly item: number;
  readonly start: number;
  readonly end: number;
}

/** An unacknowledged stretch. */
interface Piece extends Stretch {
  /** Number of its last record, counted over all epochs; 0 before the first. */
  readonly order: number;
  /** When it was sent last. */
  readonly at: Instant;
}

interface SentRecord {
  readonly epoch: number;
  readonly order: number;
  readonly at: Instant;
  /** What it holds of the messages, in order. */
  readonly stretches: readonly Stretch[];
}

/** Records of one flight that are remembered, so that an ACK of any transmission counts; the oldest go first. */
const MAX_RECORDS = 512;
/** A record in flight for this many round trips is lost: RFC 9002 §6.1.2's time threshold. */
const ROUND_TRIPS = 9 / 8;

/**
 * Which parts of a flight the peer has acknowledged, in any record (RFC 9147 §7.2), which are in flight, and which
 * are lost: sent before a record that has arrived, or long ago.
 */
export class Delivery {
  /** Unacknowledged stretches, in order. */
  readonly #pieces: Piece[];
  /** Records, for their ACKs; `undefined` where there are none. */
  readonly #sent: Map<number, SentRecord> | undefined;
  #untouched = true;
  /** Number of the last record that was sent. */
  #order = 0;
  /** No record up to this one is in flight any more. */
  #settled = 0;
  /** The time of the current transmission. */
  #now: Instant = 0;
  /** The shortest time from a record to its ACK. */
  #roundTrip: Duration = Number.POSITIVE_INFINITY;
  readonly #items: readonly FlightItem[];
  /** The end of the last transmission, and the farthest end of all. */
  #cursor = 0;
  #frontier = 0;

  /**
   * `unacknowledged`: no ACK will tell what has arrived. `sent`: the same, and all of the flight was sent before, by a delivery
   * that was not kept because nothing acknowledges it.
   */
  constructor({ items }: Flight, kind: 'acknowledged' | 'unacknowledged' | 'sent' = 'acknowledged') {
    this.#items = items;
    this.#sent = kind === 'acknowledged' ? new Map() : undefined;
    this.#pieces = items.map((content, item) => ({
      item,
      start: 0,
      end: lengthOf(content),
      order: 0,
      at: 0,
    }));
    if (kind === 'sent') this.#frontier = this.#place(items.length, 0);
  }

  save(w: Writer, at: Instant): void {
    w.varint(this.#pieces.length);
    for (const piece of this.#pieces) writePiece(w, piece, at);
    const sent = [...(this.#sent ?? [])].flatMap(([key, { epoch, order, at, stretches }]) =>
      stretches.map((stretch) => ({ key, epoch, piece: { ...stretch, order, at } })),
    );
    w.varint(sent.length);
    for (const { key, epoch, piece } of sent) {
      w.varint(key).varint(epoch);
      writePiece(w, piece, at);
    }
    w.u8(this.#untouched ? 1 : 0)
      .varint(this.#order)
      .varint(this.#settled);
    writeInstant(w, this.#roundTrip, 0);
    w.varint(this.#cursor).varint(this.#frontier);
  }

  restore(r: Reader, at: Instant): void {
    this.#pieces.length = 0;
    for (let left = r.varint(); left > 0 && !r.failed; left--)
      this.#pieces.push(readPiece(r, at, this.#items));
    for (let left = r.varint(); left > 0 && !r.failed; left--) {
      const key = r.varint();
      const epoch = r.varint();
      const { order, at: sent, ...stretch } = readPiece(r, at, this.#items);
      const stretches = [...(this.#sent?.get(key)?.stretches ?? []), stretch];
      this.#sent?.set(key, { epoch, order, at: sent, stretches });
    }
    this.#untouched = r.u8() === 1;
    this.#order = r.varint();
    this.#settled = r.varint();
    this.#roundTrip = readInstant(r, 0);
    this.#cursor = r.varint();
    this.#frontier = r.varint();
  }

  /** What is still to be acknowledged, in order. */
  get missing(): readonly Stretch[] {
    return joined(this.#pieces);
  }

  /** Everything is acknowledged. */
  get complete(): boolean {
    return this.#pieces.length === 0;
  }

  /** The same, beginning after the end of the last transmission. */
  get missingFromCursor(): readonly Stretch[] {
    const pieces = this.missing.flatMap((stretch) => this.#splitAtCursor(stretch));
    const first = pieces.findIndex((piece) => this.#place(piece.item, piece.start) >= this.#cursor);
    return first < 0 ? pieces : [...pieces.slice(first), ...pieces.slice(0, first)];
  }

  /** What was never sent. */
  get unsent(): readonly Stretch[] {
    return joined(this.#pieces.filter(({ order }) => order === 0));
  }

  /** Never sent, or lost, in order. */
  get sendable(): readonly Stretch[] {
    const pieces = this.#pieces.filter(({ order }) => order <= this.#settled);
    return areApart(pieces) ? pieces : joined(pieces);
  }

  /** Something that was sent is lost. */
  get hasLost(): boolean {
    return this.#pieces.some(({ order }) => order > 0 && order <= this.#settled);
  }

  /** Records in flight. */
  get inFlight(): number {
    return recordsOf(this.#pieces.filter(({ order }) => order > this.#settled));
  }

  /** Nothing was acknowledged yet. */
  get untouched(): boolean {
    return this.#untouched;
  }

  /** A transmission begins. */
  onTransmission(now: Instant): void {
    this.#now = now;
  }

  /** `stretches` are sent in this record; returns whether any of them was sent before. */
  onSent(stretches: readonly Stretch[], epoch: number, sequenceNumber: number): boolean {
    const order = ++this.#order;
    const at = this.#now;
    let repeats = false;
    for (const stretch of stretches) {
      const { item, start, end } = stretch;
      this.#replace(stretch, { item, start, end, order, at });
      repeats = this.#advance(stretch) || repeats;
    }
    const records = this.#sent;
    if (records === undefined) return repeats;
    if (records.size === MAX_RECORDS) records.delete(records.keys().next().value ?? 0);
    records.set(keyOf(epoch, sequenceNumber), { epoch, order, at, stretches });
    return repeats;
  }

  /** Nothing is in flight any more: all that is missing is lost. */
  lose(): void {
    this.#settled = this.#order;
  }

  /** Whether a peer with the records of these numbers lacks a part of what was sent. */
  lacks(numbers: readonly RecordNumber[]): boolean {
    const arrived = numbers.flatMap(
      ({ epoch, sequenceNumber }) => this.#sent?.get(keyOf(epoch, sequenceNumber))?.stretches ?? [],
    );
    return this.#pieces.some((piece) => !arrived.some((stretch) => holds(stretch, piece)));
  }

  /** Returns how many records were newly acknowledged. */
  acknowledge(numbers: readonly RecordNumber[], now: Instant): number {
    let news = 0;
    let newest: SentRecord | undefined;
    for (const { epoch, sequenceNumber } of numbers) {
      const record = this.#sent?.get(keyOf(epoch, sequenceNumber));
      if (record === undefined || record.epoch !== epoch || !this.#remove(record)) continue;
      news++;
      if (newest === undefined || record.order > newest.order) newest = record;
    }
    if (newest !== undefined) this.#onArrived(newest, now);
    return news;
  }

  /** The peer has all of these items, of which no ACK has to tell. Returns how many records that acknowledges. */
  settle(items: (item: number) => boolean): number {
    const left = this.#pieces.filter(({ item }) => !items(item));
    const arrived = this.#pieces.filter(({ item }) => items(item));
    this.#pieces.splice(0, this.#pieces.length, ...left);
    return recordsOf(arrived);
  }

  /** RFC 9147 §7.2: records that the first ACK of a flight does not name are lost, until a round trip is measured. */
  #onArrived({ order, at }: SentRecord, now: Instant): void {
    this.#settled = Math.max(this.#settled, order);
    if (this.#untouched) this.lose();
    this.#untouched = false;
    const sentBefore = now - ROUND_TRIPS * this.#roundTrip;
    for (const piece of this.#pieces)
      if (piece.at < sentBefore) this.#settled = Math.max(this.#settled, piece.order);
    this.#roundTrip = Math.min(this.#roundTrip, now - at);
  }

  /** Nothing of the record is missing any more; returns whether anything was. */
  #remove({ stretches }: SentRecord): boolean {
    let found = false;
    for (const stretch of stretches) found = this.#replace(stretch, undefined) || found;
    return found;
  }

  /** Puts `piece` in place of the missing parts of `stretch`; returns whether there were any. */
  #replace(stretch: Stretch, piece: Piece | undefined): boolean {
    const pieces = this.#pieces;
    const first = pieces.findIndex((other) => overlap(other, stretch));
    if (first < 0) return false;
    const { item, start, end } = pieces[first] as Piece;
    if (piece !== undefined && item === stretch.item && start === stretch.start && end === stretch.end) {
      // As nearly always: the whole of it.
      pieces[first] = piece;
      return true;
    }
    let last = first;
    while (last + 1 < pieces.length && overlap(pieces[last + 1] as Piece, stretch)) last++;
    const before = { ...(pieces[first] as Piece), end: stretch.start };
    const after = { ...(pieces[last] as Piece), start: stretch.end };
    const rest = [before, piece, after].filter(
      (part) => part !== undefined && (part === piece || part.start < part.end),
    );
    pieces.splice(first, last - first + 1, ...(rest as Piece[]));
    return true;
  }

  #advance({ item, start, end }: Stretch): boolean {
    const repeats = this.#place(item, start) < this.#frontier;
    const next = this.#place(item, end) + 1;
    // After the last byte of an item the next one begins.
    this.#cursor = next === this.#place(item + 1, 0) ? next : next - 1;
    this.#frontier = Math.max(this.#frontier, this.#cursor);
    return repeats;
  }

  /** An offset in the row of all items, each with one place more than its bytes. */
  #place(item: number, offset: number): number {
    let place = offset;
    for (let i = 0; i < item; i++) place += lengthOf(this.#items[i]) + 1;
    return place;
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

/** In how many records they were sent last. */
function recordsOf(pieces: readonly Piece[]): number {
  return new Set(pieces.map(({ order }) => order)).size;
}

function lengthOf(item: FlightItem | undefined): number {
  return item?.kind === 'message' ? item.body.length : 0;
}

function writePiece(w: Writer, { item, start, end, order, at: sent }: Piece, at: Instant): void {
  w.varint(item).varint(start).varint(end).varint(order);
  writeInstant(w, sent, at);
}

/** One that is no part of its item fails `r`: what is sent of it would never end. */
function readPiece(r: Reader, at: Instant, items: readonly FlightItem[]): Piece {
  const item = r.varint();
  const start = r.varint();
  const end = r.varint();
  const content = items[item];
  if (content === undefined || start > end || end > lengthOf(content)) r.fail();
  return { item, start, end, order: r.varint(), at: readInstant(r, at) };
}

/** The two low bits of an epoch distinguish those of one flight; 48 bits and these two fit a double. */
function keyOf(epoch: number, sequenceNumber: number): number {
  return sequenceNumber * 4 + (epoch & 3);
}

/** Adjacent pieces of one item become one stretch, so that records are as long as possible. */
function joined(pieces: readonly Piece[]): Stretch[] {
  const stretches: { item: number; start: number; end: number }[] = [];
  for (const { item, start, end } of pieces) {
    const last = stretches.at(-1);
    if (last?.item === item && last.end === start) last.end = end;
    else stretches.push({ item, start, end });
  }
  return stretches;
}

/** No two belong to one item, as in any flight before it is acknowledged in parts. */
function areApart(pieces: readonly Piece[]): boolean {
  for (let i = 1; i < pieces.length; i++) if (pieces[i - 1]?.item === pieces[i]?.item) return false;
  return true;
}

function holds(outer: Stretch, inner: Stretch): boolean {
  return outer.item === inner.item && outer.start <= inner.start && inner.end <= outer.end;
}

function overlap(a: Stretch, b: Stretch): boolean {
  if (a.item !== b.item) return false;
  return a.start === a.end || (a.start < b.end && b.start < a.end);
}
