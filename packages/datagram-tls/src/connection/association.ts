import { decodeUtf8, own, utf8 } from '../base/bytes.js';
import type { DTLSError } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import { MemoryAccount, type MemoryHolder, type MemoryPool } from '../base/memory.js';
import { PassingQueue } from '../base/queue.js';
import type { Security as AnySecurity, Behaviour, Role, Versions } from '../config/config.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { ConnectionIdPair } from '../extensions/connection-id.js';
import { type RecordLimits, UNLIMITED } from '../extensions/record-limits.js';
import type { Job, JobAnswer } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import { Epochs } from '../record/epochs.js';
import { PlainWriter, plainReader } from '../record/plain.js';
import type { RecordWriter } from '../record/reader-writer.js';
import type { Version } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { versionNamed } from '../wire/version.js';
import { type CidRegistry, type ConnectionIds, restoreIds } from './connection-ids.js';
import type { ConnectionEvent, DropCounts, DropReason, TraceEvent } from './events.js';
import { Jobs } from './jobs.js';
import { type Declined, isUndecided, type Life } from './life.js';
import type { Path } from './path.js';
import { Reservation } from './reservation.js';
import { type Carried, stateError } from './saved-state.js';
import { readInstant, writeInstant } from './saved-times.js';
import { Timers } from './timers.js';
import { Transmit } from './transmit.js';
import { partsOf, type Security, type VersionParts } from './version.js';

/** Events that are kept while the path is not validated, so that records from a forged address add no more traces. */
const MAX_WITHHELD = 128;
/** RFC 9147 §4.2.1: no datagram is in transit for longer, so that a missing part will not arrive; ms. */
export const HELD_LIFE: Duration = 120_000;

/**
 * The counters of one association.
 *
 * @example
 * ```ts
 * import type { Connection, Counters } from 'datagram-tls/core';
 *
 * function show(connection: Connection): void {
 *   const { messagesSent, retransmissions }: Readonly<Counters> = connection.counters;
 *   console.log(messagesSent, retransmissions);
 * }
 * ```
 */
export interface Counters {
  /** All datagrams that were handed to it, of which some may have been dropped. */
  datagramsReceived: number;
  /** Bytes of UDP payload. */
  bytesReceived: number;
  /** Messages of application data, early data included. */
  messagesReceived: number;
  /** Messages of application data, early data included. */
  messagesSent: number;
  /** Their bytes. */
  payloadReceived: number;
  /** Their bytes. */
  payloadSent: number;
  /** Retransmitted flights, for any reason. */
  retransmissions: number;
  /** DTLS 1.3: NewSessionTickets that the peer never acknowledged. */
  ticketsGivenUp: number;
  /** Server: failures of the application's ticket keys. */
  ticketKeyFailures: number;
  /** Changes of the peer's address that were followed, there and back. */
  migrations: number;
  /** New addresses that answered no challenge, so that the one before came back. */
  migrationsFailed: number;
  /** Discarded records and messages, by reason. */
  readonly dropped: DropCounts;
}

/**
 * Answers a job within the step that asks for it, without a call of the application; `undefined`: its owner is told of it.
 */
export type Performer = (job: Job, security: AnySecurity) => JobAnswer | undefined;

