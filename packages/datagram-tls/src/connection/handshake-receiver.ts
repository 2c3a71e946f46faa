import type { AlertName } from '../base/alerts.js';
import { violation } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { Message } from '../handshake/message.js';
import type { Runner } from '../handshake/runner.js';
import { HandshakeType } from '../wire/codes.js';
import { type HandshakeFragment, readHandshakeFragments } from '../wire/messages/handshake-header.js';
import type { Association, HandshakeHost } from './association.js';
import type { DropReason } from './events.js';
import type { FlightSender } from './flights.js';
import { isEstablished } from './life.js';
import { type Discarded, Reassembler } from './reassembly.js';

/**
 * A certificate chain of the usual kind has 2 to 6 KB, a ClientKeyExchange with the longest identity there can be 65,535
 * bytes and a share. Nothing is allocated before the bytes are here, and the budget counts what holding them really costs.
 */
const REASSEMBLY = { maxMessage: 0x10200, budget: 0x18000 } as const;

/**
 * What becomes of a fragment: it was new; it belongs to the flight under way and was here before; it is older than that
 * or of no use; it is more than may be held; it has no bytes.
 */
type Fate = 'fresh' | 'repeated' | 'useless' | 'too much' | 'nothing';

/** Messages in epoch 0 that the fragments of one record may push out of the budget. */
const MAX_DISPLACED = 8;

/** What the fragments of one record came to. */
interface Taken {
  /** Something of it was new. */
  readonly fresh: boolean;
  /** All of it was kept, now or before: it may be acknowledged. */
  readonly whole: boolean;
  /** Something of it was here before. */
  readonly repeated: boolean;
}

/** Between two answers to requests to renegotiate, ms. */
const MIN_REFUSAL_GAP: Duration = 250;

/** Numbers of plaintext records that are remembered; the oldest are forgotten. */
const MAX_PLAIN_NUMBERS = 64;

const NOTHING: Taken = { fresh: false, whole: false, repeated: false };

/** Takes in the fragments that may come now, and gives out whole messages in order. */
export class HandshakeReceiver {
  readonly #association: Association;
  readonly #host: HandshakeHost;
  readonly #runner: Runner;
  readonly #flights: FlightSender;
  readonly #reassembler: Reassembler;
  /** message_seq of the first message that our last flight of the handshake does not answer. */
  #flightStart: number;
  #nextRefusal: Instant = Number.NEGATIVE_INFINITY;
  readonly #plainNumbers: number[] = [];
  /** Messages that fragments of the record at hand pushed out. */
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
    this.#reassembler = new Reassembler(firstSeq, REASSEMBLY, association.memory, (why) =>
      this.#onDiscard(why),
    );
    this.#flightStart = firstSeq;
  }

  /** Something is missing before what came last. */
  get gap(): boolean {
    return this.#reassembler.gap;
  }

  /** When the oldest message began that is not processed yet. */
  get oldest(): Instant | undefined {
    return this.#reassembler.oldest;
  }

  /** Forgets the messages that began at `instant` or before, and are not processed yet. */
  forgetUntil(instant: Instant): void {
    this.#reassembler.forgetUntil(instant);
  }

  /** Forgets all messages that are not processed yet; `why` counts them. */
  forgetAll(why?: 'evicted'): void {
    this.#reassembler.forgetAll(why);
  }

  /** The next message in order, once it is whole. */
  take(): Message | undefined {
    return this.#reassembler.take();
  }

  /** Our flight answers everything up to here. */
  onFlight(): void {
    this.#flightStart = this.#reassembler.next;
  }

  /** Messages of other epochs than this are worth nothing any more; returns how many there were. */
  onlyEpoch(epoch: number): number {
    const stray = this.#reassembler.onlyEpoch(epoch);
    for (let count = stray; count > 0; count--) this.#association.drop('unexpected_epoch');
    return stray;
  }

  /**
   * A record of epoch 0 was here before: the network has duplicated it. A peer that sends something again gives it a new
   * number. Anybody can send numbers ahead of the peer's; then our own timer has to do, where there is one.
   */
  isDuplicate(epoch: number, sequence: number): boolean {
    if (epoch > 0 || !this.#association.path.validated) return false;
    if (this.#plainNumbers.includes(sequence)) return true;
    if (this.#plainNumbers.length === MAX_PLAIN_NUMBERS) this.#plainNumbers.shift();
    this.#plainNumbers.push(sequence);
    return false;
  }

  /** The content of one handshake record; a `duplicate` asks for nothing. */
  receive(payload: Uint8Array, epoch: number, duplicate: boolean, now: Instant): Taken {
    const fragments = readHandshakeFragments(payload);
    if (fragments === undefined) {
      // RFC 8446 §5.1, §5.4: an empty record is out of place; other bytes are just wrong.
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
      // A record of a thousand tiny fragments must not cost a thousand tries.
      if (fate === 'too much' || this.#displaced > MAX_DISPLACED) break;
    }
    return { fresh, whole, repeated };
  }

  /**
   * What DTLS 1.3 counts as the peer's own doing in an authentic record (RFC 9147 §4.5.2) ends the session. In epoch 0,
   * where anybody may have sent it, and in DTLS 1.2 it is discarded.
   */
  violate(epoch: number, reason: DropReason, alert: AlertName, text: string): void {
    this.#association.drop(reason);
    if (epoch > 0 && this.#runner.version?.rules.violationsAreFatal === true)
      this.#host.onFailure(violation(alert, text));
  }

  #accept(fragment: HandshakeFragment, epoch: number, duplicate: boolean, now: Instant): Fate {
    // RFC 9147 §5.5 forbids nothing of the kind; it says nothing of the message either.
    if (fragment.fragmentLength === 0 && fragment.length > 0) return 'nothing';
    if (this.#asksToRenegotiate(fragment, epoch)) {
      this.refuseRenegotiation(now);
      return 'useless';
    }
    if (this.#isIdle(fragment, epoch)) {
      this.#association.drop('hello_request');
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

  /** A warning says no, and the session goes on: not more often than a few times a second (RFC 5246 §7.4.1.1, §7.2.2). */
  refuseRenegotiation(now: Instant): void {
    if (now < this.#nextRefusal) return this.#association.drop('renegotiation');
    this.#nextRefusal = now + MIN_REFUSAL_GAP;
    this.#host.onWarning('no_renegotiation');
  }

  /** RFC 5246 §7.4.1.1: a HelloRequest during a handshake says nothing, not even that it fills a gap. */
  #isIdle({ type }: HandshakeFragment, epoch: number): boolean {
    if (type !== HandshakeType.hello_request || isEstablished(this.#association.life)) return false;
    return epoch === 0 || this.#renegotiates;
  }

  /** A version is chosen in which a peer may ask for a new handshake. */
  get #renegotiates(): boolean {
    return this.#runner.version?.rules.renegotiation === true;
  }

  #onDiscard(why: Discarded): void {
    this.#displaced++;
    this.#association.drop(why);
  }

  /** DTLS 1.2: a new handshake under the keys of the last one counts its messages from 0 again (RFC 6347 §4.2.2). */
  #asksToRenegotiate({ type, messageSeq, fragmentOffset }: HandshakeFragment, epoch: number): boolean {
    if (epoch === 0 || !isEstablished(this.#association.life) || !this.#renegotiates) return false;
    const first =
      this.#association.role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
    return type === first && messageSeq === 0 && fragmentOffset === 0;
  }

  /**
   * The last message of what our flight answers asks for that flight again; were it any of them, the flight would go out
   * once for each. DTLS 1.2, without ACKs, takes the last message that came, even of a flight that is not whole.
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
