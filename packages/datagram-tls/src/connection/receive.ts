import { own } from '../base/bytes.js';
import type { Instant } from '../base/instant.js';
import { PIECE_COST } from '../base/memory.js';
import { createHeader, NO_CIDS, type DropReason as RecordDropReason, readHeader } from '../record/header.js';
import type { RecordReader } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import type { Association } from './association.js';
import type { DropReason } from './events.js';

/** Where the content of records goes. */
export interface RecordSink {
  /** Returns whether the content was of any use; `epoch` 0 is not authentic. */
  onContent(type: number, epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean;
  /**
   * An authentic record of the newest epoch, newer than any before, has come from another address than the peer's; returns
   * whether that is the peer's now.
   */
  onElsewhere(type: number, epoch: number, content: Uint8Array, now: Instant): boolean;
  /** A record in an epoch without keys yet may be kept until there are some. */
  mayHold(epoch: number): boolean;
  /** What else becomes of it. */
  whyNot(epoch: number): DropReason;
  /** One is kept. */
  onHeld(): void;
  /**
   * A record that does not open with the keys of its epoch. `answered`: the number of the last handshake record in plaintext before
   * it in its own datagram, -1 for none. Only with that number is an alert about it an answer to that datagram.
   */
  onForgery(reader: RecordReader, answered: number, now: Instant): void;
  /** An authentic record of `epoch` that broke the rules, or one forgery too many. */
  onFatalRecord(reason: RecordDropReason, epoch: number): void;
}

/** Records of an epoch whose keys are on their way, which reordering makes common; bytes, at their real cost. */
const HOLD_BUDGET = 8192;
/**
 * Records of one datagram that may fail to open. An honest datagram has none but where keys differ or bits were flipped;
 * to find out costs as much as to open one.
 */
const MAX_FORGERIES = 3;
/** Records of one datagram. A full datagram of 1500 bytes has at most 115 records, of which none is protected. */
const MAX_RECORDS = 256;

interface HeldRecord {
  readonly record: Uint8Array;
  readonly since: Instant;
}

/** Shared by all connections: a header is read, used and forgotten before the next record. */
const header = createHeader();

/**
 * Whether another process may deliver the message of the current record: one that has ended may have done so, and one that
 * goes on after this one may do so. Handshake messages and ACKs have numbers of their own, or may come twice.
 */
function isDoubtful({ after, upTo }: RecordReader): boolean {
  return header.sequence <= after || header.sequence > upTo;
}

/** Takes datagrams apart into records and opens them. */
export class Receive {
  readonly #association: Association;
  readonly #sink: RecordSink;
  #held: HeldRecord[] | undefined;
  #heldBytes = 0;
  /** Of the datagram at hand. */
  #forgeries = 0;
  #lastPlain = -1;
  /** It came from another address than the peer's. */
  #elsewhere = false;

  constructor(association: Association, sink: RecordSink) {
    this.#association = association;
    this.#sink = sink;
  }

  /** When the oldest record was held. */
  get oldest(): Instant | undefined {
    return this.#held?.[0]?.since;
  }

  /**
   * The records of `datagram`; returns whether any was of use. Views into it do not outlive the call. `elsewhere`: it came from
   * another address than the peer's, so that only records with a connection ID are read.
   */
  datagram(datagram: Uint8Array, now: Instant, elsewhere = false): boolean {
    this.#elsewhere = elsewhere;
    let useful = false;
    let records = 0;
    const cids = this.#association.cids ?? NO_CIDS;
    this.#forgeries = 0;
    this.#lastPlain = -1;
    for (let offset = 0; offset < datagram.length; ) {
      if (records++ === MAX_RECORDS || this.#forgeries === MAX_FORGERIES) {
        this.#association.drop('rest_of_datagram');
        break;
      }
      const reason = readHeader(datagram, offset, header, cids);
      if (reason !== undefined) {
        this.#association.drop(reason);
        break;
      }
      offset = header.end;
      useful = this.readRecord(datagram, now) || useful;
      if (this.isOver()) break;
    }
    return useful;
  }

