import { isIP } from 'node:net';
import { type InspectOptions, inspect } from 'node:util';
import { DTLSError, invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { BEHAVIOUR_OPTIONS, type BehaviourOptions, resolveBehaviour } from '../config/behaviour.js';
import type { Behaviour, Role } from '../config/config.js';
import { type EndpointLimits, LIMIT_OPTIONS, resolveLimits } from '../config/limits.js';
import { pickOptions, readOptions } from '../config/option-table.js';
import type { ConnectionEvent } from '../connection/events.js';
import { stateError } from '../connection/saved-state.js';
import type { Security } from '../connection/version.js';
import { type ConnectionEntry, stateOf } from '../endpoint/connection-entry.js';
import type { EarlyRefusals, Refusals } from '../endpoint/counters.js';
import type { Refusal } from '../endpoint/refusals.js';
import { type Acceleration, Accelerator } from './acceleration.js';
import { type Handler, unbound } from './arguments.js';
import { Binding } from './binding.js';
import { HeldEvents } from './callbacks.js';
import { CHANNELS, publish } from './channels.js';
import {
  type ClientSettings,
  checkPeer,
  clientSecurity,
  resolvePeer,
  spendTicket,
} from './client-settings.js';
import type { DatagramChannel } from './datagram-channel.js';
import { logPeer, logRemoval } from './debug.js';
import { Deferred } from './deferred.js';
import { type EndpointSessions, SessionsView } from './endpoint-sessions.js';
import { attempt, throwLater, watch } from './guard.js';
import { UnreadBudget } from './inbox.js';
import { addressText, inspection } from './inspection.js';
import {
  type EarlyDataCallback,
  ENDPOINT_OPTIONS,
  type EndpointConnectOptions,
  type EndpointOptions,
  PEER_OPTIONS,
  resolveAcceleration,
  resolveUdp,
  resolveUnread,
  SESSION_OPTIONS,
  type SessionCallback,
  type Trace,
  type UnreadLimits,
} from './options.js';
import { PeerSearches, reachable } from './peer-search.js';
import { Port } from './port.js';
import { References } from './references.js';
import { type RenewalOptions, Renewals } from './renewals.js';
import { plainAddress } from './resolve-host.js';
import { generations, type ImportOptions, takeState } from './sealed-state.js';
import type { DTLSSecureContext, ServerSecurityOptions } from './secure-context.js';
import type { SendQueueDrops } from './send-queue.js';
import { Service } from './service.js';
import { type DTLSSession, sessionControl, sourcesOf } from './session.js';
import type { SessionEndpoint, SharedBySessions } from './session-endpoint.js';
import {
  type DTLSEndpointStats,
  type EndpointSource,
  endpointStats,
  FormerSessions,
  type SessionEnd,
} from './stats.js';
import { datagramSize } from './transport.js';

/** Messages that wait for a reader of `for await`; the oldest is dropped and counted when one more comes. */
const MESSAGE_QUEUE = 256;

/** How `listen` and `connect` drive an endpoint; the class has no such methods. The class assigns it. */
export let endpointControl: {
  /** It will serve clients; at most `backlog` sessions wait for a loop. */
  prepare: (
    endpoint: DTLSEndpoint,
    backlog: number,
    security: Security,
    onearlydata: EarlyDataCallback | undefined,
  ) => void;
  /**
   * Binds at once and serves clients; throws the system's error. `host` is an IP literal; with a transport or a shared
   * socket, host and port have no meaning. Without `onsession` sessions wait for a loop.
   */
  serve: (endpoint: DTLSEndpoint, host: string, port: number, onsession: SessionCallback | undefined) => void;
  /** It is bound later; sessions that connect from it wait until then. */
  awaitBind: (endpoint: DTLSEndpoint) => void;
  /** Begins the one session of an endpoint, which ends with it. Throws what is wrong at once. */
  connect: (endpoint: DTLSEndpoint, settings: ClientSettings) => DTLSSession;
  fail: (endpoint: DTLSEndpoint, error: Error) => void;
};

/**
 * One UDP socket, or one transport, and the sessions on it. Made by `listen`, and by `connect` for its one session.
 *
 * @example
 * ```ts
 * import { DTLSEndpoint } from 'datagram-tls';
 *
 * const endpoint = new DTLSEndpoint({ bindHost: '127.0.0.1' });
 * const session = endpoint.connect('127.0.0.1', 9000, { ca });
 * await session.opened;
 * await endpoint.close();
 * ```
 */
export class DTLSEndpoint implements SessionEndpoint, AsyncIterable<DTLSSession> {
  static {
    endpointControl = {
      awaitBind: (endpoint) => endpoint.#binding.await(),
      prepare: (endpoint, ...service) => endpoint.#prepare(...service),
      serve: (endpoint, ...service) => endpoint.#serve(...service),
      connect: (endpoint, settings) => endpoint.#connectAlone(settings),
      fail: (endpoint, error) => endpoint.#fail(error),
    };
  }

  readonly #binding: Binding;
  readonly #limits: EndpointLimits;
  readonly #maxSendQueue: number;
  readonly #accelerator: Accelerator;
  readonly #givenBehaviour: BehaviourOptions;
  readonly #behaviour: Behaviour;
  readonly #shared: SharedBySessions<DTLSSession>;
  readonly #closed = new Deferred<void>();
  readonly #sessions = new Set<DTLSSession>();
  readonly #createdAt = process.hrtime.bigint();
  #destroyedAt = 0n;
  readonly #former = new FormerSessions();
  readonly #stats = endpointStats(() => this.#counts());
  readonly #searches = new PeerSearches<DTLSSession>();
  readonly #view: EndpointSessions = new SessionsView(this.#sessions, (address, port) =>
    this.#sessionAt(address, port),
  );
  readonly #unwatch: () => void;
  /** Made by `listen`. */
  #service: Service | undefined;
  #onerror: Handler<DTLSEndpoint, [error: Error]> | undefined;
  #onrefused: Handler<DTLSEndpoint, [refusal: Refusal]> | undefined;
  #busy = false;
  readonly #renewals = new Renewals();
  readonly #references = new References<DTLSSession>(this.#sessions, () => this.#applyReferences());
  /** Made by `connect`: it ends with its session. */
  #single = false;
  #closing = false;
  /** False after `close()`, which waits for no peer. */
  #lingers = true;
  #over = false;

  constructor(options: EndpointOptions = {}) {
    const given = readOptions(options, ENDPOINT_OPTIONS, { elsewhere: SESSION_OPTIONS });
    this.#accelerator = new Accelerator(resolveAcceleration(given));
    const udp = resolveUdp(given, this.#accelerator.mayBatch);
    this.#maxSendQueue = udp.maxSendQueue;
    this.#limits = resolveLimits(pickOptions(given, LIMIT_OPTIONS));
    this.#binding = new Binding(given, udp, (channel) => this.#newPort(channel));
    const mtu = datagramSize(given.mtu, given.transport);
    this.#givenBehaviour = { ...pickOptions(given, BEHAVIOUR_OPTIONS), mtu };
    this.#behaviour = resolveBehaviour(this.#givenBehaviour, given.trace !== undefined);
    this.#shared = this.#share(given.trace, resolveUnread(given));
    this.#unwatch = watch(given.signal, (reason) => this.destroy(reason));
  }

  /** Where the socket is bound, or the transport's `address`; `undefined` before and after. */
  get address(): PeerAddress | undefined {
    return this.#over ? undefined : this.#port?.address;
  }

  /**
   * Resolves when the socket is bound. It is bound when `listen` returns, unless its host is a name or the runtime is
   * Bun. With a transport: when its `opened` resolves.
   */
  get opened(): Promise<PeerAddress> {
    return this.#binding.opened.promise;
  }

  /**
   * Resolves when all sessions are over and the socket or the transport is closed. Rejects with the error given to
   * `destroy`, with that of a failed socket or transport, and with an error of the transport's `close`.
   */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get destroyed(): boolean {
    return this.#over;
  }

  /** Refuses new clients while it is true; open sessions go on. */
  get busy(): boolean {
    return this.#busy;
  }
  set busy(value: boolean) {
    if (this.#over) throw invalidState('Endpoint is destroyed');
    this.#busy = Boolean(value as unknown);
    if (this.#port !== undefined) this.#port.core.busy = this.#busy;
  }

  /** Called when the socket or the transport fails. `undefined` clears it. */
  get onerror(): Handler<DTLSEndpoint, [error: Error]> | undefined {
    return this.#onerror;
  }
  set onerror(fn: Handler<DTLSEndpoint, [error: Error]> | null | undefined) {
    this.#onerror = unbound(fn, 'onerror');
  }

  /**
   * Called when a client gets no session because a limit is reached and nothing can be evicted, at most once a second
   * for each reason. `refusal` has the last client, the reason, and the number of refused ClientHellos since the last
   * call for that reason. The client gets no answer and tries again. `undefined` clears it.
   */
  get onrefused(): Handler<DTLSEndpoint, [refusal: Refusal]> | undefined {
    return this.#onrefused;
  }
  set onrefused(fn: Handler<DTLSEndpoint, [refusal: Refusal]> | null | undefined) {
    this.#onrefused = unbound(fn, 'onrefused');
  }

  /** The sessions that are not over: servers' and clients'. */
  get sessions(): EndpointSessions {
    return this.#view;
  }

  /** Live; the same object each time. */
  get stats(): DTLSEndpointStats {
    return this.#stats.stats;
  }

  /** How many ClientHellos each limit refused. */
  get refusals(): Readonly<Refusals> {
    return { ...this.#port?.core.counters.refusedBy };
  }

  /** Dropped datagrams and messages, because more than `maxSendQueue` would have waited for the socket. */
  get sendQueueDrops(): Readonly<SendQueueDrops> {
    const { unvalidated = 0, handshake = 0, application = 0 } = this.#port?.sendQueueDrops ?? {};
    return { unvalidated, handshake, application };
  }

  /** How often early data was refused, by reason. */
  get earlyDataRefusals(): Readonly<EarlyRefusals> {
    return { ...this.#port?.core.counters.earlyRefused };
  }

  /** What native code does here. The native package is loaded now, if no session of the process has begun. */
  get acceleration(): Acceleration {
    return this.#accelerator.describe();
  }

  /** Closes every session with close_notify, then the socket. Silent peers are not waited for. */
  close(): Promise<void> {
    this.#lingers = false;
    if (this.#over) return this.closed;
    this.#closing = true;
    if (this.#port !== undefined) this.#port.core.serve(undefined);
    for (const session of [...this.#sessions]) void session.close();
    this.#finishIfIdle();
    return this.closed;
  }

  /** Destroys every session, with the same error, and closes the socket. */
  destroy(error?: Error): void {
    if (this.#over) return;
    this.#closing = true;
    for (const session of [...this.#sessions]) session.destroy(error);
    this.#finish(error);
  }

  /** Keeps the process running until the endpoint is closed, as it does until {@link unref}. */
  ref(): this {
    this.#references.setOwn(true);
    return this;
  }

  /** Lets the process end, with the socket, the timers and all sessions of the endpoint. */
  unref(): this {
    this.#references.setOwn(false);
    return this;
  }

  /**
   * New sessions, as `listen`'s `onsession` gets them, which goes on beside the loop; several loops share them.
   * Without `onsession` they wait for a loop. Those whose handshake is done come first; when `backlog` of them wait, further
   * clients are refused. Sessions that end while they wait are left out. The loop ends with the endpoint, and throws its error when it failed. Leaving the
   * loop serves no new clients: waiting sessions are closed, and the endpoint closes when its last session is over.
   * Throws `ERR_INVALID_STATE` for an endpoint that `listen` did not make.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<DTLSSession, undefined> {
    if (this.#service === undefined)
      throw invalidState('This endpoint serves no clients, so there are none to iterate over: use listen');
    return this.#service.iterate((waiting) => this.#stopServing(waiting));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    const fields = {
      state: this.#state,
      address: this.address && addressText(this.address),
      sessions: this.#sessions.size,
      busy: this.#busy,
    };
    return inspection('DTLSEndpoint', fields, depth, options);
  }

  get #state(): 'new' | 'listening' | 'open' | 'closing' | 'closed' {
    if (this.#over) return 'closed';
    if (this.#closing) return 'closing';
    if (this.#service?.isCalling === true) return 'listening';
    return this.#port === undefined ? 'new' : 'open';
  }

  /**
   * Connects to a DTLS server from the endpoint's own socket or transport: beside its clients, if `listen` made it, and
   * beside other servers. Options of sessions that are not given are the endpoint's. An endpoint that is not bound is
   * bound now, to `bindHost` and `bindPort`. The first flight is sent before this returns if `host` is an IP literal and
   * the endpoint is bound. The end of the session leaves the endpoint open; that of the endpoint ends the session.
   *
   * Throws `ERR_INVALID_STATE` when the endpoint is closed or belongs to the one session of `connect`,
   * `ERR_DTLS_ADDRESS_IN_USE` when the endpoint has a session with that address already, and as `connect` does for
   * wrong arguments; options of the endpoint are `ERR_INVALID_ARG_VALUE`. A session to a host name is rejected with the
   * first two instead.
   */
  connect(host: string, port: number, options: EndpointConnectOptions = {}): DTLSSession {
    checkPeer(host, port);
    const given = readOptions(options, PEER_OPTIONS, {
      role: 'client',
      elsewhere: SESSION_OPTIONS,
      elsewhereIs: 'belongs to the endpoint and its socket: give it to listen or new DTLSEndpoint',
    });
    this.#checkOpen();
    const trace = given.trace ?? this.#shared.trace;
    const own = { ...this.#givenBehaviour, transport: this.#binding.transport };
    const { settings, behaviour } = resolvePeer(host, port, given, own, trace !== undefined);
    const shared = { ...this.#shared, trace };
    const session = sessionControl.create(shared, settings.destination.serverName, new HeldEvents());
    const unwatch = watch(given.signal, (reason) => session.destroy(reason));
    if (given.signal !== undefined) session.closed.then(unwatch, unwatch);
    this.#sessions.add(session);
    this.#tellStart(session, 'client');
    try {
      this.#reach(session, settings, behaviour);
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  /**
   * Goes on with a session whose `state` comes from `session.export`, here or elsewhere: the peer
   * notices nothing, if datagrams to its peer come from where they came from before. A server's session needs an endpoint that `listen` made; `onsession` is not
   * called, as the session is returned. An endpoint that is not bound is bound now, to `bindHost` and `bindPort`. Options of the
   * session are the endpoint's. Handlers that are set before the next tick miss nothing.
   *
   * Throws `ERR_DTLS_STATE` for a state that cannot be used, with the `reason`; `ERR_DTLS_ADDRESS_IN_USE` when the endpoint has
   * a session with that address already, and neither has connection IDs; `ERR_INVALID_STATE` when the endpoint is closed or not
   * bound yet;
   * `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for wrong arguments.
   */
  import(state: ArrayBufferView, options: ImportOptions): DTLSSession {
    const opened = takeState(state, options);
    this.#checkOpen();
    const { role, lineage, unread, age } = opened;
    const service = { security: this.#securityFor(role), behaviour: this.#behaviour };
    const address = plainAddress(opened.peer.address);
    this.#binding.bindFor(address, 0);
    const port = this.#port;
    if (port === undefined || this.#binding.isPending)
      throw invalidState('Endpoint is not bound yet. Wait for endpoint.opened');
    const peer = port.peerAt(address, opened.peer.port);
    if (peer === undefined)
      throw stateError('ADDRESS', `the endpoint's socket cannot reach its peer at ${address}`);
    const entry = port.restore(opened.state, service, age, peer);
    generations.note(lineage);
    const { session: agreed } = entry.connection;
    const session = sessionControl.create(this.#shared, agreed?.serverName, new HeldEvents());
    this.#sessions.add(session);
    this.#attach(session, port, entry);
    sessionControl.goOn(session, lineage);
    this.#tellStart(session, role);
    if (agreed !== undefined) sessionControl.onEvent(session, { type: 'connected', session: agreed });
    for (const data of unread) sessionControl.onEvent(session, { type: 'message', data });
    this.#applyReferences();
    port.pump();
    return session;
  }

  /**
   * DTLS 1.3: gives each open session another connection ID, as `session.renewConnectionId` does, when what makes them has changed,
   * such as by `rotate` of IDs for load balancers. Sessions of DTLS 1.2 keep theirs, as do those whose peer has none of ours.
   * Resolves with the number of sessions that got one; another call, and the end of the endpoint, end this one. Throws
   * `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` for wrong options.
   * @see RFC 9147 §9
   */
  renewConnectionIds(options: RenewalOptions = {}): Promise<number> {
    return this.#renewals.begin(this.#sessions, options);
  }

  /** Throws `ERR_INVALID_STATE` where no session can begin. */
  #checkOpen(): void {
    if (this.#single)
      throw invalidState('Endpoint belongs to one session; new DTLSEndpoint() makes one for many');
    if (this.#over || this.#closing)
      throw invalidState(`Endpoint is ${this.#over ? 'destroyed' : 'closing'}. Use another endpoint`);
  }

  /** The settings of a session that goes on. */
  #securityFor(role: Role): Security {
    const { keepAlive } = this.#givenBehaviour;
    if (role === 'client') return this.#accelerator.over(clientSecurity({ keepAlive }));
    if (this.#service === undefined)
      throw stateError('ROLE', 'it is of a server, and this endpoint serves no clients');
    return this.#accelerator.over(this.#service.security);
  }

  /**
   * Replaces the secure context of an endpoint that `listen` made, without a break: handshakes that begin from now on take
   * it. Open sessions, and handshakes under way, keep what they have. The keys of tickets stay unless `ticketKeys` is given, so
   * that clients go on resuming their sessions; each resumption is judged by the new context. All other options of the old
   * context are gone.
   *
   * Throws `ERR_INVALID_STATE` when the endpoint is closed or serves no clients, and as `createSecureContext` does for
   * wrong options; then nothing has changed.
   */
  setSecureContext(context: DTLSSecureContext | ServerSecurityOptions): void {
    if (this.#over || this.#closing || this.#service?.isStopped === true)
      throw invalidState(`Endpoint is ${this.#over ? 'destroyed' : 'closing'}. Use another endpoint`);
    if (this.#service === undefined)
      throw invalidState('Endpoint serves no clients; the context of a client is an option of connect');
    this.#service.replaceContext(context, this.#givenBehaviour.keepAlive);
    this.#offer();
  }

  #share(trace: Trace | undefined, { perSession, inAll }: UnreadLimits): SharedBySessions<DTLSSession> {
    return {
      endpoint: this,
      inboxLimits: { messages: MESSAGE_QUEUE, bytes: perSession },
      unread: new UnreadBudget(inAll),
      trace,
      isAlone: () => this.#service === undefined && this.#sessions.size === 1,
      onEarlyData: (data, session) => this.#service?.onEarlyData(data, session),
      onReference: (session, referenced) => this.#references.set(session, referenced),
      onEnd: (session, end) => this.#onSessionEnd(session, end),
    };
  }

  #newPort(channel: DatagramChannel): Port {
    const port = new Port(channel, this.#maxSendQueue, this.#limits, {
      onBound: (address) => {
        if (this.#port === port) this.#onBound(address);
      },
      onSession: (entry) => this.#onSession(entry),
      onEvent: (entry, event) => this.#onEvent(entry, event),
      onRefused: (refusal) => this.#onRefused(refusal),
      onDrop: (entry, reason, count) => this.#onDrop(entry, reason, count),
      onChannelError: (error) =>
        this.#port === port ? this.#fail(error) : this.#searches.onPortError(port, error),
      onChannelClosed: (error) => this.#onChannelClosed(error),
      onSendError: (entry, error) => this.#onSendError(entry, error),
    });
    port.core.busy = this.#busy;
    return port;
  }

  #applyReferences(): void {
    const held = this.#references.held(this.#service !== undefined);
    if (this.#binding.opened.isSettled && !this.#over) this.#port?.setReferenced(held);
    this.#searches.setReferenced(held);
  }

  get #port(): Port | undefined {
    return this.#binding.port;
  }

  #prepare(backlog: number, security: Security, onearlydata: EarlyDataCallback | undefined): void {
    this.#service = new Service(backlog, security, onearlydata, (full) => {
      if (this.#port !== undefined) this.#port.core.backlogFull = full;
    });
  }

  #stopServing(waiting: readonly DTLSSession[]): void {
    this.#port?.core.serve(undefined);
    for (const session of waiting) void session.close();
    this.#finishIfIdle();
  }

  #serve(host: string, port: number, onsession: SessionCallback | undefined): void {
    this.#service?.start(onsession);
    const bound = this.#binding.makeServer(host, port);
    this.#offer();
    this.#binding.open(bound);
  }

  /** Handshakes that begin from now on take the current settings. */
  #offer(): void {
    if (this.#service === undefined) return;
    const security = this.#accelerator.over(this.#service.security);
    this.#port?.core.serve({ security, behaviour: this.#behaviour });
  }

  #connectAlone(settings: ClientSettings): DTLSSession {
    this.#single = true;
    const session = sessionControl.create(this.#shared, settings.destination.serverName, new HeldEvents());
    this.#sessions.add(session);
    this.#tellStart(session, 'client');
    this.#reach(session, settings, this.#behaviour);
    return session;
  }

  /** Finds the peer of `session`, and begins. Throws what is wrong before anything has to wait. */
  #reach(session: DTLSSession, given: ClientSettings, behaviour: Behaviour): void {
    const settings = { ...given, security: this.#accelerator.over(given.security) };
    const { host, port, search, security, destination } = settings;
    const isName = this.#binding.transport === undefined && isIP(host) === 0;
    const begin = (): void => {
      if (session.destroyed) return;
      if (isName) return this.#seek(session, settings, behaviour);
      const bound = this.#port;
      if (bound === undefined) return;
      const peer = reachable(bound, host, port);
      if (this.#single) bound.dedicate(peer);
      const entry = bound.connect(peer, security, behaviour, spendTicket(destination));
      this.#attach(session, bound, entry);
      this.#applyReferences();
      bound.pump();
    };
    if (!(isName && this.#hasOwnAttempts)) this.#binding.bindFor(host, search.family);
    if (!this.#binding.isPending) return begin();
    void this.opened.then(
      () => attempt(begin, (error) => sessionControl.fail(session, error)),
      () => undefined,
    );
  }

  /** Each address of a host has its own socket. */
  get #hasOwnAttempts(): boolean {
    return this.#single && !this.#binding.isShared;
  }

  /** Resolves the name of the peer of `session`, and tries its addresses. */
  #seek(session: DTLSSession, settings: ClientSettings, behaviour: Behaviour): void {
    this.#searches.start(session, settings, behaviour, {
      from: this.#hasOwnAttempts || this.#port === undefined ? this.#binding.bindTo : this.#port,
      open: (host, port, ipv6Only) => this.#binding.openBeside(host, port, ipv6Only),
      found: ({ port, entry }, events) => {
        if (this.#single) this.#adopt(port);
        this.#attach(session, port, entry);
        this.#applyReferences();
        for (const event of events) attempt(() => this.#onEvent(entry, event), throwLater);
      },
      failed: (error) => {
        if (error instanceof DTLSError) sessionControl.onEvent(session, { type: 'closed', error });
        else if (this.#single) this.#fail(error);
        else sessionControl.fail(session, error);
      },
    });
    this.#applyReferences();
  }

  /** The socket of the attempt that was answered is the endpoint's. */
  #adopt(port: Port): void {
    this.#binding.port = port;
    if (port.address !== undefined) this.#onBound(port.address);
  }

  #attach(session: DTLSSession, port: Port, entry: ConnectionEntry): void {
    stateOf(entry).holder = sessionControl.holderOf(session);
    sessionControl.attach(session, port, entry);
    logPeer(entry.peer);
  }

  #sessionAt(address: string, port: number): DTLSSession | undefined {
    const peer = this.#port?.peerAt(address, port);
    const entry = peer === undefined ? undefined : this.#port?.core.find(peer);
    const session = entry && sessionOf(entry);
    return session?.destroyed === false ? session : undefined;
  }

  #onSession(entry: ConnectionEntry): void {
    const { port } = this.#binding;
    if (port === undefined) return;
    const session = sessionControl.create(this.#shared, undefined);
    this.#sessions.add(session);
    this.#attach(session, port, entry);
    this.#tellStart(session, 'server');
    this.#service?.welcome(session);
  }

  #onEvent(entry: ConnectionEntry, event: ConnectionEvent): void {
    const session = sessionOf(entry);
    if (session !== undefined && event.type === 'message') return sessionControl.onEvent(session, event);
    if (event.type === 'closed') {
      stateOf(entry).holder = undefined;
      logRemoval(entry.peer, event.error?.message ?? 'closed');
    }
    if (event.type === 'connected' && session !== undefined) this.#service?.onOpen(session);
    if (session !== undefined) sessionControl.onEvent(session, event);
    else this.#searches.onEvent(entry, event);
    if (event.type === 'closed' && this.#closing) process.nextTick(() => this.#finishIfIdle());
  }

  #onSendError(entry: ConnectionEntry, error: Error): void {
    const session = this.#over ? undefined : sessionOf(entry);
    if (session !== undefined) sessionControl.onSendError(session, error);
  }

  #tellStart(session: DTLSSession, role: Role): void {
    if (CHANNELS.sessionStart.hasSubscribers)
      publish(CHANNELS.sessionStart, { session, endpoint: this, role });
  }

  #onBound(address: PeerAddress): void {
    this.#binding.opened.resolve(address);
    this.#applyReferences();
    if (CHANNELS.endpointOpen.hasSubscribers) publish(CHANNELS.endpointOpen, { endpoint: this, address });
  }

  #onRefused(refusal: Refusal): void {
    if (CHANNELS.endpointRefused.hasSubscribers)
      publish(CHANNELS.endpointRefused, { endpoint: this, refusal });
    this.#onrefused?.call(this, refusal);
  }

  /** Only called while a channel for it has subscribers. */
  #onDrop(entry: ConnectionEntry | undefined, reason: string, count: number): void {
    const session = entry && sessionOf(entry);
    if (session !== undefined) publish(CHANNELS.sessionDrop, { session, endpoint: this, reason, count });
    else if (entry === undefined) publish(CHANNELS.endpointDrop, { endpoint: this, reason, count });
  }

  #onSessionEnd(session: DTLSSession, end: SessionEnd): void {
    this.#sessions.delete(session);
    this.#references.forget(session);
    this.#service?.forget(session);
    this.#searches.cancel(session);
    this.#former.add(sessionControl.counts(session), end);
    if (this.#single) this.#closing = true;
    if (!this.#closing && this.#service?.isStopped !== true) return;
    // The session's last datagrams are still to be sent, after the running call.
    process.nextTick(() => this.#finishIfIdle());
  }

  #finishIfIdle(): void {
    const idle = this.#sessions.size === 0 && !this.#isFinishing();
    if (idle && (this.#closing || this.#service?.isStopped === true)) this.#finish(undefined);
  }

  /** The peer of the one session may still need our last flight. */
  #isFinishing(): boolean {
    if (!this.#lingers || !this.#single) return false;
    return [...(this.#port?.core.entries() ?? [])].some(({ connection }) => connection.isFinishing);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    if (this.#binding.isOpening) return process.nextTick(() => this.#fail(error));
    if (CHANNELS.endpointError.hasSubscribers) publish(CHANNELS.endpointError, { endpoint: this, error });
    // As with node:net, an error before the endpoint is bound ends the process unless a handler is set for it.
    const isHeard =
      this.#onerror !== undefined ||
      [this.#binding.opened, this.#closed].some(({ isRead }) => isRead) ||
      this.#service?.isIterated !== false;
    if (!isHeard && !this.#binding.opened.isSettled) throwLater(error);
    try {
      this.#onerror?.call(this, error);
    } finally {
      this.#closing = true;
      for (const session of [...this.#sessions])
        attempt(() => sessionControl.fail(session, error), throwLater);
      this.#finish(error);
    }
  }

  /** Closing sessions have nothing to lose. */
  #onChannelClosed(error: Error): void {
    if (this.#over) return;
    if (this.#binding.isOpening) return process.nextTick(() => this.#onChannelClosed(error));
    this.#closing = true;
    for (const session of [...this.#sessions]) attempt(() => sessionControl.cut(session, error), throwLater);
    this.#finish(undefined);
  }

  #finish(error: Error | undefined): void {
    if (this.#over) return;
    this.#destroyedAt = process.hrtime.bigint();
    this.#over = true;
    this.#unwatch();
    const channelClosed = this.#port?.close();
    // What has waited for the end of the turn has left just now.
    this.#stats.freeze();
    this.#service?.end(error);
    this.#renewals.stop();
    if (CHANNELS.endpointClose.hasSubscribers) publish(CHANNELS.endpointClose, { endpoint: this, error });
    this.#binding.opened.reject(error ?? invalidState('Endpoint was closed before it was bound'));
    if (error !== undefined) this.#closed.reject(error);
    else if (channelClosed === undefined) this.#closed.resolve();
    else
      channelClosed.then(
        () => this.#closed.resolve(),
        (reason: unknown) => this.#closed.reject(reason as Error),
      );
  }

  #counts(): EndpointSource {
    return {
      createdAt: this.#createdAt,
      destroyedAt: this.#destroyedAt,
      port: this.#port,
      sessions: () => sourcesOf(this.#sessions),
      former: this.#former,
    };
  }
}

function sessionOf(entry: ConnectionEntry): DTLSSession | undefined {
  const { holder } = stateOf(entry);
  return holder && sessionControl.heldBy(holder);
}
