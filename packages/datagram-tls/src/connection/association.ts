import type { DTLSError } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import { MemoryAccount, type MemoryPool } from '../base/memory.js';
import { Queue } from '../base/queue.js';
import type { Behaviour, Role, Versions } from '../config/config.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type RecordLimits, UNLIMITED } from '../extensions/record-limits.js';
import type { EarlyRefusal } from '../handshake/actions.js';
import type { Session } from '../handshake/session.js';
import { Epochs } from '../record/epochs.js';
import { PlainReader, PlainWriter } from '../record/plain.js';
import type { RecordWriter } from '../record/reader-writer.js';
import type { Version } from '../wire/codes.js';
import { versionNamed } from '../wire/version.js';
import type { ConnectionEvent, DropCounts, DropReason, TraceEvent } from './events.js';
import { Jobs } from './jobs.js';
import { isUndecided, type Life } from './life.js';
import type { Path } from './path.js';
import { Timers } from './timers.js';
import { Transmit } from './transmit.js';
import { partsOf, type Security, type VersionParts } from './version.js';

/** RFC 9147 §4.2.1: no datagram is on its way for longer, so that what misses a part by then is held in vain; ms. */
export const HELD_LIFE: Duration = 120_000;

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
  /** Server: how often the application's ticket keys could not be had. */
  ticketKeyFailures: number;
  readonly dropped: DropCounts;
}

/** What the parts of one connection share. */
export class Association {
  readonly role: Role;
  readonly provider: CryptoProvider;
  readonly behaviour: Behaviour;
  readonly epochs = new Epochs();
  readonly timers = new Timers();
  readonly jobs = new Jobs();
  /** Read by all parts, and moved on by the machine alone. */
  life: Life = { at: 'idle' };
  readonly path: Path;
  /** How much content one record may hold; known from the hellos on. */
  recordLimits: RecordLimits = UNLIMITED;
  readonly transmit: Transmit;
  /** Pays for what is held for later: parts of messages, records without keys, data that comes too early. */
  readonly memory: MemoryAccount;
  /** Server: bytes of early data that may come before it is known whether they are taken. */
  readonly earlyBytes: number;
  /** Writes epoch 0. */
  readonly plainWriter: PlainWriter;
  /** Number of the last handshake record that came in epoch 0. */
  lastPlainRecord = 0;
  /** Client: of epoch 1, in which nothing goes out but early data. */
  earlyWriter: RecordWriter | undefined;
  /** When the last authentic record came. */
  heardAt: Instant = Number.NEGATIVE_INFINITY;
  readonly counters: Counters = {
    datagramsReceived: 0,
    bytesReceived: 0,
    messagesReceived: 0,
    messagesSent: 0,
    payloadReceived: 0,
    payloadSent: 0,
    retransmissions: 0,
    ticketsGivenUp: 0,
    ticketKeyFailures: 0,
    dropped: {},
  };
  /** Those that may be spoken, latest first. */
  readonly versions: Versions<VersionParts>;
  readonly #events = new Queue<ConnectionEvent>();

  /** `onEvict` gives back all of {@link memory}, which other associations need; `recordSequence`: our first in epoch 0. */
  constructor(
    { role, provider, versions }: Security,
    behaviour: Behaviour,
    path: Path,
    { recordSequence, earlyBytes }: { readonly recordSequence: number; readonly earlyBytes: number },
    pool: MemoryPool,
    onEvict: () => void,
  ) {
    this.role = role;
    this.provider = provider;
    this.versions = partsOf(versions);
    this.behaviour = behaviour;
    this.path = path;
    this.earlyBytes = earlyBytes;
    this.transmit = new Transmit(this.epochs);
    // What a peer gets that may get little is most of all a flight.
    if (!path.validated) this.transmit.putFlightsFirst();
    this.memory = new MemoryAccount(pool, onEvict);
    this.plainWriter = new PlainWriter(recordSequence);
    this.epochs.installReader(new PlainReader());
    this.epochs.installWriter(this.plainWriter);
  }

  /** Whatever is held for later has an end. */
  watchMemory(now: Instant): void {
    if (this.memory.held === 0) this.timers.stop('forget-held');
    else if (!this.timers.has('forget-held')) this.timers.set('forget-held', now + HELD_LIFE);
  }

  /** One that this connection may speak. */
  version(name: Version): VersionParts {
    return versionNamed(this.versions, name) ?? this.versions[0];
  }

  drop(reason: DropReason): void {
    this.counters.dropped[reason] = (this.counters.dropped[reason] ?? 0) + 1;
  }

  tell(event: ConnectionEvent): void {
    this.#events.push(event);
  }

  trace(event: TraceEvent): void {
    if (this.behaviour.trace && !isUndecided(this.life)) this.tell({ type: 'trace', event });
  }

  /** The next event in the order they happened. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#events.shift();
  }
}

/** What the handshake needs from the connection it belongs to. */
export interface HandshakeHost {
  /** `finishing`: our last flight is not acknowledged yet. */
  onConnected(session: Session, finishing: boolean, now: Instant): void;
  /** Our last flight is acknowledged, or is not to be waited for any more. */
  onFinished(): void;
  onKeysToRead(now: Instant): void;
  onWarning(alert: 'no_renegotiation'): void;
  onFailure(error: DTLSError): void;
  /** Server: early data that came without a cookie is taken. */
  onEarlyAccepted(now: Instant): void;
  /** Server: nothing becomes of this association. */
  onDecline(reason: EarlyRefusal): void;
}