/** Shared by the parts of one connection. */
export class Association implements Carried {
  readonly role: Role;
  readonly provider: CryptoProvider;
  readonly behaviour: Behaviour;
  readonly epochs = new Epochs();
  readonly timers = new Timers();
  /** A number, the next ID, while there are none. */
  #jobs: Jobs | number = 1;
  /** All parts read it; only the machine changes it. */
  life: Life = { at: 'idle' };
  /** Another one where the peer has moved. */
  path: Path;
  /** `undefined`: they are neither offered nor accepted. */
  cids: ConnectionIds | undefined;
  /** The content limit of records; known from the hellos on. */
  recordLimits: RecordLimits = UNLIMITED;
  readonly transmit: Transmit;
  /** What all associations of the endpoint hold. */
  readonly pool: MemoryPool;
  readonly #holder: MemoryHolder;
  #memory: MemoryAccount | undefined;
  /** Server: bytes of early data that may come before it is known whether they are accepted. */
  readonly earlyBytes: number;
  /** Writes epoch 0. */
  readonly plainWriter: PlainWriter;
  /** Number of the last received handshake record of epoch 0. */
  lastPlainRecord = 0;
  /** Client: of epoch 1, in which only early data is sent. */
  earlyWriter: RecordWriter | undefined;
  /** Answers jobs that need no event; `undefined` where all have one. */
  performer: Performer | undefined;
  /** False while nothing listens for secrets: no events are made for them. */
  tellsSecrets = true;
  /** While checkpoints are kept. */
  reservation: Reservation | undefined;
  /** Authentic records since it was made, or woken. */
  recordsHeard = 0;
  /** See {@link heardAt}. */
  #heardAt: Instant | undefined;
  readonly counters: Counters = startCounters();
  /** The allowed versions, latest first. */
  readonly versions: Versions<VersionParts>;
  readonly #events = new PassingQueue<ConnectionEvent>();
  #withheld: ConnectionEvent[] | undefined;

  /** `holder` drops all of {@link memory}, which other associations need; `recordSequence`: our first in epoch 0. */
  constructor(
    { role, provider, versions }: Security,
    behaviour: Behaviour,
    path: Path,
    cids: ConnectionIds | undefined,
    { recordSequence, earlyBytes }: { readonly recordSequence: number; readonly earlyBytes: number },
    pool: MemoryPool,
    holder: MemoryHolder,
  ) {
    this.role = role;
    this.provider = provider;
    this.versions = partsOf(versions);
    this.behaviour = behaviour;
    this.path = path;
    this.cids = cids;
    this.earlyBytes = earlyBytes;
    this.transmit = new Transmit(this.epochs);
    // A peer with a limited budget gets mostly flights.
    if (!path.validated) this.transmit.putFlightsFirst();
    this.pool = pool;
    this.#holder = holder;
    this.plainWriter = new PlainWriter(recordSequence);
    this.epochs.installReader(plainReader);
    this.epochs.installWriter(this.plainWriter);
  }

  /** When the last authentic record came, in whole ms: with a fraction it would take memory of its own. */
  get heardAt(): Instant {
    return this.#heardAt ?? Number.NEGATIVE_INFINITY;
  }
  set heardAt(now: Instant) {
    // Rounded up, so that a measured silence is never longer than the real one.
    this.#heardAt = Math.ceil(now);
  }

