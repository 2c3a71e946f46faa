import type { Duration, Instant } from '../base/instant.js';
import { Backoff } from '../handshake/backoff.js';
import { type Awaits, type Flight, type FlightItem, itemName } from '../handshake/flight.js';
import { HandshakeType } from '../wire/codes.js';
import type { RecordNumber } from '../wire/messages/ack.js';
import type { Association } from './association.js';
import { Delivery } from './delivery.js';
import type { Transmission } from './transmit.js';

/** How long the peer may ask for our last flight again: twice RFC 6347 §4.2.4's maximum segment lifetime, ms. */
const LAST_FLIGHT_KEPT: Duration = 240_000;

/** Between two replays of the last flight, ms. */
const LEAST_REPLAY_GAP: Duration = 50;

/** RFC 9147 §5.8.3: no more records than this go out at once, where ACKs tell when more may follow. */
const MOST_RECORDS = 10;
/** Timeouts after which a ticket that nobody acknowledges is let be, alone and beside something that is acknowledged. */
const TICKET_TRIES = { alone: 6, besides: 2 } as const;

/** The first epoch whose records are acknowledged. Before it the peer may keep no state, or speak DTLS 1.2. */
const FIRST_ACKNOWLEDGED_EPOCH = 2;

interface UnderWay {
  readonly flight: Flight;
  readonly delivery: Delivery;
  /** Records for one transmission. */
  readonly records: number;
}

/** Sends flights, and sends them again until they got what they await (RFC 6347 §4.2.4, RFC 9147 §5.8). */
export class Retransmission {
  readonly #association: Association;
  readonly #backoff: Backoff;
  #building: FlightItem[] = [];
  #underWay: UnderWay | undefined;
  /** Tickets that are waited for no longer. Should the peer lack them, it takes nothing that comes after without them. */
  #letBe: readonly FlightItem[] = [];
  /** The flight went out again on the peer's word since the timer was last set; the next time is the timer's. */
  #replayed = false;
  #nextReplay: Instant = Number.NEGATIVE_INFINITY;
  /** The largest datagram of the last transmission, bytes. */
  #largest = 0;
  #lastSent: Instant = Number.POSITIVE_INFINITY;
  /** All of the flight went out once only, and its answer will tell how long the way is (RFC 6298 §3). */
  #measurable = false;

  constructor(association: Association) {
    this.#association = association;
    this.#backoff = new Backoff(association.behaviour.retransmission);
  }

  /** What the flight under way needs so that it is not sent any more; `undefined` when there is none. */
  get awaits(): Awaits | undefined {
    return this.#underWay?.flight.awaits;
  }

  /** RFC 9147 §7.1: how long to wait for the rest of the peer's flight before an ACK tells what is here, ms. */
  get ackDelay(): Duration {
    return this.#backoff.timeout / 4;
  }

  add(item: FlightItem): void {
    this.#building.push(item);
  }

