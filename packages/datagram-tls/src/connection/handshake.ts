import type { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { Action } from '../handshake/actions.js';
import { Backoff } from '../handshake/backoff.js';
import type { Context } from '../handshake/context.js';
import { type Flight, type FlightItem, flightNames } from '../handshake/flight.js';
import type { JobAnswer } from '../handshake/jobs.js';
import { Reassembler } from '../handshake/reassembly.js';
import { Runner } from '../handshake/runner.js';
import type { Session } from '../handshake/session.js';
import { RecordReader12, RecordWriter12 } from '../record/protect12.js';
import { handshakeTypeName } from '../wire/codes.js';
import { type HandshakeFragment, readHandshakeFragments } from '../wire/messages/handshake-header.js';
import type { Association } from './association.js';

/** What the handshake needs from the connection it belongs to. */
export interface HandshakeHost {
  onConnected(session: Session, now: Instant): void;
  onKeysToRead(now: Instant): void;
  onWarning(alert: 'no_renegotiation' | 'user_canceled'): void;
  onFailure(error: DTLSError): void;
}

/** A certificate chain of the usual kind has 2 to 6 KB. Nothing is allocated before the bytes are here. */
const REASSEMBLY = { maxMessage: 0x10000, budget: 0x18000 } as const;
/** How long the peer may ask for our last flight again: twice RFC 6347 §4.2.4's maximum segment lifetime, ms. */
const LAST_FLIGHT_KEPT = 240_000;

/** Handshake records in, flights out: reassembly, the state machine's actions, and retransmission. */
export class Handshake {
  readonly #association: Association;
  readonly #host: HandshakeHost;
  readonly #ctx: Context;
  readonly #runner: Runner;
  readonly #reassembler: Reassembler;
  readonly #backoff: Backoff;
  #building: FlightItem[] = [];
  #flight: Flight | undefined;
  /** The peer's plea has been answered since the timer was last set; another one waits for it. */
  #replayed = false;
  /** Names and bytes of what came since our last flight, for the trace. */
  #incoming: { names: string[]; bytes: number } = { names: [], bytes: 0 };

  constructor(association: Association, host: HandshakeHost, ctx: Context, firstReceiveSeq: number) {
    this.#association = association;
    this.#host = host;
    this.#ctx = ctx;
    this.#runner = new Runner(ctx);
    this.#reassembler = new Reassembler(firstReceiveSeq, REASSEMBLY);
    this.#backoff = new Backoff(association.behaviour.retransmission);
  }

  get peerProtects(): boolean {
    return this.#runner.peerProtects;
  }

  /** A client's first flight. */
  start(now: Instant): void {
    this.#perform(this.#runner.start(), now);
  }

  /** The content of a handshake record; returns whether any of it was new. */
  receive(payload: Uint8Array, epoch: number, now: Instant): boolean {
    const fragments = readHandshakeFragments(payload);
    if (fragments === undefined) {
      this.#association.drop('malformed_fragment');
      return false;
    }
    let fresh = false;
    for (const fragment of fragments) fresh = this.#accept(fragment, epoch, now) || fresh;
    if (fresh) this.#advance(now);
    return fresh;
  }

  answer(answer: JobAnswer, now: Instant): void {
    this.#perform(this.#runner.onAnswer(answer), now);
    this.#advance(now);
  }

  /** The flight under way got no answer in time. */
  onTimeout(now: Instant): void {
    this.#backoff.onTimeout();
    this.#replayed = false;
    this.#sendAgain(now);
  }

  forgetFlight(): void {
    this.#flight = undefined;
  }

  #accept(fragment: HandshakeFragment, epoch: number, now: Instant): boolean {
    if (fragment.messageSeq < this.#reassembler.next) {
      this.#onRepeated(fragment, epoch, now);
      return false;
    }
    if (epoch !== this.#runner.expectedEpoch) {
      this.#association.drop('unexpected_epoch');
      return false;
    }
    const fate = this.#reassembler.add(fragment, epoch);
    if (fate === 'stored') return true;
    this.#association.drop(fate === 'old' ? 'repeated_message' : fate);
    return false;
  }

  /**
   * The peer repeats the end of its last flight: it has not seen ours (RFC 6347 §4.2.4). It gets ours again, but
   * unless it proves that it holds keys, only once for each run of our own timer, so that nobody uses us as an amplifier.
   */
  #onRepeated(fragment: HandshakeFragment, epoch: number, now: Instant): void {
    this.#association.drop('repeated_message');
    const ends =
      fragment.messageSeq === this.#reassembler.next - 1 &&
      fragment.fragmentOffset + fragment.fragmentLength === fragment.length;
    if (!ends || this.#flight === undefined || this.#building.length > 0) return;
    if (epoch === 0 && (this.#replayed || !this.#flight.answered)) return;
    this.#replayed = true;
    this.#sendAgain(now);
  }

  #advance(now: Instant): void {
    while (this.#runner.ready) {
      const message = this.#reassembler.take();
      if (message === undefined) return;
      this.#incoming.names.push(handshakeTypeName(message.type));
      this.#incoming.bytes += message.body.length;
      this.#perform(this.#runner.onMessage(message), now);
    }
  }

  #perform(actions: readonly Action[], now: Instant): void {
    for (const action of actions) this.#performOne(action, now);
  }

  #performOne(action: Action, now: Instant): void {
    switch (action.do) {
      case 'send':
        this.#building.push({ kind: 'message', ...item(action) });
        return;
      case 'send-change-cipher-spec':
        this.#building.push({ kind: 'change-cipher-spec', epoch: 0 });
        return;
      case 'end-flight':
        this.#beginFlight(action.answered, now);
        return;
      case 'install-keys':
        this.#installKeys(action, now);
        return;
      case 'log-secret': {
        const { label, clientRandom, secret } = action;
        this.#association.tell({ type: 'secret', label, clientRandom, secret });
        return;
      }
      case 'ask':
        this.#association.tell({ type: 'job', job: action.job });
        return;
      case 'connected':
        this.#onConnected(action.session, now);
        return;
      case 'warn':
        this.#host.onWarning(action.alert);
        return;
      case 'fail':
        this.#traceIncoming();
        this.#host.onFailure(action.error);
        return;
    }
  }

  #beginFlight(answered: boolean, now: Instant): void {
    this.#traceIncoming();
    this.#flight = { items: this.#building, answered };
    this.#building = [];
    this.#backoff.onAnswer();
    this.#send(this.#flight, false, now);
  }

  #sendAgain(now: Instant): void {
    if (this.#flight === undefined) return;
    this.#association.counters.retransmissions++;
    this.#send(this.#flight, true, now);
  }

  #send(flight: Flight, retransmission: boolean, now: Instant): void {
    const association = this.#association;
    const sent = association.transmit.flight(flight, this.#backoff.datagramSize(association.behaviour.mtu));
    association.trace({
      kind: 'flight',
      direction: 'sent',
      messages: flightNames(flight),
      ...sent,
      retransmission,
    });
    if (flight.answered) association.timers.set('retransmit', now + this.#backoff.timeout);
    else association.timers.set('forget-flight', now + LAST_FLIGHT_KEPT);
    if (!retransmission) this.#replayed = false;
  }

  #installKeys(action: Extract<Action, { do: 'install-keys' }>, now: Instant): void {
    const { epochs } = this.#association;
    const { suite, epoch, keys } = action;
    if (action.direction === 'write') {
      epochs.installWriter(new RecordWriter12(this.#ctx.provider, suite, epoch, keys));
      return;
    }
    epochs.installReader(new RecordReader12(this.#ctx.provider, suite, epoch, keys));
    // Later messages that came already came without this protection: the peer has to send them with it.
    for (let count = this.#reassembler.onlyEpoch(epoch); count > 0; count--) {
      this.#association.drop('unexpected_epoch');
    }
    this.#host.onKeysToRead(now);
  }

  #onConnected(session: Session, now: Instant): void {
    this.#traceIncoming();
    const { timers } = this.#association;
    timers.stop('retransmit');
    timers.stop('handshake');
    if (this.#flight?.answered === true) this.#flight = undefined;
    this.#host.onConnected(session, now);
  }

  #traceIncoming(): void {
    const { names, bytes } = this.#incoming;
    this.#incoming = { names: [], bytes: 0 };
    if (names.length === 0) return;
    const event = { kind: 'flight', direction: 'received', messages: names, datagrams: 0, bytes } as const;
    this.#association.trace({ ...event, retransmission: false });
  }
}

function item(action: Extract<Action, { do: 'send' }>) {
  const { type, seq, epoch, body } = action;
  return { type, seq, epoch, body };
}
