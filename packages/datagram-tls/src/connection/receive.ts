import { own } from '../base/bytes.js';
import type { Instant } from '../base/instant.js';
import type { DropReason as RecordDropReason } from '../record/drop.js';
import { createHeader, readHeader } from '../record/header.js';
import type { RecordReader } from '../record/reader.js';
import type { Association } from './association.js';
import type { DropReason } from './drops.js';

/** Where the content of records goes. */
export interface RecordSink {
  /** Returns whether the content was of any use; `epoch` 0 is not authentic. */
  onContent(type: number, epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean;
  /** A record in an epoch without keys yet may be kept until there are some. */
  mayHold(epoch: number): boolean;
  /** What else becomes of it. */
  whyNot(epoch: number): DropReason;
  /** One is kept. */
  onHeld(): void;
  /** Nothing in the rest of the datagram matters any more. */
  isClosed(): boolean;
  /** A record that does not open with the keys of its epoch. */
  onForgery(reader: RecordReader, now: Instant): void;
  /** An authentic record of `epoch` that broke the rules, or one forgery too many. */
  onFatalRecord(reason: RecordDropReason, epoch: number): void;
}

/** Records of an epoch whose keys are on their way, which reordering makes common; bytes in all. */
const HOLD_BUDGET = 4096;
/** And their number, as each costs more than its bytes. */
const MOST_HELD = 256;

/** Shared by all connections: a header is read, used and forgotten before the next record. */
const header = createHeader();

/** Takes datagrams apart into records and opens them. */
export class Receive {
  readonly #association: Association;
  readonly #sink: RecordSink;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(association: Association, sink: RecordSink) {
    this.#association = association;
    this.#sink = sink;
  }

  /** All records of `datagram`; returns whether any was of use. Views into it do not outlive the call. */
  datagram(datagram: Uint8Array, now: Instant): boolean {
    let useful = false;
    for (let offset = 0; offset < datagram.length; ) {
      const reason = readHeader(datagram, offset, header);
      if (reason !== undefined) {
        this.#association.drop(reason);
        break;
      }
      offset = header.end;
      useful = this.#record(datagram, now) || useful;
      if (this.#sink.isClosed()) break;
    }
    return useful;
  }

  /** New keys: records that waited for them get another chance. */
  releaseHeld(now: Instant): void {
    const held = this.#held;
    this.forgetHeld();
    for (const record of held) this.datagram(record, now);
  }

  forgetHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #record(datagram: Uint8Array, now: Instant): boolean {
    const reader = this.#association.epochs.readerFor(header);
    if (reader === undefined) {
      this.#hold(datagram);
      return false;
    }
    const content = reader.open(header, datagram);
    if (typeof content !== 'string' && this.#isTooLarge(content)) {
      this.#association.drop('over_record_limit');
      return false;
    }
    if (typeof content !== 'string')
      return this.#sink.onContent(header.type, header.epoch, header.sequence, content, now);
    this.#association.drop(content);
    if (content === 'bad_record') this.#sink.onForgery(reader, now);
    if (content === 'forgery_limit' || content === 'record_overflow' || content === 'no_content_type') {
      this.#sink.onFatalRecord(content, reader.epoch);
    }
    return false;
  }

  /** RFC 8449 §4: such a record may end the session or be discarded, as a lost one would be. Plaintext is not limited. */
  #isTooLarge(content: Uint8Array): boolean {
    return header.epoch > 0 && content.length > this.#association.recordLimits.receive;
  }

  /** Early data that is allowed may wait until it is known whether it is taken, which somebody else may have to tell. */
  get #holdBudget(): number {
    return HOLD_BUDGET + (this.#association.probation?.mayWait ?? 0);
  }

  #hold(datagram: Uint8Array): void {
    const length = header.end - header.start;
    if (!this.#sink.mayHold(header.epoch)) {
      this.#association.drop(this.#sink.whyNot(header.epoch));
    } else if (this.#held.length === MOST_HELD || this.#heldBytes + length > this.#holdBudget) {
      this.#association.drop('over_budget');
    } else {
      this.#held.push(own(datagram.subarray(header.start, header.end)));
      this.#heldBytes += length;
      this.#sink.onHeld();
    }
  }
}