  get jobs(): Jobs {
    if (typeof this.#jobs === 'number') this.#jobs = new Jobs(this.#jobs);
    return this.#jobs;
  }

  /** See {@link Jobs.awaited}. */
  get awaitedJob(): Job['kind'] | undefined {
    return typeof this.#jobs === 'number' ? undefined : this.#jobs.awaited;
  }

  /** Accounts for what is held for later: fragments of messages, records without keys, data that came too early. */
  get memory(): MemoryAccount {
    this.#memory ??= new MemoryAccount(this.pool, this.#holder);
    return this.#memory;
  }

  /** Something is held for later. */
  get holds(): boolean {
    return this.#memory !== undefined && this.#memory.held > 0;
  }

  /** The handshake rests: what mostly it alone uses is made again when it is used. */
  rest(): void {
    if (typeof this.#jobs !== 'number' && this.#jobs.awaited === undefined) this.#jobs = this.#jobs.next;
    if (!this.holds) this.#memory = undefined;
  }

  /**
   * Of an open session, after its epochs. `ahead`: so many numbers of records are left to this process, which goes on with the
   * session and keeps what waits to be sent; 0: it ends here.
   */
  save(w: Writer, at: Instant, ahead: number): void {
    w.u16(this.recordLimits.send).u16(this.recordLimits.receive);
    writeInstant(w, this.#heardAt ?? Number.NEGATIVE_INFINITY, at);
    this.timers.save(w, at);
    this.path.save(w);
    writeCounters(w, this.counters);
    if (ahead > 0) return void w.varint(0).varint(0);
    this.transmit.save(w);
    const messages: Uint8Array[] = [];
    for (let event = this.pollEvent(); event !== undefined; event = this.pollEvent())
      if (event.type === 'message') messages.push(event.data);
    w.varint(messages.length);
    for (const data of messages) w.vec16(data);
  }

  restore(r: Reader, at: Instant, session: Session): void {
    const { records } = session.agreed;
    const [send, receive] = [r.u16(), r.u16()];
    const isAgreed = send === records.send && receive === records.receive;
    this.recordLimits = isAgreed ? records : { send, receive, by: records.by };
    // They differ by the byte that a connection ID takes.
    if (!isAgreed && (send !== records.send - 1 || receive !== records.receive)) r.fail();
    this.#heardAt = Math.round(readInstant(r, at));
    this.timers.restore(r, at);
    this.path.restore(r);
    readCounters(r, this.counters);
    this.transmit.restore(r);
    for (let left = r.varint(); left > 0 && !r.failed; left--)
      this.tell({ type: 'message', data: own(r.vec16()) });
  }

  /** What `saveIds` wrote. Throws `ERR_DTLS_STATE` where another association of `registry` has one of ours. */
  restoreIds(r: Reader, registry: CidRegistry | undefined): void {
    const ids = restoreIds(this.cids, this.provider, registry, r);
    if (ids === 'taken')
      throw stateError('USED', 'another session of this endpoint has one of its connection IDs');
    this.cids = ids;
    this.path.size.onConnectionId(ids?.send.length ?? 0);
  }

  /** So many numbers of records in each direction are left to this process by a checkpoint. */
  reserve(ahead: number): void {
    this.reservation ??= this.newReservation();
    this.reservation.take(ahead);
  }

  /** It hibernated. */
  restoreReservation(r: Reader): void {
    this.reservation = this.newReservation();
    this.reservation.restore(r);
  }

  private newReservation(): Reservation {
    return new Reservation(this.epochs, () => {
      // The last alert may use up the numbers, too.
      if (this.life.at !== 'closed') this.tell({ type: 'checkpoint-due' });
    });
  }

  /** Everything held for later expires. */
  watchMemory(now: Instant): void {
    const { holds, timers } = this;
    if (holds === timers.forgetsHeld) return;
    if (holds) timers.set('forget-held', now + HELD_LIFE);
    else timers.stop('forget-held');
  }

  /** A version of this connection. */
  version(name: Version): VersionParts {
    return versionNamed(this.versions, name) ?? this.versions[0];
  }

  /** Both hellos are known. Records get their connection IDs with their keys. */
  useConnectionIds(
    { ids, checksPaths }: { readonly ids: ConnectionIdPair | undefined; readonly checksPaths: boolean },
    typeBytes: 0 | 1,
  ): void {
    this.cids?.use(ids, checksPaths);
    const length = ids?.send.length ?? 0;
    this.path.size.onConnectionId(length);
    // RFC 9146 §4: the content type counts as content, which a limit of DTLS 1.2 leaves no room for.
    const { send } = this.recordLimits;
    if (length > 0 && typeBytes === 0) this.recordLimits = { ...this.recordLimits, send: send - 1 };
  }

  /** The peer's further connection IDs; `immediate`: the first is used from now on. */
  onPeerIds(given: readonly Uint8Array[], immediate: boolean): void {
    if (this.cids?.keep(given, immediate) === true) this.changeConnectionId();
  }

  /** Our records have a spare connection ID from now on, if there is one: observers of a new path have not seen it. */
  changeConnectionId(): void {
    const cid = this.cids?.takeSpare();
    if (cid === undefined) return;
    this.epochs.useConnectionId(cid);
    this.path.size.onConnectionId(cid.length);
    this.reservation?.onConnectionId();
  }

  drop(reason: DropReason): void {
    dropsOf(this.counters)[reason] = (this.counters.dropped[reason] ?? 0) + 1;
  }

  /**
   * From now on nothing is told but jobs and the end, until {@link release}: the client may not exist. Of traces,
   * which each datagram adds to, only the first are kept.
   */
  withhold(): void {
    this.#withheld = [];
  }

  /** Tells what was withheld. */
  release(): void {
    const withheld = this.#withheld ?? [];
    this.#withheld = undefined;
    for (const event of withheld) this.#events.push(event);
  }

  tell(event: ConnectionEvent): void {
    const withheld = this.#withheld;
    if (withheld === undefined || event.type === 'job' || event.type === 'closed') this.#events.push(event);
    else if (event.type !== 'trace' || withheld.length < MAX_WITHHELD) withheld.push(event);
  }

  trace(event: TraceEvent): void {
    if (this.behaviour.trace && !isUndecided(this.life)) this.tell({ type: 'trace', event });
  }

  /** Server: a session that ended in failure is not resumed by its id (RFC 5246 §7.2.2). */
  forget(session: Session | undefined): void {
    const { sessionId } = session ?? {};
    if (this.role === 'server' && sessionId !== undefined && sessionId.length > 0)
      this.tell({ type: 'forget-session', sessionId });
  }

  /** Neither an event nor a datagram waits, or a path that is not validated takes no more until the peer sends again. */
  get isPolled(): boolean {
    const { transmit, path } = this;
    if (this.#events.length > 0) return false;
    return (transmit.waiting === 0 && !transmit.flightWaits) || !path.grants(transmit.nextSize);
  }

  /** The next event in the order they happened. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#events.shift();
  }
}

const NUMBERS = [
  'datagramsReceived',
  'bytesReceived',
  'messagesReceived',
  'messagesSent',
  'payloadReceived',
  'payloadSent',
  'retransmissions',
  'ticketsGivenUp',
  'ticketKeyFailures',
  'migrations',
  'migrationsFailed',
] as const satisfies readonly Exclude<keyof Counters, 'dropped'>[];

export function startCounters(): Counters {
  return {
    datagramsReceived: 0,
    bytesReceived: 0,
    messagesReceived: 0,
    messagesSent: 0,
    payloadReceived: 0,
    payloadSent: 0,
    retransmissions: 0,
    migrations: 0,
    migrationsFailed: 0,
    ticketsGivenUp: 0,
    ticketKeyFailures: 0,
    dropped: NOTHING_DROPPED,
  };
}

/** One for all associations that have dropped nothing. */
const NOTHING_DROPPED: DropCounts = Object.freeze({});

/** To write. */
function dropsOf(counters: { dropped: DropCounts }): DropCounts {
  if (counters.dropped === NOTHING_DROPPED) counters.dropped = {};
  return counters.dropped;
}

export function writeCounters(w: Writer, counters: Readonly<Counters>): void {
  for (const name of NUMBERS) w.varint(counters[name]);
  const dropped = Object.entries(counters.dropped);
  w.varint(dropped.length);
  for (const [reason, count] of dropped) w.vec8(utf8(reason)).varint(count);
}

export function readCounters(r: Reader, counters: Counters): void {
  for (const name of NUMBERS) counters[name] = r.varint();
  for (let left = r.varint(); left > 0 && !r.failed; left--) {
    const reason = decodeUtf8(r.vec8()) as DropReason | undefined;
    const count = r.varint();
    if (reason !== undefined) dropsOf(counters)[reason] = count;
  }
}

/** What the handshake needs from its connection. */
export interface HandshakeHost {
  /** `finishing`: our last flight is not acknowledged yet. */
  onConnected(session: Session, finishing: boolean, now: Instant): void;
  /** Our last flight is acknowledged, or no longer awaited. */
  onFinished(now: Instant): void;
  onKeysToRead(now: Instant): void;
  onWarning(alert: 'no_renegotiation'): void;
  onFailure(error: DTLSError): void;
  /** Server: early data without a cookie is accepted. */
  onEarlyAccepted(now: Instant): void;
  /** Server: this association is discarded. */
  onDecline(reason: Declined): void;
}
