import { callerError, type DTLSError, invalidState } from '../base/errors.js';
import { earliest, type Instant } from '../base/instant.js';
import { MemoryPool } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';
import { checkBytes } from '../config/checks.js';
import type { Behaviour, Destination } from '../config/config.js';
import type { EndpointLimits } from '../config/limits.js';
import {
  checkAddress,
  checkBehaviour,
  checkDestination,
  checkLimits,
  checkOutgoing,
  checkSecurity,
} from '../connection/arguments.js';
import type { Performer } from '../connection/association.js';
import { FROM_ZERO } from '../connection/beginning.js';
import { type Connection, connectionAround, machineFrom, machineOf } from '../connection/connection.js';
import type { ConnectionEvent } from '../connection/events.js';
import { isBeginning, isSettling } from '../connection/life.js';
import { Machine } from '../connection/machine.js';
import { decodeState } from '../connection/saved-state.js';
import type { Security } from '../connection/version.js';
import type { JobAnswer } from '../handshake/jobs.js';
import { cidStartOf, isPlaintext } from '../record/header.js';
import { Acceptor, type AcceptorHost, type Service } from './acceptor.js';
import {
  type ConnectionEntry,
  checkOwner,
  createEntry,
  currentOf,
  type EntryState,
  stateOf,
} from './connection-entry.js';
import { EntryIds, idsFor } from './connection-id-routes.js';
import { startCounting } from './counters.js';
import { Deadlines } from './deadlines.js';
import { DormantEntries } from './dormant-entries.js';
import { hostOf } from './peer.js';
import type { RefusalReason } from './places.js';
import { type Outgoing, ReadyQueue } from './ready-queue.js';
import { type Refusal, RefusalReports } from './refusals.js';
import { hasIds, Routes } from './routes.js';
import { looksLikeClientHello } from './split-hellos.js';
import { Answer } from './unanswered.js';
import { WokenInVain } from './woken-in-vain.js';

/**
 * Events of an endpoint for its owner, in order.
 *
 * @example
 * ```ts
 * import type { EndpointEvent } from 'datagram-tls/core';
 *
 * function onEvent(event: EndpointEvent): void {
 *   if (event.type === 'session') console.log('a client from', event.entry.peer.address);
 * }
 * ```
 */
export type EndpointEvent =
  /**
   * A new server session: its cookie is valid or its early data is accepted. Its handshake waits at least for one
   * job, or for the client's next flight, so the owner can prepare it in this event.
   */
  | { readonly type: 'session'; readonly entry: ConnectionEntry }
  /** Clients got no association because a limit is reached; at most one event a second for each reason. */
  | { readonly type: 'refused'; readonly refusal: Refusal }
  /** Something happened to an association. After `closed` its entry is no longer in the endpoint. */
  | { readonly type: 'connection'; readonly entry: ConnectionEntry; readonly event: ConnectionEvent };

/**
 * Associations whose timers one call handles. Peers that fall silent at once are due at once, and each may cost a
 * flight: datagrams of other peers are read between two calls.
 */
const MAX_WAKES = 32;

/** For the driver: the sessions that have no entry now. The class assigns it. */
export let dormantIn: (endpoint: Endpoint) => DormantEntries;
/** For the driver: `performer` is asked first about jobs of servers' handshakes that begin from now on. The class assigns it. */
export let performIn: (endpoint: Endpoint, performer: Performer) => void;

/**
 * One UDP port with many peers, without a socket: finds the connection of a datagram, and answers ClientHellos
 * without keeping state. After each call drain {@link pollTransmit} and {@link pollEvent}, then re-arm at {@link
 * pollTimeout}.
 *
 * @example
 * ```ts
 * import { Endpoint, resolveLimits } from 'datagram-tls/core';
 *
 * const endpoint = new Endpoint(resolveLimits({}));
 * endpoint.receive(new Uint8Array(20), '192.0.2.1', 5684, 'IPv4', 0);
 * for (let out = endpoint.pollTransmit(); out; out = endpoint.pollTransmit()) console.log(out.data.length);
 * for (let event = endpoint.pollEvent(); event; event = endpoint.pollEvent()) console.log(event.type);
 * ```
 */
