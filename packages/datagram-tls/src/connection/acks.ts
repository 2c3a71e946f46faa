import type { Duration, Instant } from '../base/instant.js';
import { mayWrite, type RecordWriter } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { encodeAck, type RecordNumber } from '../wire/messages/ack.js';
import type { Association } from './association.js';
import { isEstablished } from './life.js';

/**
 * Record numbers that are kept; the oldest are forgotten first: the peer then sends those records once more in vain.
 */
const MAX_NUMBERS = 128;
/** Of these, the last ones are repeated in each ACK, in case the previous one was lost. */
const MAX_REPEATED = 32;
/** Unacknowledged records that cause an ACK at once, because the peer may wait for room to send more. */
const MAX_UNTOLD = 10;
/** Flags of a saved state. */
const NEWS = 1;
const DUE = 2;
const GAP_TOLD = 4;
/** Length field of the list, and each number in it; bytes. */
const LIST_HEADER = 2;
const NUMBER_LENGTH = 16;

/** The records of the peer's current flight, and when to acknowledge them (RFC 9147 §7.1). DTLS 1.3 only. */
export class Acks {
  readonly #association: Association;
  #numbers: RecordNumber[] | undefined;
  /** Something arrived that no ACK has named yet. */
  #news = false;
  /** The number of such records. */
  #untold = 0;
  /** To be sent as soon as the current datagram is processed. */
  #due = false;
  /** A gap was reported; the next report is the timer's. */
  #gapTold = false;

  constructor(association: Association) {
    this.#association = association;
  }

  save(w: Writer): void {
    const flags = (this.#news ? NEWS : 0) | (this.#due ? DUE : 0) | (this.#gapTold ? GAP_TOLD : 0);
    w.u8(flags)
      .varint(this.#untold)
      .varint(this.#numbers?.length ?? 0);
    for (const { epoch, sequenceNumber } of this.#numbers ?? []) w.varint(epoch).varint(sequenceNumber);
  }

  restore(r: Reader): void {
    const flags = r.u8();
    this.#news = (flags & NEWS) !== 0;
    this.#due = (flags & DUE) !== 0;
    this.#gapTold = (flags & GAP_TOLD) !== 0;
    this.#untold = r.varint();
    const numbers: RecordNumber[] = [];
    for (let left = r.varint(); left > 0 && !r.failed; left--)
      numbers.push({ epoch: r.varint(), sequenceNumber: r.varint() });
    if (numbers.length > 0) this.#numbers = numbers;
  }

  /** There may be something to do for {@link settle}. */
  get active(): boolean {
    return this.#news || this.#due;
  }

  /** All of a record's messages were processed or are kept. */
  onRecord(epoch: number, sequenceNumber: number): void {
    this.#numbers ??= [];
    if (this.#numbers.length === MAX_NUMBERS) this.#numbers.shift();
    this.#numbers.push({ epoch, sequenceNumber });
    this.#untold++;
    this.#news = true;
  }

  /** A record arrived that cannot be read yet, so that even an empty ACK may speed up what is missing. */
  onUnreadable(): void {
    this.#news = true;
  }

  /** Only an ACK answers what arrived. */
  demand(): void {
    this.#due = true;
  }

  /** Something is missing before the record: report at once, but only once, because reordering looks the same. */
  onGap(): void {
    if (this.#gapTold) return;
    this.#gapTold = true;
    this.#due = true;
  }

  /** Our answer acknowledges everything before it. */
  forget(): void {
    this.#numbers = undefined;
    this.#untold = 0;
    this.#news = false;
    this.#due = false;
    this.#gapTold = false;
    this.#association.timers.stop('ack');
  }

  /** The current datagram is processed: sends what is due, or waits `delay` for the rest of the flight. */
  settle(delay: Duration, now: Instant): void {
    const { timers } = this.#association;
    if (this.#due || this.#untold >= MAX_UNTOLD) this.send();
    else if (this.#news && !timers.has('ack')) timers.set('ack', now + delay);
  }

  /** In the newest epoch, never before DTLS 1.3 is chosen (RFC 9147 §7). */
  send(): void {
    const { epochs, transmit, timers, path } = this.#association;
    const { writer } = epochs;
    if (writer.state === 'held') {
      this.#due = true;
      return timers.stop('ack');
    }
    const untold = this.#untold;
    this.#news = false;
    this.#untold = 0;
    this.#due = false;
    timers.stop('ack');
    if (!mayWrite(writer)) return;
    const room = this.#room(writer);
    const count = Math.max(untold, Math.min(room, MAX_REPEATED));
    const recordNumbers = (this.#numbers ?? []).slice(-count).sort(inOrder);
    const contents = [];
    for (let at = 0; at === 0 || at < recordNumbers.length; at += room)
      contents.push(encodeAck({ recordNumbers: recordNumbers.slice(at, at + room) }));
    // The last reserved number is an alert's.
    const left = writer.state === 'last' ? 1 : writer.reserved - 1 - writer.sequence;
    if (contents.length > left) contents.length = left;
    // All numbers of one datagram are in one datagram, if they fit: records that the first ACK leaves out count as
    // lost.
    transmit.records(writer, ContentType.ack, contents, path.size.forFlights);
    // After the handshake there are no flights that an answer acknowledges: each record is acknowledged once.
    if (isEstablished(this.#association.life)) this.#numbers = undefined;
    this.#association.trace({ kind: 'ack', direction: 'sent', records: recordNumbers.length });
  }

  /** How many numbers fit one record in one datagram. */
  #room(writer: RecordWriter): number {
    const { path, recordLimits } = this.#association;
    const content = Math.min(writer.capacity(path.size.forFlights), recordLimits.send);
    return Math.max(1, Math.floor((content - LIST_HEADER) / NUMBER_LENGTH));
  }
}

function inOrder(a: RecordNumber, b: RecordNumber): number {
  return a.epoch - b.epoch || a.sequenceNumber - b.sequenceNumber;
}
