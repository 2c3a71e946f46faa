import type { Instant } from '../base/instant.js';
import { Queue } from '../base/queue.js';
import type { Behaviour, Role, Security } from '../config/config.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type RecordLimits, UNLIMITED } from '../handshake/record-limits.js';
import { Epochs } from '../record/epochs.js';
import type { RecordWriter } from '../record/writer.js';
import type { DropCounts, DropReason } from './drops.js';
import type { ConnectionEvent, TraceEvent } from './events.js';
import { PathSize } from './path-size.js';
import { answeredLife, Probation } from './probation.js';
import { Timers } from './timers.js';
import { Transmit } from './transmit.js';

/** What one association has counted so far. */
export interface Counters {
  datagramsReceived: number;
  bytesReceived: number;
  /** Application messages and their bytes. */
  messagesReceived: number;
  messagesSent: number;
  payloadReceived: number;
  payloadSent: number;
  /** Flights sent again, for whatever reason. */
  retransmissions: number;
  /** DTLS 1.3: NewSessionTickets that the peer never acknowledged. */
  ticketsGivenUp: number;
  readonly dropped: DropCounts;
}

/** What the parts of one connection share. */
export class Association {
  readonly role: Role;
  readonly provider: CryptoProvider;
  readonly behaviour: Behaviour;
  readonly epochs = new Epochs();
  readonly timers = new Timers();
  readonly pathSize: PathSize;
  /** How much content one record may hold; known from the hellos on. */
  recordLimits: RecordLimits = UNLIMITED;
  readonly transmit: Transmit;
  /** Server: only while the peer is not proved. */
  probation: Probation | undefined;
  /** Client: of epoch 1, in which nothing goes out but early data. */
  earlyWriter: RecordWriter | undefined;
  readonly counters: Counters = {
    datagramsReceived: 0,
    bytesReceived: 0,
    messagesReceived: 0,
    messagesSent: 0,
    payloadReceived: 0,
    payloadSent: 0,
    retransmissions: 0,
    ticketsGivenUp: 0,
    dropped: {},
  };
  readonly #events = new Queue<ConnectionEvent>();

  constructor({ role, provider }: Security, behaviour: Behaviour) {
    this.role = role;
    this.provider = provider;
    this.behaviour = behaviour;
    this.pathSize = new PathSize(behaviour.mtu);
    this.transmit = new Transmit(this.epochs);
  }

  /** The peer is not proved: it may get little, and most of all a flight that does not come through. */
  beginProbation({ tickets }: Security): void {
    this.probation = new Probation(tickets?.early?.most ?? 0);
    this.transmit.putFlightsFirst();
  }

  /** The early data of a peer that is not proved is taken. */
  answerEarly(now: Instant): void {
    if (this.probation === undefined) return;
    this.probation.standing = 'answered';
    this.timers.set('handshake', now + answeredLife(this.behaviour.handshakeTimeout));
  }

  /** The peer hears us: this is an association like any other from now on, and has as long for its handshake. */
  endProbation(now: Instant): void {
    const { handshakeTimeout } = this.behaviour;
    this.probation = undefined;
    this.timers.stop('handshake');
    if (handshakeTimeout > 0) this.timers.set('handshake', now + handshakeTimeout);
  }

  drop(reason: DropReason): void {
    this.counters.dropped[reason] = (this.counters.dropped[reason] ?? 0) + 1;
  }

  tell(event: ConnectionEvent): void {
    this.#events.push(event);
  }

  trace(event: TraceEvent): void {
    if (this.behaviour.trace && this.probation?.standing !== 'asked') this.tell({ type: 'trace', event });
  }

  /** The next event in the order they happened. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#events.shift();
  }
}
