import { own } from '../base/bytes.js';
import { type DTLSError, violation } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import { PIECE_COST } from '../base/memory.js';
import type { Action } from '../handshake/actions.js';
import { mayWrite, type WriterState } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { Association } from './association.js';
import { messageTooLarge, notOpen } from './errors.js';
import type { Carried } from './saved-state.js';

/** Application data that overtakes the peer's Finished is kept up to this many bytes, at what they really cost. */
const EARLY_BUDGET = 16_384;

interface Early {
  readonly data: Uint8Array;
  readonly since: Instant;
}

/** Application data for the owner of the connection. */
export class ReceivedData implements Carried {
  readonly #association: Association;
  #early: Early[] | undefined;
  #earlyBytes = 0;
  /** The record with the peer's close_notify. */
  #end: { readonly epoch: number; readonly sequence: number } | undefined;

  constructor(association: Association) {
    this.#association = association;
  }

  /** The peer has sent close_notify. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Of an open session, for which nothing is kept. */
  save(w: Writer): void {
    w.u8(this.#end === undefined ? 0 : 1);
    if (this.#end !== undefined) w.varint(this.#end.epoch).varint(this.#end.sequence);
  }

  restore(r: Reader): void {
    if (r.u8() === 0) return;
    this.#end = { epoch: r.varint(), sequence: r.varint() };
    this.#association.tell({ type: 'peer-closed' });
  }

  /** Records after the peer's close_notify in the order of sending are ignored (RFC 9147 §5.10). */
  isAfterEnd(epoch: number, sequence: number): boolean {
    if (this.#end === undefined) return false;
    return epoch > this.#end.epoch || (epoch === this.#end.epoch && sequence > this.#end.sequence);
  }

  /** The peer's close_notify came in this record. */
  end(epoch: number, sequence: number): void {
    this.#end ??= { epoch, sequence };
  }

  deliver(data: Uint8Array): void {
    this.#association.counters.messagesReceived++;
    this.#association.counters.payloadReceived += data.length;
    this.#association.tell({ type: 'message', data });
  }

  /** When the oldest message was kept. */
  get oldest(): Instant | undefined {
    return this.#early?.[0]?.since;
  }

  /** Keeps data that came too early. */
  keep(data: Uint8Array, now: Instant): void {
    const cost = data.length + PIECE_COST;
    const { memory } = this.#association;
    if (this.#earlyBytes + cost > EARLY_BUDGET || !memory.take(cost))
      return this.#association.drop('over_budget');
    // A copy: a view keeps alive the memory of the whole.
    this.#early ??= [];
    this.#early.push({ data: own(data), since: now });
    this.#earlyBytes += cost;
  }

  /** Delivers what was kept. */
  release(): void {
    const early = this.#early ?? [];
    this.forget();
    for (const { data } of early) this.deliver(data);
  }

  /** Drops what was kept at `instant` or before; `why` counts it. */
  forgetUntil(instant: Instant, why: 'expired' | 'evicted'): void {
    const early = this.#early ?? [];
    for (let [first] = early; first !== undefined && first.since <= instant; [first] = early) {
      early.shift();
      this.give(first.data);
      this.#association.drop(why);
    }
  }

  forget(): void {
    for (const { data } of this.#early ?? []) this.give(data);
    this.#early = undefined;
  }

  private give({ length }: Uint8Array): void {
    this.#earlyBytes -= length + PIECE_COST;
    this.#association.memory.give(length + PIECE_COST);
  }
}

/** Messages that wait for the validation of the peer; more are lost, and counted. */
const MAX_UNPROVED = 16;

/** Application data for the peer. */
export class SentData {
  readonly #association: Association;

  constructor(association: Association) {
    this.#association = association;
  }

  /** The largest message that fits a datagram and the peer's limit, bytes. */
  get largest(): number {
    const { path, epochs, recordLimits } = this.#association;
    // A long connection ID may leave nothing of a small path.
    return Math.max(0, Math.min(epochs.writer.capacity(path.size.known), recordLimits.send));
  }

  /**
   * Sends one message as one datagram; returns the state of the keys: with `last` or `exhausted` it is not sent.
   * Throws `ERR_INVALID_STATE` in epoch 0, which has no protection, and `ERR_OUT_OF_RANGE` when the message is too
   * large.
   */
  send(data: Uint8Array): WriterState {
    const { epochs, counters, transmit, recordLimits, path } = this.#association;
    const { writer } = epochs;
    if (writer.epoch === 0) throw notOpen(false);
    const { largest } = this;
    if (data.length > largest) throw messageTooLarge(data.length, largest, largest === recordLimits.send);
    const { state } = writer;
    if (state === 'last' || !mayWrite({ state })) return state;
    if (!path.validated && transmit.waiting >= MAX_UNPROVED) {
      this.#association.drop('unproved_peer');
      return state;
    }
    transmit.record(writer, ContentType.application_data, data);
    counters.messagesSent++;
    counters.payloadSent += data.length;
    return state;
  }

  /** Client: early data that was refused. The limit may differ from that of the earlier session. */
  sendAgain(messages: readonly Uint8Array[]): void {
    for (const message of messages) {
      if (message.length > this.largest) this.#association.drop('unsent_early_data');
      else this.send(message);
    }
  }
}

/**
 * The result of early data. `none`: there is none. `offered`: it was sent, and the answer is not known yet.
 * `accepted`: the server accepted it. `refused`: it is sent again, or was, when the session is open.
 *
 * @example
 * ```ts
 * import type { EarlyOutcome } from 'datagram-tls';
 *
 * const outcome: EarlyOutcome = session.earlyData;
 * if (outcome === 'accepted') console.log('saved a round trip');
 * ```
 */
export type EarlyOutcome = 'none' | 'offered' | 'accepted' | 'refused';

const OUTCOMES: readonly EarlyOutcome[] = ['none', 'offered', 'accepted', 'refused'];

export function writeOutcome(w: Writer, outcome: EarlyOutcome): void {
  w.u8(OUTCOMES.indexOf(outcome));
}

export function readOutcome(r: Reader): EarlyOutcome {
  return OUTCOMES[r.u8()] ?? 'none';
}

/** The value of nearly every association. */
const NONE: readonly Uint8Array[] = [];

/**
 * Early data of one association (RFC 8446 §2.3): a client sends it, and repeats what was refused; a server counts it.
 */
export class EarlyData implements Carried {
  readonly #association: Association;
  /** Client: to be sent normally once the session is open. */
  #waiting: readonly Uint8Array[];
  /** Client: sent in epoch 1. */
  #sent = NONE;
  /** Its datagrams. */
  #datagrams = NONE;
  /** Server: bytes that may still come. */
  #room = 0;
  #outcome: EarlyOutcome;

  /** `messages`: of a client. */
  constructor(association: Association, messages: readonly Uint8Array[] = NONE) {
    this.#association = association;
    this.#waiting = messages;
    this.#outcome = messages.length === 0 ? 'none' : 'refused';
  }

  get outcome(): EarlyOutcome {
    return this.#outcome;
  }

  /** Of an open session: all of a client's messages are sent. */
  save(w: Writer): void {
    writeOutcome(w, this.#outcome);
    w.varint(Math.max(0, this.#room));
  }

  restore(r: Reader): void {
    this.#outcome = readOutcome(r);
    this.#room = r.varint();
  }

  /** Server: some may still come. */
  get takes(): boolean {
    return this.#association.role === 'server' && this.#outcome === 'accepted';
  }

  /** Client: the first of the messages, as many as the limit allows. Each is one record in one datagram. */
  send({ most, recordLimit }: Extract<Action, { do: 'send-early-data' }>): void {
    const { earlyWriter: writer, transmit, path } = this.#association;
    if (writer === undefined) return;
    const largest = Math.min(recordLimit, writer.capacity(path.size.known));
    let room = most;
    const fits = ({ length }: Uint8Array): boolean => {
      room -= length;
      return room >= 0 && length <= largest && writer.state !== 'exhausted';
    };
    const first = this.#waiting.findIndex((message) => !fits(message));
    const count = first < 0 ? this.#waiting.length : first;
    this.#sent = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#datagrams = this.#sent.map((message) =>
      own(transmit.record(writer, ContentType.application_data, message)),
    );
    // No other record follows in epoch 1, neither an alert nor an ACK (RFC 9147 §7).
    this.#association.earlyWriter = undefined;
    this.tell('offered');
  }

  /** Client: a server without the ClientHello cannot read it, and the ClientHello is retransmitted. */
  repeat(): void {
    for (const datagram of this.#datagrams) this.#association.transmit.again(datagram);
  }

  onAnswer(answer: Extract<Action, { do: 'early-data' }>): void {
    if (answer.accepted) {
      this.#room = answer.most;
      for (const message of this.#sent) this.count(message);
    } else this.#waiting = [...this.#sent, ...this.#waiting];
    this.#sent = NONE;
    this.#datagrams = NONE;
    this.tell(answer.accepted ? 'accepted' : 'refused');
  }

  /** Client: what to send now that the session is open, in order. */
  takeWaiting(): readonly Uint8Array[] {
    const waiting = this.#waiting;
    this.#waiting = NONE;
    return waiting;
  }

  /** Server: one message in epoch 1. Does not throw: the error is the client's, which knows the limit. */
  receive(data: Uint8Array): DTLSError | undefined {
    this.#room -= data.length;
    if (this.#room < 0) {
      this.#association.drop('early_data_limit');
      return violation('unexpected_message', 'the client sent more early data than it may');
    }
    const { counters } = this.#association;
    counters.messagesReceived++;
    counters.payloadReceived += data.length;
    this.#association.tell({ type: 'early-data', data });
    return undefined;
  }

  private count({ length }: Uint8Array): void {
    const { counters } = this.#association;
    counters.messagesSent++;
    counters.payloadSent += length;
  }

  private tell(outcome: 'offered' | 'accepted' | 'refused'): void {
    this.#outcome = outcome;
    const direction = this.#association.role === 'client' ? 'sent' : 'received';
    this.#association.trace({ kind: 'early-data', direction, outcome });
  }
}
