import { own } from '../base/bytes.js';
import type { CodedAlert } from '../base/error-codes.js';
import { violation } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import { messageName } from '../handshake/flight.js';
import type { Message } from '../handshake/message.js';
import type { Runner } from '../handshake/runner.js';
import { HandshakeType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { type HandshakeFragment, readHandshakeFragments } from '../wire/messages/handshake-header.js';
import type { Association, HandshakeHost } from './association.js';
import type { DropReason } from './events.js';
import type { FlightSender } from './flights.js';
import { isEstablished } from './life.js';
import { type Discarded, Reassembler, type ReassemblyHost } from './reassembly.js';

/**
 * A usual certificate chain has 2 to 6 KB, a ClientKeyExchange with the longest identity 65,535 bytes and a share.
 * Nothing is allocated before the bytes arrive, and the budget counts their real cost.
 */
const REASSEMBLY = { maxMessage: 0x10200, budget: 0x18000 } as const;

/**
 * The result of a fragment: it is new; it is a repetition of the current flight; it is older or useless; it exceeds
 * the budget; it has no bytes.
 */
type Fate = 'fresh' | 'repeated' | 'useless' | 'too much' | 'nothing';

/** Messages in epoch 0 that the fragments of one record may displace. */
const MAX_DISPLACED = 8;

/** The result of one record's fragments. */
interface Taken {
  /** Some of it was new. */
  readonly fresh: boolean;
  /** All of it was kept, now or before: it may be acknowledged. */
  readonly whole: boolean;
  /** Some of it was received before. */
  readonly repeated: boolean;
}

/** Between two answers to requests to renegotiate, ms. */
const MIN_REFUSAL_GAP: Duration = 250;

/** Numbers of plaintext records that are remembered; the oldest are forgotten. */
const MAX_PLAIN_NUMBERS = 64;

/** One for all that have none. */
const NO_NUMBERS: readonly number[] = [];

const NOTHING: Taken = { fresh: false, whole: false, repeated: false };

/** Accepts the fragments that may come now, and returns complete messages in order. */
export class HandshakeReceiver implements ReassemblyHost {
  readonly #association: Association;
  readonly #host: HandshakeHost;
  readonly #runner: Runner;
  readonly #flights: FlightSender;
  readonly #reassembler: Reassembler;
  /** message_seq of the first message after those that our last flight answers. */
  #flightStart: number;
  #nextRefusal: Instant = Number.NEGATIVE_INFINITY;
  /** In an array without room to grow, which would be for 17 numbers. */
  #plainNumbers = NO_NUMBERS;
  /** Messages that fragments of the current record displaced. */
  #displaced = 0;

  constructor(
    association: Association,
    host: HandshakeHost,
    runner: Runner,
    retransmission: FlightSender,
    firstSeq: number,
  ) {
    this.#association = association;
    this.#host = host;
    this.#runner = runner;
    this.#flights = retransmission;
    this.#reassembler = new Reassembler(firstSeq, REASSEMBLY, association.memory, this);
    this.#flightStart = firstSeq;
  }

  save(w: Writer, at: Instant): void {
    w.u16(this.#flightStart);
    this.#reassembler.save(w, at);
  }

  restore(r: Reader, at: Instant): void {
    this.#flightStart = r.u16();
    this.#reassembler.restore(r, at);
  }

  /** Something is missing before the last fragment. */
  get gap(): boolean {
    return this.#reassembler.gap;
  }

  /**
   * The peer was told that we have them, and does not repeat them: without them the handshake would not go on (RFC 9147 §7).
   * After it none is longer than a datagram or two.
   */
  #areAcknowledged(): boolean {
    return this.#runner.version?.rules.acks === true && this.#association.life.at === 'handshaking';
  }

  /** What it knows beside its state is of no use any more. */
  mayRest(now: Instant): boolean {
    return now >= this.#nextRefusal;
  }

  /** The start of the oldest message that is not processed yet, and may be dropped. */
  get oldest(): Instant | undefined {
    return this.#areAcknowledged() ? undefined : this.#reassembler.oldest;
  }

  /** Drops the messages that began at `instant` or before, and are not processed yet. */
  forgetUntil(instant: Instant): void {
    if (!this.#areAcknowledged()) this.#reassembler.forgetUntil(instant);
  }

  /** Drops all messages that are not processed yet; `why` counts them. */
  forgetAll(why?: 'evicted'): void {
    this.#reassembler.forgetAll(why);
  }

  /** message_seq of the next message. */
  get nextSeq(): number {
    return this.#reassembler.next;
  }

  /** The next `count` messages came in another way. */
  skip(count: number): void {
    this.#reassembler.skip(count);
  }

  /** The peer begins anew, with this message_seq. */
  restartAt(next: number): void {
    this.#reassembler.restartAt(next);
    this.#plainNumbers = NO_NUMBERS;
  }

  /**
   * Client, DTLS 1.2: a HelloVerifyRequest after the one that was answered, or after a part of the server's flight: the server has
   * no state for our address, to which its answers went. Once there are keys it is too late for one.
   */
  askedAnew(payload: Uint8Array, epoch: number): Message | undefined {
    const { role, life, epochs } = this.#association;
    if (role !== 'client' || epoch > 0 || payload[0] !== HandshakeType.hello_verify_request) return undefined;
    const hasKeys = epochs.writer.epoch > 0 || (epochs.reader?.epoch ?? 0) > 0;
    if (life.at !== 'handshaking' || hasKeys || !this.#runner.mayBeginAnew) return undefined;
    const [request, ...more] = readHandshakeFragments(payload) ?? [];
    if (request === undefined || more.length > 0 || request.fragmentLength < request.length) return undefined;
    const { type, messageSeq: seq, fragment } = request;
    const isNext = this.#runner.unansweredHello !== undefined && seq >= this.nextSeq;
    return isNext ? undefined : { type, seq, epoch, body: own(fragment) };
  }

  /** The next message in order, once it is complete. */
  take(): Message | undefined {
    return this.#reassembler.take();
  }

  /** Our flight answers everything up to here. */
  onFlight(): void {
    this.#flightStart = this.#reassembler.next;
  }

  /** Drops messages of other epochs than this; returns how many there were. */
  onlyEpoch(epoch: number): number {
    const stray = this.#reassembler.onlyEpoch(epoch);
    for (let count = stray; count > 0; count--) this.#association.drop('unexpected_epoch');
    return stray;
  }

  /**
   * A record of epoch 0 was received before: the network has duplicated it. A retransmission has a new number. An
   * attacker can send numbers ahead of the peer; then our own timer, if any, causes the repetition.
   */
  isDuplicate(epoch: number, sequence: number): boolean {
    if (epoch > 0 || !this.#association.path.validated) return false;
    if (this.#plainNumbers.includes(sequence)) return true;
    this.#plainNumbers = withLast(this.#plainNumbers, sequence);
    return false;
  }

  /** The content of one handshake record; a `duplicate` requests nothing. */
  receive(payload: Uint8Array, epoch: number, duplicate: boolean, now: Instant): Taken {
    const fragments = readHandshakeFragments(payload);
    if (fragments === undefined) {
      // RFC 8446 §5.1, §5.4: an empty record is out of place; other bytes are malformed.
      const alert = payload.length === 0 ? 'unexpected_message' : 'decode_error';
      this.violate(epoch, 'malformed_fragment', alert, 'the peer sent a malformed handshake record');
      return NOTHING;
    }
    let fresh = false;
    let whole = true;
    let repeated = false;
    this.#displaced = 0;
    for (const fragment of fragments) {
      const fate = this.#accept(fragment, epoch, duplicate, now);
      if (fate === 'fresh') fresh = true;
      else if (fate === 'repeated') repeated = true;
      else if (fate !== 'nothing') whole = false;
      // A record of a thousand tiny fragments must not cost a thousand attempts.
      if (fate === 'too much' || this.#displaced > MAX_DISPLACED) break;
    }
    return { fresh, whole, repeated };
  }

  /**
   * A fault in an authentic record of DTLS 1.3 (RFC 9147 §4.5.2) ends the session. In epoch 0, where it may be
   * forged, and in DTLS 1.2 it is discarded.
   */
  violate(epoch: number, reason: DropReason, alert: CodedAlert, text: string): void {
    this.#association.drop(reason);
    if (epoch > 0 && this.#runner.version?.rules.violationsAreFatal === true)
      this.#host.onFailure(violation(alert, text));
  }

  #accept(fragment: HandshakeFragment, epoch: number, duplicate: boolean, now: Instant): Fate {
    // RFC 9147 §5.5 does not forbid it; it carries no information either.
    if (fragment.fragmentLength === 0 && fragment.length > 0) return 'nothing';
    if (this.#asksToRenegotiate(fragment, epoch)) {
      this.refuseRenegotiation(now);
      return 'useless';
    }
    if (this.#isIdle(fragment, epoch)) {
      this.#association.drop('hello_request');
      return 'useless';
    }
    if (epoch === 0 && fragment.type === HandshakeType.client_hello && this.#association.role === 'client') {
      this.#association.drop('client_hello');
      return 'useless';
    }
    if (fragment.messageSeq < this.#reassembler.next) return this.#onRepeated(fragment, epoch, duplicate);
    if (epoch !== this.#runner.expectedEpoch) {
      const text = 'the peer sent a handshake message under keys that are not for it';
      this.violate(epoch, 'unexpected_epoch', 'unexpected_message', text);
      return 'useless';
    }
    const fate = this.#reassembler.add(fragment, epoch, now);
    if (fate === 'stored') return 'fresh';
    const reason = fate === 'old' ? 'repeated_message' : fate;
    if (fate === 'conflicting_fragment' || fragment.length > REASSEMBLY.maxMessage) {
      const text = 'a fragment contradicts an earlier one, or its message is too large';
      this.violate(epoch, reason, 'illegal_parameter', text);
    } else {
      this.#association.drop(reason);
    }
    return fate === 'over_budget' ? 'too much' : 'useless';
  }

  /** A warning refuses, and the session goes on: at most a few times a second (RFC 5246 §7.4.1.1, §7.2.2). */
  refuseRenegotiation(now: Instant): void {
    if (now < this.#nextRefusal) return this.#association.drop('renegotiation');
    this.#nextRefusal = now + MIN_REFUSAL_GAP;
    this.#host.onWarning('no_renegotiation');
  }

  /** RFC 5246 §7.4.1.1: a HelloRequest during a handshake is ignored, and fills no gap. */
  #isIdle({ type }: HandshakeFragment, epoch: number): boolean {
    if (type !== HandshakeType.hello_request || isEstablished(this.#association.life)) return false;
    return epoch === 0 || this.#renegotiates();
  }

  /** A version is chosen in which a peer may request a new handshake. */
  #renegotiates(): boolean {
    return this.#runner.version?.rules.renegotiation === true;
  }

  onDiscard(why: Discarded): void {
    this.#displaced++;
    this.#association.drop(why);
  }

  /** DTLS 1.2: a new handshake under the keys of the last one counts its messages from 0 again (RFC 6347 §4.2.2). */
  #asksToRenegotiate({ type, messageSeq, fragmentOffset }: HandshakeFragment, epoch: number): boolean {
    if (epoch === 0 || !isEstablished(this.#association.life) || !this.#renegotiates()) return false;
    const first =
      this.#association.role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
    return type === first && messageSeq === 0 && fragmentOffset === 0;
  }

  /**
   * Only the last message that our flight answers requests that flight again; otherwise the flight would be sent once
   * for each. DTLS 1.2, without ACKs, uses the last received message, even of an incomplete flight.
   */
  #onRepeated(fragment: HandshakeFragment, epoch: number, duplicate: boolean): Fate {
    this.#association.drop('repeated_message');
    const acks = this.#runner.version?.rules.acks === true;
    if (acks && fragment.messageSeq >= this.#flightStart) return 'repeated';
    const ends =
      fragment.messageSeq === (acks ? this.#flightStart : this.#reassembler.next) - 1 &&
      fragment.fragmentOffset + fragment.fragmentLength === fragment.length;
    if (ends && !duplicate) this.#flights.onRepeated(epoch > 0);
    return 'useless';
  }
}

/** Without the room that V8 reserves in a list that grows, and without `concat`, which is slow for so few. */
function withLast(numbers: readonly number[], last: number): readonly number[] {
  const first = Math.max(0, numbers.length + 1 - MAX_PLAIN_NUMBERS);
  const kept = numbers.length - first;
  const list = new Array<number>(kept + 1);
  for (let i = 0; i < kept; i++) list[i] = numbers[first + i] as number;
  list[kept] = last;
  return list;
}

/** Names and bytes of the messages received since our last flight, for the trace. */
export class ReceivedFlight {
  readonly #association: Association;
  #names: string[] | undefined;
  #bytes = 0;

  constructor(association: Association) {
    this.#association = association;
  }

  note({ type, body }: Message): void {
    if (!this.#association.behaviour.trace) return;
    this.#names ??= [];
    this.#names.push(messageName(type, body));
    this.#bytes += body.length;
  }

  /** The flight is over. */
  tell(): void {
    if (this.#names === undefined) return;
    this.#association.trace({
      kind: 'flight',
      direction: 'received',
      messages: this.#names,
      datagrams: 0,
      bytes: this.#bytes,
      retransmission: false,
    });
    this.#names = undefined;
    this.#bytes = 0;
  }
}
