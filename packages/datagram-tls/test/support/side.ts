import type { DTLSError } from '#lib/base/errors.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { Role } from '#lib/config/config.js';
import type { EndpointLimits } from '#lib/config/limits.js';
import type { NewTicket } from '#lib/config/saved-session.js';
import type { ConnectionEvent, TraceEvent } from '#lib/connection/events.js';
import { type ConnectionEntry, type Holder, stateOf } from '#lib/endpoint/connection-entry.js';
import { dormantIn, Endpoint } from '#lib/endpoint/endpoint.js';
import type { Job } from '#lib/handshake/jobs.js';
import type { Session } from '#lib/handshake/session.js';

type MigratedEvent = Extract<ConnectionEvent, { type: 'migrated' }>;
type SecretEvent = Extract<ConnectionEvent, { type: 'secret' }>;

/** Keeps one association, of which its endpoint may let go while it hibernates, as the driver does. */
export class Keeper implements Holder {
  readonly mayLetGo = true;
  /** How often its endpoint let go of the entry. */
  dormancies = 0;
  readonly #endpoint: Endpoint;
  /** A number: its place among those without an entry. */
  #entry: ConnectionEntry | number;

  constructor(endpoint: Endpoint, entry: ConnectionEntry) {
    this.#endpoint = endpoint;
    this.#entry = entry;
    stateOf(entry).holder = this;
  }

  get entry(): ConnectionEntry {
    return typeof this.#entry === 'number' ? dormantIn(this.#endpoint).recall(this.#entry) : this.#entry;
  }

  onDormant(place: number): void {
    this.dormancies++;
    this.#entry = place;
  }

  onRecalled(entry: ConnectionEntry): void {
    this.#entry = entry;
  }
}

export interface PendingJob {
  readonly entry: ConnectionEntry;
  readonly id: number;
  readonly job: Job;
  /** The time of the answer; `undefined`: the test answers it. */
  readonly at: number | undefined;
}

/** One end of a pair: its endpoint and all events of that endpoint. */
export class Side {
  readonly role: Role;
  /** Another one after {@link Pair.rebind}. */
  address: PeerAddress;
  /** Earlier ones that still reach it. */
  readonly alsoAt: PeerAddress[] = [];
  /** The one that it has left on purpose. */
  left: PeerAddress | undefined;
  /** How often the peer was first heard at an address that was taken on purpose. */
  rebound = 0;
  /** Changes of the peer's address. */
  readonly migrated: MigratedEvent[] = [];
  readonly endpoint: Endpoint;
  /** In the order they began. */
  readonly entries: ConnectionEntry[] = [];
  /** The one that is meant, where replayed ClientHellos begin others. Its endpoint may let go of its entry meanwhile. */
  only: Keeper | undefined;
  readonly sessions: Session[] = [];
  readonly messages: Uint8Array[] = [];
  /** Early data that the server received before the end of the handshake. */
  readonly early: Uint8Array[] = [];
  readonly secrets: SecretEvent[] = [];
  readonly closed: { readonly entry: ConnectionEntry; readonly error: DTLSError | undefined }[] = [];
  /** How often a peer said close_notify while our direction stayed open. */
  halfClosed = 0;
  /** Checkpoints that were asked for. */
  checkpointsDue = 0;
  readonly traced: TraceEvent[] = [];
  /** Tickets and session IDs from the server. */
  readonly tickets: NewTicket[] = [];
  /** Errors that did not end a session. */
  readonly warnings: DTLSError[] = [];
  readonly jobs: PendingJob[] = [];

  constructor(role: Role, address: PeerAddress, limits: EndpointLimits) {
    this.role = role;
    this.address = address;
    this.endpoint = new Endpoint(limits);
  }

  /** The newest association, or the {@link only} one. */
  get entry(): ConnectionEntry {
    const entry = this.#entry;
    if (entry === undefined) throw new Error(`the ${this.role} has no association`);
    return entry;
  }

  get #entry(): ConnectionEntry | undefined {
    return this.only?.entry ?? this.entries.at(-1);
  }

  /** `open` whether or not the last flight is acknowledged. */
  get phase(): string {
    const phase = this.#entry?.connection.phase ?? 'none';
    return phase === 'finishing' ? 'open' : phase;
  }

  get isConnected(): boolean {
    return this.phase === 'open';
  }

  get isClosed(): boolean {
    return this.phase === 'closed';
  }

  /** The error that the newest association ended with, if it did. */
  get error(): DTLSError | undefined {
    const { only } = this;
    const isMeant = (entry: ConnectionEntry): boolean =>
      only === undefined ? entry === this.#entry : stateOf(entry).holder === only;
    return this.closed.find(({ entry }) => isMeant(entry))?.error;
  }

  /** Discarded records and datagrams of the newest association, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    return this.entry.connection.counters.dropped;
  }

  /** Names of the messages of each flight sent, first transmissions only unless `retransmission`. */
  flights(direction: 'sent' | 'received', retransmission = false): string[][] {
    return this.traced.flatMap((event) =>
      event.kind === 'flight' && event.direction === direction && event.retransmission === retransmission
        ? [[...event.messages]]
        : [],
    );
  }

  /** Alerts as `level description`. */
  alerts(direction: 'sent' | 'received'): string[] {
    return this.traced.flatMap((event) =>
      event.kind === 'alert' && event.direction === direction ? [`${event.level} ${event.description}`] : [],
    );
  }
}