  /** The flight is whole. */
  begin(awaits: Awaits, now: Instant): void {
    const flight = { items: [...this.#letBe, ...this.#building], awaits };
    this.#building = [];
    this.#letBe = [];
    if (this.#underWay !== undefined) this.#onAnswer();
    this.#backoff.onIdle(now - this.#lastSent);
    this.#underWay = { flight, delivery: new Delivery(flight), records: recordsAtOnce(flight) };
    this.#measurable = true;
    this.#association.timers.stop('retransmit');
    this.#replayed = false;
    this.#send(this.#underWay, false, now);
  }

  /** The flight under way did not get what it awaits in time. Returns whether it is not to be waited for any more. */
  onTimeout(now: Instant): boolean {
    if (this.#givesUp()) return true;
    this.#backoff.onTimeout();
    this.#replayed = false;
    this.#onUnanswered();
    // A peer that acknowledges nothing before a flight is whole gets all of it in turn.
    this.#sendAgain(now, true);
    return false;
  }

  /** The system refused a datagram of `size` bytes: a flight that has such goes out at once in smaller ones. */
  onTooLarge(size: number, now: Instant): void {
    if (this.#building.length === 0 && size <= this.#largest) this.#sendAgain(now);
  }

  /** Sent again out of turn, once for each run of the timer. */
  onDoubt(now: Instant): void {
    if (this.#underWay === undefined || this.#building.length > 0 || this.#replayed) return;
    this.#replayed = true;
    this.#sendAgain(now);
  }

  /**
   * The peer repeats what our flight answers: it has not seen it (RFC 6347 §4.2.4, RFC 9147 §5.8.1). It is sent again
   * at once, but unless the peer proves that it holds keys, only once for each run of our own timer, so that nobody uses
   * us as an amplifier.
   */
  onRepeated(authentic: boolean, now: Instant): void {
    if (this.#underWay === undefined || this.#building.length > 0) return;
    const { flight, delivery } = this.#underWay;
    if (!delivery.untouched) return;
    if (flight.awaits === 'nothing') return authentic ? this.#replayLast(now) : undefined;
    if (!this.#mayRepeat(authentic)) return;
    this.#replayed = true;
    this.#onUnanswered();
    this.#sendAgain(now);
  }

  /** Where there is no timer the bytes that come set the pace: what waits of the flight goes out before it is repeated. */
  #mayRepeat(authentic: boolean): boolean {
    const { probation, transmit } = this.#association;
    return probation === undefined ? authentic || !this.#replayed : !transmit.flightWaits;
  }

  /** The peer has proved that it hears us. */
  onProved(now: Instant): void {
    if (this.#underWay !== undefined) this.#setTimer(now);
  }

  #setTimer(now: Instant): void {
    const { timers, probation } = this.#association;
    if (probation === undefined) timers.set('retransmit', now + this.#backoff.timeout);
  }

  /** No timer of ours runs for a last flight: a peer whose own timer runs does not ask more often than this. */
  #replayLast(now: Instant): void {
    if (now < this.#nextReplay) return;
    this.#nextReplay = now + LEAST_REPLAY_GAP;
    this.#onUnanswered();
    this.#sendAgain(now);
  }

  /** A part of the answer is here: a flight that awaits one has arrived. */
  onAnswered(now: Instant): void {
    if (this.#underWay?.flight.awaits !== 'answer') return;
    this.#association.timers.stop('retransmit');
    this.#measure(now);
  }

  /** The flight under way has arrived as a whole, as far as ACKs tell. */
  get delivered(): boolean {
    return this.#underWay?.delivery.missing.length === 0;
  }

  /** Returns whether that told anything new. What the peer lacks is sent again (RFC 9147 §7.2). */
  onAck(numbers: readonly RecordNumber[], now: Instant): boolean {
    if (this.#underWay === undefined) return false;
    const news = this.#underWay.delivery.acknowledge(numbers);
    if (this.delivered) {
      this.#association.timers.stop('retransmit');
      this.#measure(now);
    } else if (news || !this.#replayed) {
      this.#replayed = true;
      this.#sendAgain(now);
    }
    return news;
  }

  /** The flight under way got what it awaited, and nothing of ours follows. */
  end(): void {
    this.#association.timers.stop('retransmit');
    if (this.#underWay !== undefined) this.#onAnswer();
    this.#underWay = undefined;
  }

  /** What is missing of the flight is tickets, and it was sent often enough: the peer has no use for them. */
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
    this.#association.pathSize.onUnanswered(this.#largest, hello);
  }

  #onAnswer(): void {
    this.#backoff.onAnswer();
    this.#association.pathSize.onAnswer();
  }

  #sendAgain(now: Instant, goOn = false): void {
    if (this.#underWay !== undefined) this.#send(this.#underWay, goOn, now);
  }

  #send({ flight, delivery, records }: UnderWay, goOn: boolean, now: Instant): void {
    const { transmit, timers, pathSize, recordLimits, counters } = this.#association;
    const manner = { size: pathSize.forFlights, content: recordLimits.send, records, goOn };
    const sent = transmit.flight(flight, manner, delivery);
    this.#largest = sent.largest;
    this.#lastSent = now;
    if (sent.repeats) {
      counters.retransmissions++;
      this.#measurable = false;
    }
    if (this.#association.behaviour.trace) this.#traceFlight(flight, sent);
    if (flight.awaits !== 'nothing') this.#setTimer(now);
    else timers.set('forget-flight', now + LAST_FLIGHT_KEPT);
  }

  #traceFlight(flight: Flight, { items, datagrams, bytes, repeats }: Transmission): void {
    const messages = flight.items.filter((_, i) => items.has(i)).map(itemName);
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

function isTicket(item: FlightItem | undefined): boolean {
  return item?.kind === 'message' && item.type === HandshakeType.new_session_ticket;
}

function isClientHello(item: FlightItem): boolean {
  return item.kind === 'message' && item.type === HandshakeType.client_hello;
}

function recordsAtOnce({ items }: Flight): number {
  return items.some(({ epoch }) => epoch >= FIRST_ACKNOWLEDGED_EPOCH)
    ? MOST_RECORDS
    : Number.POSITIVE_INFINITY;
}