  /** New keys: records that waited for them get another chance. */
  releaseHeld(now: Instant): void {
    const held = this.#held ?? [];
    const forgeries = this.#forgeries;
    const lastPlain = this.#lastPlain;
    const elsewhere = this.#elsewhere;
    this.forgetHeld();
    for (const { record } of held) {
      if (this.isOver()) break;
      this.datagram(record, now);
    }
    // Those that were held do not count against the datagram that brought the keys.
    this.#forgeries = forgeries;
    this.#lastPlain = lastPlain;
    this.#elsewhere = elsewhere;
  }

  /** Forgets what was held at `instant` or before; `why` counts it. */
  forgetUntil(instant: Instant, why: 'expired' | 'evicted'): void {
    const held = this.#held ?? [];
    for (let [first] = held; first !== undefined && first.since <= instant; [first] = held) {
      held.shift();
      this.give(first.record);
      this.#association.drop(why);
    }
  }

  forgetHeld(): void {
    for (const { record } of this.#held ?? []) this.give(record);
    this.#held = undefined;
  }

  /** Nothing in the rest of the datagram matters any more. */
  private isOver(): boolean {
    return this.#association.life.at === 'closed';
  }

  private give({ length }: Uint8Array): void {
    this.#heldBytes -= length + PIECE_COST;
    this.#association.memory.give(length + PIECE_COST);
  }

  private readRecord(datagram: Uint8Array, now: Instant): boolean {
    const reader = this.#association.epochs.readerFor(header);
    if (reader === undefined && this.#elsewhere) {
      this.#association.drop('other_path');
      return false;
    }
    if (reader === undefined) {
      this.hold(datagram, now);
      return false;
    }
    if (this.#elsewhere && header.cidLength === 0) {
      this.#association.drop('other_path');
      return false;
    }
    if (header.cidLength > 0 !== reader.expectsCid) {
      this.#association.drop(reader.expectsCid ? 'missing_cid' : 'unknown_cid');
      return false;
    }
    const content = reader.open(header, datagram);
    if (typeof content !== 'string' && this.isTooLarge(content)) {
      this.#association.drop('over_record_limit');
      return false;
    }
    if (typeof content !== 'string' && header.type === ContentType.application_data && isDoubtful(reader)) {
      this.#association.drop(header.sequence > reader.upTo ? 'not_reserved' : 'replayed');
      return false;
    }
    if (header.cidLength > 0 && typeof content !== 'string')
      this.#association.cids?.onUsed(header.sequence === reader.newest);
    // RFC 9146 §6.
    if (this.#elsewhere && typeof content !== 'string' && header.sequence === reader.newest)
      this.#elsewhere = !this.#sink.onElsewhere(header.type, header.epoch, content, now);
    if (header.epoch === 0 && header.type === ContentType.handshake) this.#lastPlain = header.sequence;
    if (typeof content !== 'string')
      return this.#sink.onContent(header.type, header.epoch, header.sequence, content, now);
    this.#association.drop(content);
    if (content === 'bad_record') {
      this.#forgeries++;
      this.#sink.onForgery(reader, this.#lastPlain, now);
    }
    if (content === 'forgery_limit' || content === 'record_overflow' || content === 'no_content_type') {
      this.#sink.onFatalRecord(content, reader.epoch);
    }
    return false;
  }

  /** RFC 8449 §4: such a record may end the session or be discarded, as a lost one would be. Plaintext is not limited. */
  private isTooLarge(content: Uint8Array): boolean {
    return header.epoch > 0 && content.length > this.#association.recordLimits.receive;
  }

  /** Early data that is allowed may wait for the decision, which may be a job's. Half as much again is for what records cost. */
  private holdBudget(): number {
    return HOLD_BUDGET + 1.5 * this.#association.earlyBytes;
  }

  private hold(datagram: Uint8Array, now: Instant): void {
    const cost = header.end - header.start + PIECE_COST;
    if (!this.#sink.mayHold(header.epoch)) {
      this.#association.drop(this.#sink.whyNot(header.epoch));
    } else if (this.#heldBytes + cost > this.holdBudget() || !this.#association.memory.take(cost)) {
      this.#association.drop('over_budget');
    } else {
      this.#held ??= [];
      this.#held.push({ record: own(datagram.subarray(header.start, header.end)), since: now });
      this.#heldBytes += cost;
      this.#sink.onHeld();
    }
  }
}