export class Endpoint {
  static {
    dormantIn = (endpoint) => endpoint.#dormant;
    performIn = (endpoint, performer) => {
      endpoint.#acceptor.performer = performer;
    };
  }

  /** Live: the same object with the current numbers. */
  readonly counters = startCounting();
  readonly #routes = new Routes();
  readonly #deadlines = new Deadlines<EntryState>();
  readonly #stateless = new Queue<Outgoing>();
  readonly #events = new Queue<EndpointEvent>();
  readonly #readyQueue = new ReadyQueue();
  readonly #acceptor: Acceptor;
  readonly #limits: EndpointLimits;
  readonly #memory: MemoryPool;
  readonly #refusals = new RefusalReports();
  readonly #wokenInVain = new WokenInVain();
  /** The latest instant that was given. */
  #now: Instant = 0;
  readonly #dormant: DormantEntries;
  readonly #onRest = (entry: ConnectionEntry): void => {
    const { connection } = entry;
    if (!connection.hibernates || !this.#dormant.take(entry))
      this.#deadlines.set(stateOf(entry), connection.pollTimeout());
  };

  /** Throws `ERR_INVALID_ARG_TYPE` for what `resolveLimits` did not return. */
  constructor(limits: EndpointLimits) {
    checkLimits(limits, 'limits');
    this.#limits = limits;
    this.#memory = new MemoryPool(limits.maxHeldBytes);
    this.#acceptor = new Acceptor(this.#acceptorHost(), limits);
    const { places } = this.#acceptor;
    const parts = { routes: this.#routes, places, deadlines: this.#deadlines, limits };
    this.#dormant = new DormantEntries({ ...parts, touch: (entry) => this.#touch(entry) });
    places.dormant = this.#dormant;
    this.#routes.dormant = this.#dormant;
    this.#routes.ids.dormant = this.#dormant;
  }

  /** Answers no ClientHello while it is true; open sessions go on. */
  get busy(): boolean {
    return this.#acceptor.busy;
  }
  set busy(value: boolean) {
    this.#acceptor.busy = value;
  }

  /** Refuses clients while it is true: enough sessions wait for the application. */
  set backlogFull(value: boolean) {
    this.#acceptor.backlogFull = value;
  }

  /** Associations in all. */
  get size(): number {
    return this.#routes.size;
  }

  /** Server associations whose handshake is not done. */
  get handshakes(): number {
    return this.#acceptor.handshakes;
  }

  /** Bytes kept of fragmented ClientHellos. */
  get partHelloBytes(): number {
    return this.#acceptor.partBytes;
  }

  /**
   * What all associations hold for later, bytes: fragments of messages, records without keys, data that came too
   * early.
   */
  get heldBytes(): number {
    return this.#memory.held;
  }

  /** How often an association dropped what it held because all together held too much. */
  get evictions(): number {
    return this.#memory.evictions;
  }

  /** Open sessions that hibernate now. */
  get hibernating(): number {
    return this.#memory.asleep;
  }

  /** All associations, in no particular order. */
  entries(): Iterable<ConnectionEntry> {
    return this.#routes.entries();
  }

  /** The association with a peer; of a client that restarts, the one that it had before. */
  find({ address, port }: Pick<PeerAddress, 'address' | 'port'>): ConnectionEntry | undefined {
    return this.#routes.find(address, port)?.entry;
  }

  /** The association that a datagram from there is for: by its connection ID, or else by the address. */
  entryFor(
    datagram: Uint8Array,
    { address, port }: Pick<PeerAddress, 'address' | 'port'>,
  ): ConnectionEntry | undefined {
    const { ids } = this.#routes;
    const named = ids.any ? ids.entryOf(datagram) : undefined;
    if (named !== undefined) return named;
    const route = this.#routes.find(address, port);
    const moving = ids.any ? this.#movingEntry(datagram, route, address, port) : undefined;
    return moving ?? route?.entry;
  }

  /**
   * Starts, changes or stops (`undefined`) serving clients; existing sessions keep their settings. Throws
   * `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for settings of the wrong form, or of a client.
   */
  serve(service: Service | undefined): void {
    if (service !== undefined) {
      checkSecurity(service.security, 'service.security', 'server');
      checkBehaviour(service.behaviour, 'service.behaviour');
    }
    this.#acceptor.serve(service);
  }

  /**
   * Begins an association as a client. Throws `ERR_DTLS_ADDRESS_IN_USE` when there is already one with this peer, and
   * `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for an argument of the wrong form.
   */
  connect(
    peer: PeerAddress,
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
    now: Instant,
  ): ConnectionEntry {
    checkAddress(peer, 'peer');
    checkSecurity(security, 'security', 'client');
    checkBehaviour(behaviour, 'behaviour');
    checkDestination(destination, 'destination');
    const neighbour = this.#neighbour(peer);
    if (neighbour !== undefined && !leavesAddress(neighbour)) throw addressInUse(peer);
    const ids = idsFor(behaviour, 'client', this.#routes);
    const machine = new Machine(security, behaviour, destination, peer, FROM_ZERO, this.#memory, ids);
    const entry = this.#add(connectionAround(machine), peer, now, ids);
    this.counters.clientSessions++;
    entry.connection.start(now);
    this.#touch(entry);
    return entry;
  }

  /**
   * Goes on with the session of `state`: see `Connection.restore`. `peer`: its address as this endpoint sees it, if that is not
   * the one in `state`. Throws `ERR_DTLS_STATE`, and `ERR_DTLS_ADDRESS_IN_USE` when there is an association with that peer already and
   * no connection IDs tell them apart.
   */
  restore(
    state: Uint8Array,
    service: { readonly security: Security; readonly behaviour: Behaviour },
    times: { readonly age: number; readonly now: Instant },
    peer?: PeerAddress,
  ): ConnectionEntry {
    checkBytes(state, 'state');
    checkSecurity(service.security, 'service.security');
    checkBehaviour(service.behaviour, 'service.behaviour');
    if (peer !== undefined) checkAddress(peer, 'peer');
    const decoded = decodeState(state);
    const saved = peer === undefined ? decoded : { ...decoded, peer };
    const neighbour = this.#neighbour(saved.peer);
    const ids = new EntryIds(this.#routes.ids);
    let machine: Machine | undefined;
    try {
      machine = machineFrom(saved, service.security, service.behaviour, times, this.#memory, ids);
      if (neighbour !== undefined && !ids.any && !hasIds(neighbour)) throw addressInUse(saved.peer);
    } catch (error) {
      machine?.discard();
      ids.releaseAll();
      throw error;
    }
    const entry = this.#add(connectionAround(machine), saved.peer, times.now, machine.connectionIds && ids);
    if (saved.role === 'server') this.#acceptor.adopt(entry);
    this.counters[saved.role === 'server' ? 'serverSessions' : 'clientSessions']++;
    this.#touch(entry);
    return entry;
  }

  /**
   * Ends the association of `entry` without a word to its peer, and returns the state from which {@link restore} goes on:
   * see `Connection.save`.
   */
  save(entry: ConnectionEntry, now: Instant): Uint8Array {
    const current = this.#own(entry);
    const state = current.connection.save(now);
    this.#touch(current);
    return state;
  }

  /**
   * A datagram came from there. Its bytes are not kept, and none of them throws. `atFormer`: it came to the address that
   * {@link leavePath} has left. Throws `ERR_INVALID_ARG_TYPE` for what are
   * no bytes.
   */
  receive(
    datagram: Uint8Array,
    address: string,
    port: number,
    family: PeerAddress['family'],
    now: Instant,
    atFormer = false,
  ): void {
    checkBytes(datagram, 'datagram');
    this.#now = now;
    this.counters.datagramsReceived++;
    this.counters.bytesReceived += datagram.length;
    const { ids } = this.#routes;
    const named = ids.any ? ids.entryOf(datagram) : undefined;
    if (named !== undefined) return this.#deliverTo(named, datagram, address, port, family, now, atFormer);
    if (this.#isNewToDormant(datagram, address, port))
      return this.#acceptor.receive(datagram, { address, family, port }, now);
    const route = this.#routes.find(address, port);
    const moving = ids.any ? this.#movingEntry(datagram, route, address, port) : undefined;
    if (moving !== undefined) return this.#deliverTo(moving, datagram, address, port, family, now, atFormer);
    if (route !== undefined && !this.#acceptor.isNewClient(route, datagram))
      return this.#deliver(route, datagram, address, port, family, now, atFormer);
    if (datagram.length === 0) this.counters.rejected++;
    else if (cidStartOf(datagram, 0) === undefined)
      this.#acceptor.receive(datagram, { address, family, port }, now);
    else this.counters.unknownConnectionIds++;
  }

  /** Whether a datagram is part of a handshake, or may begin one; one of an open session is not. */
  mayConcernHandshake(datagram: Uint8Array, address: string, port: number): boolean {
    if (looksLikeClientHello(datagram)) return true;
    const phase = this.entryFor(datagram, { address, port })?.connection.phase;
    return phase === undefined || isBeginning(phase);
  }

  /** The host of a peer with which a handshake is under way. */
  hostUnderWay(address: string, port: number): string | undefined {
    // A session that hibernates without an entry has none.
    const entry = this.#routes.findAwake(address, port)?.entry;
    return entry !== undefined && isSettling(entry.connection.phase) ? stateOf(entry).host : undefined;
  }

  /** As the connection's own `send`: a session whose keys are used up then ends. */
  send(entry: ConnectionEntry, data: Uint8Array): boolean {
    const current = this.#own(entry);
    checkBytes(data, 'data');
    try {
      return machineOf(current.connection).send(data);
    } finally {
      this.#touch(current);
    }
  }

  /** As the connection's own `answer`. */
  answer(entry: ConnectionEntry, jobId: number, answer: JobAnswer, now: Instant): void {
    const current = this.#own(entry);
    this.#now = now;
    current.connection.answer(jobId, answer, now);
    this.#acceptor.review(current, now);
    this.#touch(current);
  }

  /** As the connection's own `updateKeys`. */
  updateKeys(entry: ConnectionEntry, options: { readonly requestPeer: boolean }, now: Instant): void {
    const current = this.#own(entry);
    current.connection.updateKeys(options, now);
    this.#touch(current);
  }

  /**
   * `out`, which {@link pollTransmit} returned, was not sent: too much waits for the network. If it answers a ClientHello,
   * and the client repeats that, the next answer is `awaited`: send it before others. Throws `ERR_INVALID_ARG_TYPE` for
   * what {@link pollTransmit} did not return.
   */
  handleUnsent(out: Outgoing): void {
    if (out instanceof Answer) this.#acceptor.onUnsent(out);
    else checkOutgoing(out, 'out');
  }

  /** The system refused a datagram of `entry` with `size` bytes because it is too large. */
  handleTooLarge(entry: ConnectionEntry, size: number, now: Instant): void {
    const current = this.#current(entry);
    if (current === undefined) return;
    current.connection.handleTooLarge(size, now);
    this.#touch(current);
  }

  /** The system, or the network (not `certain`), says that datagrams do not reach the peer of `entry`. */
  handleUnreachable(
    entry: ConnectionEntry,
    cause: Error & { readonly code?: string | undefined },
    certain: boolean,
    now: Instant,
  ): void {
    const current = this.#current(entry);
    if (current === undefined) return;
    current.connection.handleUnreachable(cause, certain, now);
    this.#touch(current);
  }

  /** As the connection's own `hibernate`. */
  hibernate(entry: ConnectionEntry, now: Instant): boolean {
    const current = this.#own(entry);
    const hibernates = current.connection.hibernate(now);
    this.#touch(current);
    return hibernates;
  }

  /** As the connection's own `close`. */
  close(entry: ConnectionEntry, now: Instant): void {
    const current = this.#own(entry);
    current.connection.close(now);
    this.#touch(current);
  }

  /** As the connection's own `leavePath`. Other associations of the endpoint stay at its address. */
  leavePath(entry: ConnectionEntry, now: Instant): void {
    const current = this.#own(entry);
    current.connection.leavePath(now);
    this.#touch(current);
  }

  /** As the connection's own `renewConnectionId`. */
  renewConnectionId(entry: ConnectionEntry, now: Instant): void {
    const current = this.#own(entry);
    current.connection.renewConnectionId(now);
    this.#touch(current);
  }

  /** As the connection's own `validatePath`. */
  validatePath(entry: ConnectionEntry): void {
    const current = this.#own(entry);
    current.connection.validatePath();
    this.#touch(current);
  }

  /** As the connection's own `refusePath`. */
  refusePath(entry: ConnectionEntry, now: Instant): void {
    const current = this.#own(entry);
    current.connection.refusePath(now);
    this.#touch(current);
  }

  /** As the connection's own `closeSending`. */
  closeSending(entry: ConnectionEntry, now: Instant): boolean {
    const current = this.#own(entry);
    const staysOpen = current.connection.closeSending(now);
    this.#touch(current);
    return staysOpen;
  }

  /** As the connection's own `abandon`. */
  abandon(entry: ConnectionEntry, error: DTLSError | undefined): void {
    const current = this.#own(entry);
    current.connection.abandon(error);
    this.#touch(current);
  }

  /** Abandons one of several attempts of a client: it is no session. */
  withdraw(entry: ConnectionEntry): void {
    this.counters.clientSessions--;
    this.abandon(entry, undefined);
  }

  /**
   * What is due beyond {@link MAX_WAKES} stays due: {@link pollTimeout} is in the past until a further call. `before`, if given, is
   * called with each association that is handled, before that may change its counters.
   */
  handleTimeout(now: Instant, before?: (entry: ConnectionEntry) => void): void {
    this.#now = now;
    if (this.#routes.ids.isCounting) this.#routes.ids.goOnCounting();
    for (let wakes = 0; wakes < MAX_WAKES; wakes++) {
      const entry = this.#takeDue(now);
      if (entry === undefined) break;
      before?.(entry);
      entry.connection.handleTimeout(now);
      this.#acceptor.review(entry, now);
      this.#touch(entry);
    }
    this.#wokenInVain.forgetOthers();
  }

  /** The one that is due for the longest time. */
  #takeDue(now: Instant): ConnectionEntry | undefined {
    const dormantAt = this.#dormant.nextWake ?? Number.POSITIVE_INFINITY;
    const isDormant = dormantAt < (this.#deadlines.next() ?? Number.POSITIVE_INFINITY);
    return isDormant ? this.#dormant.takeDue(now) : this.#deadlines.takeDue(now)?.entry;
  }

  /** When {@link handleTimeout} is to be called; `undefined` when there is nothing to wait for. */
  pollTimeout(): Instant | undefined {
    const due = earliest(this.#deadlines.next(), this.#dormant.nextWake);
    return this.#routes.ids.isCounting ? earliest(due, this.#now) : due;
  }

  /** A method of `entry.connection` was called that puts something in: its output and events are to be polled. */
  touch(entry: ConnectionEntry): void {
    this.#touch(this.#own(entry));
  }

  /** The next datagram to send; `undefined` when there are no more. */
  pollTransmit(): Outgoing | undefined {
    return this.#stateless.shift() ?? this.#readyQueue.pollTransmit(this.#onRest);
  }

  /** The next event; `undefined` when there are no more. */
  pollEvent(): EndpointEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) return event;
    for (;;) {
      const told = this.#readyQueue.pollEvent(this.#onRest);
      if (told === undefined) return undefined;
      // The shapes of events are many, and each look at the type of one costs: nearly all are messages.
      const { type } = told.event;
      const reported = type === 'job' || this.#acceptor.isReported(told.entry);
      if (type !== 'message') this.#note(told.entry, told.event);
      // The owner was not told of this association, so it is not told of its end.
      if (reported) return told;
    }
  }

  /** The association with this peer that goes on, if there is one. */
  #neighbour({ address, port }: PeerAddress): ConnectionEntry | undefined {
    const former = this.#routes.find(address, port)?.entry;
    // Its owner knows that it is over, or has not been told of its end yet.
    if (former !== undefined && machineOf(former.connection).isLingering) this.abandon(former, undefined);
    if (former?.connection.phase === 'closed') this.#routes.remove(former);
    return this.#routes.find(address, port)?.entry;
  }

  #add(
    connection: Connection,
    peer: PeerAddress,
    now: Instant,
    ids: EntryIds<ConnectionEntry> | undefined,
  ): ConnectionEntry {
    const host = hostOf(peer, this.#limits.hostPrefix);
    const client = { peer, host, began: now, clientRandom: undefined, ids };
    const entry = createEntry(connection, client, this.#routes);
    this.#routes.join(entry);
    return entry;
  }

  /**
   * The one that goes on for `entry`, which the endpoint may have let go of meanwhile. Throws `ERR_INVALID_ARG_TYPE` or
   * `ERR_INVALID_ARG_VALUE` unless it is one of this endpoint.
   */
  #own(entry: ConnectionEntry): ConnectionEntry {
    const current = this.#current(entry);
    if (current === undefined) throw invalidState('The session of this entry is over');
    return current;
  }

  /** For what happens later than it was caused: the endpoint may have let go of the entry meanwhile. */
  #current(entry: ConnectionEntry): ConnectionEntry | undefined {
    checkOwner(entry, this.#routes);
    return currentOf(entry);
  }

  #touch(entry: ConnectionEntry): void {
    this.#readyQueue.touch(entry);
  }

  #acceptorHost(): AcceptorHost {
    return {
      routes: this.#routes,
      counters: this.counters,
      memory: this.#memory,
      reply: (answer) => this.#stateless.push(answer),
      announce: (entry) => {
        this.counters.serverSessions++;
        this.#events.push({ type: 'session', entry });
      },
      touch: (entry) => this.#touch(entry),
      knows: (entry, random) => this.#dormant.isRandom(stateOf(entry).clientRandom, random),
      hashOf: (random, provider) => this.#dormant.hashOf(random, provider),
      refuse: (peer, reason, now) => this.#refuse(peer, reason, now),
    };
  }

  #refuse(peer: PeerAddress, reason: RefusalReason, now: Instant): void {
    const { refusedBy } = this.counters;
    this.counters.refused++;
    refusedBy[reason] = (refusedBy[reason] ?? 0) + 1;
    const refusal = this.#refusals.add(peer, reason, now);
    if (refusal !== undefined) this.#events.push({ type: 'refused', refusal });
  }

  /** Applies an event of a connection to the endpoint. */
  #note(entry: ConnectionEntry, event: ConnectionEvent): void {
    if (event.type === 'closed') {
      this.#routes.remove(entry);
      this.#acceptor.onEnd(entry, event.error, this.#now);
    }
    if (event.type === 'migrated') {
      this.#routes.move(entry);
      if (event.validated) this.#acceptor.onMoved(entry);
    }
    if (event.type === 'connected') {
      this.counters.handshakesCompleted++;
      this.#routes.candidates.forget(entry);
      if (entry.connection.connectionIds === undefined) stateOf(entry).ids = undefined;
      this.#acceptor.onConnected(entry);
      const replaced = this.#routes.promote(entry);
      if (replaced !== undefined) {
        machineOf(replaced.connection).supersede();
        this.#touch(replaced);
      }
    }
  }

  /**
   * The entry whose client sends its last flight of DTLS 1.2 from another address. It is found by a connection ID behind
   * the plaintext, or because such a record came from there before.
   */
  #movingEntry(
    datagram: Uint8Array,
    route: EntryState | undefined,
    address: string,
    port: number,
  ): ConnectionEntry | undefined {
    if (!isPlaintext(datagram, 0)) return undefined;
    const { ids, candidates } = this.#routes;
    const named = ids.entryBehindPlaintext(datagram);
    if (route !== undefined) return named === route.entry || named === route.pending ? undefined : named;
    return named ?? (looksLikeClientHello(datagram) ? undefined : candidates.find(address, port));
  }

  /** A ClientHello of another client at the address of a session without an entry, which has nothing to do with it. */
  #isNewToDormant(datagram: Uint8Array, address: string, port: number): boolean {
    const dormant = this.#dormant;
    if (dormant.size === 0 || !looksLikeClientHello(datagram)) return false;
    const known = dormant.randomAt(address, port);
    if (known === undefined) return false;
    const { ids } = this.#routes;
    if (ids.any && ids.entryBehindPlaintext(datagram) !== undefined) return false;
    return this.#acceptor.isOfAnother({ address, port }, datagram, (random) =>
      dormant.isRandom(known, random),
    );
  }

  /** It has the connection ID of `entry`, or may be of its client that has moved. Most come from where the last one came from. */
  #deliverTo(
    entry: ConnectionEntry,
    datagram: Uint8Array,
    address: string,
    port: number,
    family: PeerAddress['family'],
    now: Instant,
    atFormer: boolean,
  ): void {
    const slept = entry.connection.hibernates;
    const machine = machineOf(entry.connection);
    const known = machine.path.address;
    const from = sourceOf(known, address, port, family);
    machine.receive(datagram, from, now, atFormer);
    if (slept) this.#onWoken(entry, now);
    const { candidates } = this.#routes;
    if (from !== known || candidates.any) candidates.update(entry);
    this.#acceptor.review(entry, now);
    this.#touch(entry);
  }

  #deliver(
    route: EntryState,
    datagram: Uint8Array,
    address: string,
    port: number,
    family: PeerAddress['family'],
    now: Instant,
    atFormer: boolean,
  ): void {
    const { entry: current, pending } = route;
    if (pending !== undefined) {
      this.#touch(pending);
      const machine = machineOf(pending.connection);
      const useful = machine.receive(datagram, sourceOf(machine.path.address, address, port, family), now);
      // Our own attempt rests while the peer's is under way, so that not both of them can be done.
      if (current.role === 'client') return machineOf(current.connection).passTurn();
      if (useful) return;
    }
    const slept = current.connection.hibernates;
    const machine = machineOf(current.connection);
    machine.receive(datagram, sourceOf(machine.path.address, address, port, family), now, atFormer);
    if (slept) this.#onWoken(current, now);
    this.#acceptor.review(current, now);
    this.#touch(current);
  }

  /** A datagram has woken `entry`. */
  #onWoken(entry: ConnectionEntry, now: Instant): void {
    const oldest = this.#wokenInVain.add(entry);
    if (oldest?.connection.hibernate(now) === true) this.#touch(oldest);
  }
}

/** Where a datagram came from: the address that is known already, or else another object for it. */
function sourceOf(
  known: PeerAddress,
  address: string,
  port: number,
  family: PeerAddress['family'],
): PeerAddress {
  const isKnown = known.port === port && known.address === address && known.family === family;
  return isKnown ? known : { address, family, port };
}

/** It has claimed the address of its peer and not shown that it is there; its connection IDs find it all the same. */
function leavesAddress(entry: ConnectionEntry): boolean {
  return hasIds(entry) && !entry.connection.path.validated;
}

function addressInUse({ address, port }: PeerAddress): Error {
  return callerError('ERR_DTLS_ADDRESS_IN_USE', `there is a session with ${address}:${port} already`);
}
