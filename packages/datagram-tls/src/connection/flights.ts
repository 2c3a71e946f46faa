import type { Duration, Instant } from '../base/instant.js';
import type { CryptoProvider } from '../crypto/provider.js';
import {
  type Awaits,
  type Flight,
  type FlightItem,
  itemName,
  readFlight,
  writeFlight,
} from '../handshake/flight.js';
import { HandshakeType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { RecordNumber } from '../wire/messages/ack.js';
import type { Association } from './association.js';
import { Delivery } from './delivery.js';
import { readInstant, writeInstant } from './saved-times.js';
import type { Manner, Transmission } from './transmit.js';

/** How long the peer may request our last flight again: twice RFC 6347 §4.2.4's maximum segment lifetime, ms. */
const LAST_FLIGHT_KEPT: Duration = 240_000;

/**
 * The shortest time between a transmission and a repetition that the peer requests, ms. WebRTC's first timer has this
 * length, and no timer in use is shorter. It doubles each time, up to our own timer.
 */
const MIN_REPEAT_GAP: Duration = 50;

/**
 * Records of a flight that may be in flight, where ACKs report arrivals: first this many (RFC 9147 §5.8.3), one more
 * for each acknowledged one, up to the maximum (ADR 22).
 */
const WINDOW = { initial: 10, max: 100 } as const;
/** Timeouts after which an unacknowledged ticket is abandoned, alone and beside an acknowledged message. */
const TICKET_TRIES = { alone: 6, besides: 2 } as const;

/** The first epoch whose records are acknowledged. Before it the peer may keep no state, or use DTLS 1.2. */
const FIRST_ACKNOWLEDGED_EPOCH = 2;

/**
 * Why a flight is requested again: by the peer, by an unauthenticated record, or because of an alert that may be
 * forged.
 */
type Request = 'authentic' | 'plaintext' | 'doubt' | 'probe';

/** Headers of a plaintext record and of a handshake fragment, bytes. */
const ITEM_OVERHEAD = 25;

/** Flags of a saved state. */
const SAVED = {
  underWay: 1,
  letBe: 2,
  replayed: 4,
  answered: 8,
  deferred: 16,
  measurable: 32,
  tracked: 64,
} as const;

/** One for all that are empty. */
const NO_ITEMS: readonly FlightItem[] = [];

interface UnderWay {
  readonly flight: Flight;
  /** `undefined` for a flight without ACKs that was sent in one go: all of it stays missing. */
  readonly delivery: Delivery | undefined;
}

/**
 * Sends flights, and retransmits them until they got what they await (RFC 6347 §4.2.4, RFC 9147 §5.8). One datagram
 * causes at most one transmission: a request is noted, and answered when the datagram is processed.
 */
export class FlightSender {
  readonly #association: Association;
  readonly #backoff: Backoff;
  #building: FlightItem[] | undefined;
  #underWay: UnderWay | undefined;
  /** Abandoned tickets. A peer without them accepts nothing that follows without them. */
  #letBe = NO_ITEMS;
  /** Records that may be in flight. */
  #window = Number.POSITIVE_INFINITY;
  /** A datagram is being processed. */
  #receiving = false;
  /** It has caused its transmission. */
  #spent = false;
  /** It requests the current flight again. */
  #asked: Request | undefined;
  /** It acknowledges parts of the current flight, so that others may follow. */
  #advanced = false;
  /** The flight was repeated on request since the timer was last set; the next repetition is the timer's. */
  #replayed = false;
  /** It was repeated as a probe: the number of the first record in epoch 0. */
  #probe: number | undefined;
  /** Of epoch 0, when the current flight began. */
  #firstRecord = 0;
  /** DTLS 1.3: the answer to the current flight has begun, so that all of it has arrived. */
  #answered = false;
  #repeatGap: Duration = MIN_REPEAT_GAP;
  /** A request for the last flight came too soon: the answer is sent when the gap is over. */
  #deferred = false;
  /** Until then an ACK causes no retransmission of lost records. */
  #nextRepair: Instant = Number.NEGATIVE_INFINITY;
  /** The largest datagram of the last transmission, bytes. */
  #largest = 0;
  #lastSent: Instant = Number.POSITIVE_INFINITY;
  /** The whole flight was sent only once, and its answer gives the round trip (RFC 6298 §3). */
  #measurable = false;

  constructor(association: Association) {
    this.#association = association;
    this.#backoff = new Backoff(association.behaviour.retransmission);
  }

  /** What completes the current flight; `undefined` when there is none. */
  get awaits(): Awaits | undefined {
    return this.#underWay?.flight.awaits;
  }

  /** The timer has run out for the current flight. */
  get isOverdue(): boolean {
    return this.#backoff.timeouts > 0;
  }

  /** RFC 9147 §7.1: how long to wait for the rest of the peer's flight before an ACK, ms. */
  get ackDelay(): Duration {
    return this.#backoff.timeout / 4;
  }

  /** What the last answer to a flight that was sent once took, ms. */
  get roundTrip(): Duration | undefined {
    return this.#backoff.roundTrip;
  }

  /** The path is new: the timer of the former one has no meaning. */
  onNewPath(): void {
    this.#backoff.onNewPath();
    this.#measurable = false;
  }

  /** Between two datagrams, after the handshake: nothing is being built, and nothing is asked for. */
  save(w: Writer, at: Instant): void {
    const underWay = this.#underWay;
    w.u8(
      (underWay === undefined ? 0 : SAVED.underWay) |
        (this.#letBe.length === 0 ? 0 : SAVED.letBe) |
        (this.#replayed ? SAVED.replayed : 0) |
        (this.#answered ? SAVED.answered : 0) |
        (this.#deferred ? SAVED.deferred : 0) |
        (this.#measurable ? SAVED.measurable : 0) |
        (underWay?.delivery === undefined ? 0 : SAVED.tracked),
    );
    writeInstant(w, this.#lastSent, at);
    this.#backoff.save(w);
    if (this.#letBe.length > 0) writeFlight(w, { items: this.#letBe, awaits: 'ack' });
    if (underWay === undefined) return;
    writeFlight(w, underWay.flight);
    underWay.delivery?.save(w, at);
    writeInstant(w, this.#window, 0);
    writeInstant(w, this.#repeatGap, 0);
    writeInstant(w, this.#nextRepair, at);
    w.varint(this.#largest);
  }

  restore(r: Reader, at: Instant): void {
    const flags = r.u8();
    this.#replayed = (flags & SAVED.replayed) !== 0;
    this.#answered = (flags & SAVED.answered) !== 0;
    this.#deferred = (flags & SAVED.deferred) !== 0;
    this.#measurable = (flags & SAVED.measurable) !== 0;
    this.#lastSent = readInstant(r, at);
    this.#backoff.restore(r);
    if ((flags & SAVED.letBe) !== 0) this.#letBe = readFlight(r).items;
    if ((flags & SAVED.underWay) === 0) return;
    const flight = readFlight(r);
    const delivery = (flags & SAVED.tracked) === 0 ? undefined : new Delivery(flight);
    delivery?.restore(r, at);
    this.#underWay = { flight, delivery };
    this.#window = readInstant(r, 0);
    this.#repeatGap = readInstant(r, 0);
    this.#nextRepair = readInstant(r, at);
    this.#largest = r.varint();
  }

  /** Numbers for records are reserved again: what could not be sent goes out. */
  onNumbers(now: Instant): void {
    if (this.#underWay !== undefined && this.#underWay.flight.awaits === 'ack') this.#goOn(now);
  }

  add(item: FlightItem): void {
    this.#building ??= [];
    this.#building.push(item);
  }

  /** Bytes that the flight takes that is being built, in fragments of a usual size. */
  get size(): number {
    let size = 0;
    for (const item of this.#building ?? [])
      size += ITEM_OVERHEAD + (item.kind === 'message' ? item.body.length : 1);
    return size;
  }

  /** The flight is complete. `acks`: the peer's version may have ACKs. */
  begin(awaits: Awaits, acks: boolean, now: Instant): void {
    // Copies have no room to grow, as what was pushed has for 17 items.
    const built = this.#building?.slice() ?? NO_ITEMS;
    const flight = { items: this.#letBe.length === 0 ? built : this.#letBe.concat(built), awaits };
    this.#building = undefined;
    this.#letBe = NO_ITEMS;
    if (this.#underWay !== undefined) this.#onAnswer();
    this.#backoff.onIdle(now - this.#lastSent);
    this.#underWay = { flight, delivery: undefined };
    this.#firstRecord = this.#association.plainWriter.sequence;
    this.#window = firstWindow(flight);
    this.#measurable = true;
    this.#association.timers.stop('retransmit');
    this.#association.timers.stop('repair');
    this.#replayed = false;
    this.#probe = undefined;
    this.#answered = false;
    this.#advanced = false;
    this.#asked = undefined;
    this.#repeatGap = MIN_REPEAT_GAP;
    this.#deferred = false;
    this.#nextRepair = Number.NEGATIVE_INFINITY;
    const mustWait = this.#receiving && this.#spent;
    if (!acks && !mustWait && this.#sendWhole(flight, now)) return;
    this.#underWay = { flight, delivery: new Delivery(flight, acks ? 'acknowledged' : 'unacknowledged') };
    if (mustWait) {
      // A peer that predicts our record numbers could acknowledge one flight after the other within one datagram.
      this.#association.drop('repeated_too_soon');
      this.#association.timers.set('repair', now + MIN_REPEAT_GAP);
    } else {
      this.#sendPart('sendable', now);
    }
  }

  /** A datagram begins, which may cause one transmission. */
  onDatagram(): void {
    this.#receiving = true;
    this.#spent = false;
  }

  /** The datagram is processed: answers its request, once, unless it has already caused a transmission. */
  settle(now: Instant): void {
    const asked = this.#asked;
    const advanced = this.#advanced;
    const spent = this.#spent;
    this.#receiving = false;
    this.#spent = false;
    this.#asked = undefined;
    this.#advanced = false;
    if (this.#underWay === undefined || spent || this.#building !== undefined) return;
    if (asked !== undefined && this.#mayRepeat(asked, now)) this.#repeat(asked, now);
    else if (advanced) this.#goOn(now);
  }

  /** The current flight did not get what it awaits in time. Returns whether it is abandoned. */
  onTimeout(now: Instant): boolean {
    if (this.#givesUp()) return true;
    this.#backoff.onTimeout();
    this.#replayed = false;
    this.#onUnanswered();
    // A peer without ACKs before a flight is complete gets all of it in turn. The amount doubles with the timer.
    this.#window = Math.min(this.#window * 2, Math.max(this.#window, WINDOW.max));
    this.#association.timers.stop('repair');
    this.#sendAgain(now, 'from-cursor');
    return false;
  }

  /** The current flight is not repeated this time, because the peer is at its own. */
  passTurn(now: Instant): void {
    this.#backoff.onTimeout();
    this.#setTimer(now);
  }

  /** The system refused a datagram of `size` bytes: a flight with such datagrams is sent at once in smaller ones. */
  onTooLarge(size: number, now: Instant): void {
    if (this.#building === undefined && size <= this.#largest) this.#sendAgain(now);
  }

  /** The peer may be gone: the flight is repeated, once for each run of the timer. */
  onDoubt(): void {
    if (this.#underWay !== undefined && !this.#replayed) this.#ask('doubt');
  }

  /**
   * The peer repeats what our flight answers, or cannot read it: it has not seen it (RFC 6347 §4.2.4, RFC 9147
   * §5.8.1, §7.1). Unless the peer proves that it has keys, the flight is repeated only once for each run of our own
   * timer, so that we cannot be used as an amplifier.
   */
  onRepeated(authentic: boolean): void {
    if (this.#underWay === undefined || this.#underWay.delivery?.untouched === false) return;
    if (!authentic && this.#underWay.flight.awaits === 'nothing') return;
    this.#ask(authentic ? 'authentic' : 'plaintext');
  }

  /** An ACK that is not authentic may say what the peer lacks; no record is left out because of it. */
  onPlainAck(numbers: readonly RecordNumber[]): void {
    if (this.#underWay?.delivery?.lacks(numbers) === true) this.onRepeated(false);
  }

  /** Client: the flight is repeated once, under record numbers that only a peer that sees them can repeat. */
  onRefusal(): void {
    if (this.#underWay !== undefined && this.#probe === undefined) this.#ask('probe');
  }

  /** Whether a record of epoch 0 with this number of the peer's answers our probe, or a repetition after it. */
  isAnswer(sequence: number): boolean {
    return (
      this.#probe !== undefined &&
      sequence >= this.#probe &&
      sequence < this.#association.plainWriter.sequence
    );
  }

  /** Whether it may answer the current flight: a server without state answers under the number of the record that it got. */
  mayAnswer(sequence: number): boolean {
    return sequence >= this.#firstRecord;
  }

  #sendProbe(now: Instant): void {
    const { plainWriter, provider } = this.#association;
    plainWriter.skip(1 + randomNumber(provider));
    this.#probe = plainWriter.sequence;
    this.#sendAgain(now);
  }

  #ask(how: Request): void {
    if (this.#asked !== undefined && how !== 'doubt' && how !== 'probe')
      this.#association.drop('repeated_too_soon');
    if (this.#asked === undefined || this.#asked === 'plaintext' || how === 'doubt' || how === 'probe')
      this.#asked = how;
  }

  #mayRepeat(asked: Request, now: Instant): boolean {
    if (asked === 'doubt' || asked === 'probe') return true;
    const { path, transmit } = this.#association;
    // Without a timer the received bytes set the pace: the waiting rest of the flight goes before its repetition.
    const turn = path.validated ? asked === 'authentic' || !this.#replayed : !transmit.flightWaits;
    const ready = this.#lastSent + this.#repeatGap;
    if (turn && now >= ready) return true;
    const last = asked === 'authentic' && this.#underWay?.flight.awaits === 'nothing';
    if (turn && (last || !path.validated)) {
      // No timer runs for these flights, and the peer's next request may be far away.
      this.#deferred = true;
      this.#association.timers.set('repair', ready);
    } else this.#association.drop('repeated_too_soon');
    return false;
  }

  #repeat(asked: Request, now: Instant): void {
    this.#replayed = true;
    if (asked === 'probe') return this.#sendProbe(now);
    if (asked === 'doubt') return this.#sendAgain(now);
    this.#repeatGap = Math.min(this.#repeatGap * 2, this.#backoff.timeout);
    this.#onUnanswered();
    this.#sendAgain(now);
  }

  /** The peer is validated. */
  onProved(now: Instant): void {
    if (this.#underWay !== undefined) this.#setTimer(now);
  }

  #setTimer(now: Instant): void {
    const { timers, path } = this.#association;
    if (path.validated || path.moved) timers.set('retransmit', now + this.#backoff.timeout);
  }

  /** A part of the answer has arrived: a flight that awaits one has arrived. */
  onAnswered(now: Instant): void {
    if (this.#underWay?.flight.awaits !== 'answer') return;
    this.#answered = true;
    this.#association.timers.stop('retransmit');
    this.#association.timers.stop('repair');
    this.#measure(now);
  }

  /**
   * The peer has keys that come from all our messages in plaintext. Some clients acknowledge only what is protected (RFC 9147
   * §7.1), and drop it while plaintext comes again.
   */
  onPlaintextArrived(): void {
    const { flight, delivery } = this.#underWay ?? {};
    if (flight === undefined || delivery === undefined) return;
    const news = delivery.settle((item) => flight.items[item]?.epoch === 0);
    this.#growWindow(news);
    if (news === 0 || !this.delivered) return;
    this.#association.timers.stop('retransmit');
    this.#association.timers.stop('repair');
  }

  /** The whole current flight has arrived, according to ACKs. */
  get delivered(): boolean {
    return this.#underWay?.delivery?.complete === true;
  }

  /**
   * An authentic ACK. Returns whether it acknowledged anything new. What the peer lacks is retransmitted (RFC 9147
   * §7.2). One without numbers says that the peer cannot read what it has (§7.1); one that names nothing new of this
   * flight is late.
   */
  onAck(numbers: readonly RecordNumber[], now: Instant): boolean {
    const { flight, delivery } = this.#underWay ?? {};
    if (flight === undefined || delivery === undefined || this.#answered) return false;
    if (numbers.length === 0) this.#ask('authentic');
    const news = delivery.acknowledge(numbers, now);
    if (news === 0) return false;
    this.#growWindow(news);
    if (this.delivered) {
      this.#association.timers.stop('retransmit');
      this.#association.timers.stop('repair');
      this.#measure(now);
    } else {
      if (flight.awaits !== 'nothing') this.#setTimer(now);
      this.#advanced = true;
    }
    return true;
  }

  #growWindow(news: number): void {
    this.#window = Math.min(this.#window + news, Math.max(this.#window, WINDOW.max));
  }

  /** Something is lost and may be retransmitted by now, or a new flight begins. */
  onRepair(now: Instant): void {
    const deferred = this.#deferred;
    this.#deferred = false;
    if (this.#underWay === undefined) return;
    if (deferred) this.#repeat('authentic', now);
    else this.#goOn(now);
  }

  /** Unsent records follow at once; lost ones after a time that doubles with each repair. */
  #goOn(now: Instant): void {
    const { timers } = this.#association;
    if (this.#underWay?.delivery?.hasLost !== true) return this.#sendPart('sendable', now);
    if (now < this.#nextRepair) {
      timers.set('repair', this.#nextRepair);
      return this.#sendPart('unsent', now);
    }
    this.#nextRepair = now + this.#repeatGap;
    this.#repeatGap = Math.min(this.#repeatGap * 2, this.#backoff.timeout);
    this.#replayed = true;
    timers.stop('repair');
    this.#sendPart('sendable', now);
  }

  /** The current flight got what it awaited, and nothing of ours follows. */
  end(): void {
    this.#association.timers.stop('retransmit');
    this.#association.timers.stop('repair');
    if (this.#underWay !== undefined) this.#onAnswer();
    this.#underWay = undefined;
  }

  /** Only tickets are missing, and they were sent often enough: the peer does not use them. */
  #givesUp(): boolean {
    const { flight, delivery } = this.#underWay ?? {};
    if (flight?.awaits !== 'ack' || delivery === undefined) return false;
    const alone = flight.items.every(isTicket);
    if (this.#backoff.timeouts < (alone ? TICKET_TRIES.alone : TICKET_TRIES.besides)) return false;
    if (!delivery.missing.every(({ item }) => isTicket(flight.items[item]))) return false;
    if (alone) {
      this.#association.counters.ticketsGivenUp++;
      this.#letBe = flight.items;
    }
    return true;
  }

  /** DTLS 1.3: the whole flight has arrived. */
  #measure(now: Instant): void {
    if (this.#measurable) this.#backoff.onMeasured(now - this.#lastSent);
    this.#measurable = false;
  }

  #onUnanswered(): void {
    const hello = this.#underWay?.flight.items.some(isClientHello) === true;
    this.#association.path.size.onUnanswered(this.#largest, hello);
  }

  #onAnswer(): void {
    this.#backoff.onAnswer();
    this.#association.path.size.onAnswer();
  }

  /** Everything missing is retransmitted, as far as the window allows. */
  #sendAgain(now: Instant, part: 'sendable' | 'from-cursor' = 'sendable'): void {
    this.#underWay?.delivery?.lose();
    this.#sendPart(part, now);
  }

  /** Sends a new flight in one datagram, as nearly all of DTLS 1.2 fit; `false` where it has to be cut, or may not go out. */
  #sendWhole(flight: Flight, now: Instant): boolean {
    const { path, transmit, recordLimits } = this.#association;
    if (!path.validated) return false;
    const bytes = transmit.whole(flight, path.flightDatagramSize, recordLimits.send);
    if (bytes === 0) return false;
    this.#setTimerOf(flight, now);
    this.#spent = true;
    this.#largest = bytes;
    this.#lastSent = now;
    if (this.#association.behaviour.trace) {
      const items = flight.items.map((_, i) => i);
      this.#traceFlight(flight, { datagrams: 1, bytes, largest: bytes, items, repeats: false });
    }
    return true;
  }

  /** Until its answer comes, or it is forgotten. */
  #setTimerOf({ awaits }: Flight, now: Instant): void {
    if (awaits !== 'nothing') this.#setTimer(now);
    else this.#association.timers.set('forget-flight', now + LAST_FLIGHT_KEPT);
  }

  #sendPart(part: Manner['part'], now: Instant): void {
    if (this.#underWay === undefined) return;
    const { path: taken, transmit: queue } = this.#association;
    // What waits for the budget of a new path goes before its repetition.
    if (taken.moved && !taken.validated && queue.waiting > 0) return this.#setTimer(now);
    const { flight, delivery = new Delivery(flight, 'sent') } = this.#underWay;
    const isLimited = this.#window < Number.POSITIVE_INFINITY;
    const records = isLimited ? this.#window - delivery.inFlight : this.#window;
    if (records <= 0) return;
    const { transmit, path, recordLimits, counters } = this.#association;
    const manner = { size: path.flightDatagramSize, content: recordLimits.send, records, part };
    delivery.onTransmission(now);
    const sent = transmit.flight(flight, manner, delivery);
    this.#setTimerOf(flight, now);
    const isForgotten = flight.awaits === 'nothing' && sent.items.length === flight.items.length;
    this.#underWay = { flight, delivery: isForgotten ? undefined : delivery };
    if (sent.datagrams === 0) return;
    this.#spent = true;
    this.#largest = sent.largest;
    this.#lastSent = now;
    if (sent.repeats) {
      counters.retransmissions++;
      this.#measurable = false;
    }
    if (this.#association.behaviour.trace) this.#traceFlight(flight, sent);
  }

  #traceFlight(flight: Flight, { items, datagrams, bytes, repeats }: Transmission): void {
    const messages = flight.items.filter((_, i) => items.includes(i)).map(itemName);
    this.#association.trace({
      kind: 'flight',
      direction: 'sent',
      messages,
      datagrams,
      bytes,
      retransmission: repeats,
    });
  }
}

/** 32 random bits. */
function randomNumber(provider: CryptoProvider): number {
  const [a = 0, b = 0, c = 0, d = 0] = provider.randomBytes(4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function isTicket(item: FlightItem | undefined): boolean {
  return item?.kind === 'message' && item.type === HandshakeType.new_session_ticket;
}

function isClientHello(item: FlightItem): boolean {
  return item.kind === 'message' && item.type === HandshakeType.client_hello;
}

function firstWindow({ items }: Flight): number {
  return items.some(({ epoch }) => epoch >= FIRST_ACKNOWLEDGED_EPOCH)
    ? WINDOW.initial
    : Number.POSITIVE_INFINITY;
}

interface BackoffLimits {
  /** First retransmission timeout, ms (RFC 6347 §4.2.4.1: 1 s). */
  readonly initial: Duration;
  /** The maximum of the timeout, ms (60 s). */
  readonly max: Duration;
}

/** RFC 9147 §5.8.2. */
const TIMES_ROUND_TRIP = 1.5;
/**
 * A measured timer is at least this part of the first value. A peer that has everything and needs time for a
 * signature sends an ACK after a quarter of its own timer (§7.1).
 */
const MIN_PART = 0.5;
/** After this many times its length without use a measured timer is outdated (§5.8.2). */
const IDLE_TIMES = 10;

/**
 * The retransmission timer's length. It doubles with each timeout, and falls only when a flight got through without
 * one: to its first value (RFC 6347 §4.2.4.1), or to the measured value (RFC 9147 §5.8.2).
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  /** The length after a flight without a timeout. */
  #base: Duration;
  #current: Duration;
  #timeouts = 0;
  #roundTrip: Duration | undefined;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
    this.#base = limits.initial;
    this.#current = limits.initial;
  }

  get timeout(): Duration {
    return this.#current;
  }

  get roundTrip(): Duration | undefined {
    return this.#roundTrip;
  }

  onNewPath(): void {
    const { initial } = this.#limits;
    this.#base = initial;
    this.#current = initial;
    this.#timeouts = 0;
    this.#roundTrip = undefined;
  }

  /** Of the current flight. */
  get timeouts(): number {
    return this.#timeouts;
  }

  onTimeout(): void {
    this.#timeouts++;
    this.#current = Math.min(this.#current * 2, this.#limits.max);
  }

  /** A flight that was sent once was answered after `roundTrip`. */
  onMeasured(roundTrip: Duration): void {
    const { initial, max } = this.#limits;
    this.#roundTrip = roundTrip;
    this.#base = Math.min(Math.max(roundTrip * TIMES_ROUND_TRIP, initial * MIN_PART), max);
  }

  /** The current flight was answered. */
  onAnswer(): void {
    if (this.#timeouts === 0) this.#current = this.#base;
    this.#timeouts = 0;
  }

  /** Whole ms. */
  save(w: Writer): void {
    const roundTrip = this.#roundTrip === undefined ? 0 : Math.round(this.#roundTrip) + 1;
    w.varint(Math.round(this.#base))
      .varint(Math.round(this.#current))
      .varint(this.#timeouts)
      .varint(roundTrip);
  }

  restore(r: Reader): void {
    this.#base = r.varint();
    this.#current = r.varint();
    this.#timeouts = r.varint();
    const roundTrip = r.varint();
    if (roundTrip > 0) this.#roundTrip = roundTrip - 1;
  }

  /** Nothing was sent for `duration`. */
  onIdle(duration: Duration): void {
    if (duration < IDLE_TIMES * this.#current) return;
    this.#base = this.#limits.initial;
    this.#current = this.#limits.initial;
  }
}
