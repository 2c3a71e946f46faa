import { isIP } from 'node:net';
import { type InspectOptions, inspect } from 'node:util';
import { isPromise } from '../base/awaitable.js';
import { DTLSError, invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import {
  BEHAVIOUR_OPTIONS,
  type BehaviourOptions,
  checkKeepAlive,
  resolveBehaviour,
} from '../config/behaviour.js';
import { checkFunction } from '../config/checks.js';
import type { Behaviour, Role } from '../config/config.js';
import { type EndpointLimits, LIMIT_OPTIONS, resolveLimits } from '../config/limits.js';
import { pickOptions, readOptions } from '../config/option-table.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { Security } from '../connection/version.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { EarlyRefusals, Refusals } from '../endpoint/counters.js';
import type { Refusal } from '../endpoint/refusals.js';
import type { Handler } from './arguments.js';
import { Arrivals } from './arrivals.js';
import { HeldEvents } from './callbacks.js';
import { CHANNELS, publish } from './channels.js';
import {
  type ClientSettings,
  checkPeer,
  clientSecurity,
  resolveDestination,
  resolveSearch,
  spendTicket,
} from './client-settings.js';
import type { DatagramChannel } from './datagram-channel.js';
import { logPeer, logRemoval, warnOfRejection } from './debug.js';
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
  resolveBind,
  resolveUdp,
  resolveUnread,
  SESSION_OPTIONS,
  type SessionCallback,
  type Trace,
  type UnreadLimits,
} from './options.js';
import { type BindTo, PeerSearch, reachable } from './peer-search.js';
import { Port } from './port.js';
import { References } from './references.js';
import { hasIPv6 } from './resolve-host.js';
import {
  checkEarlyReceiver,
  type DTLSSecureContext,
  type ServerSecurityOptions,
  securityAfter,
} from './secure-context.js';
import type { SendQueueDrops } from './send-queue.js';
import { type DTLSSession, sessionControl } from './session.js';
import type { SessionEndpoint, SharedBySessions } from './session-endpoint.js';
import { type SharedSocket, SharedSocketChannel } from './shared-socket.js';
import {
  type DTLSEndpointStats,
  type EndpointSource,
  endpointStats,
  FormerSessions,
  type SessionEnd,
} from './stats.js';
import { datagramSize, type Transport, TransportChannel } from './transport.js';
import { Udp, type UdpOptions } from './udp.js';

/** Messages that wait for a reader of `for await`; the oldest is dropped and counted when one more comes. */
const MESSAGE_QUEUE = 256;

/** How `listen` and `connect` drive an endpoint; the class has no such methods. The class assigns it. */
export let endpointControl: {
  /**
   * Binds at once; throws the system's error. `host` is an IP literal; with a transport, host and port have no
   * meaning.
   */
  bind: (endpoint: DTLSEndpoint, host: string, port: number) => void;
  /** It will serve clients; at most `backlog` sessions wait for a loop. */
  prepare: (
    endpoint: DTLSEndpoint,
    backlog: number,
    security: Security,
    onearlydata: EarlyDataCallback | undefined,
  ) => void;
  /** Binds and serves clients. Without `onsession` they wait for a loop. */
  serve: (endpoint: DTLSEndpoint, host: string, port: number, onsession: SessionCallback | undefined) => void;
  /** It is bound later: who connects from it waits. */
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
      bind: (endpoint, host, port) => endpoint.#open(endpoint.#makePort(host, port)),
      awaitBind: (endpoint) => {
        endpoint.#isBinding = true;
      },
      prepare: (endpoint, ...service) => endpoint.#prepare(...service),
      serve: (endpoint, ...service) => endpoint.#serve(...service),
      connect: (endpoint, settings) => endpoint.#connectAlone(settings),
      fail: (endpoint, error) => endpoint.#fail(error),
    };
  }

  readonly #udp: UdpOptions;
  readonly #transport: Transport | undefined;
  readonly #socket: SharedSocket | undefined;
  readonly #limits: EndpointLimits;
  readonly #bindTo: BindTo;
  readonly #givenBehaviour: BehaviourOptions;
  readonly #behaviour: Behaviour;
  readonly #shared: SharedBySessions<DTLSSession>;
  readonly #opened = new Deferred<PeerAddress>();
  readonly #closed = new Deferred<void>();
  readonly #sessions = new Set<DTLSSession>();
  readonly #byEntry = new Map<ConnectionEntry, DTLSSession>();
  readonly #createdAt = process.hrtime.bigint();
  #destroyedAt = 0n;
  readonly #former = new FormerSessions();
  readonly #stats = endpointStats(() => this.#counts());
  /** Sessions whose peers are looked for. */
  readonly #seeking = new Map<DTLSSession, PeerSearch>();
  readonly #view: EndpointSessions = new SessionsView(this.#sessions, (address, port) =>
    this.#sessionAt(address, port),
  );
  readonly #unwatch: () => void;
  #port: Port | undefined;
  /** A server's settings, for handshakes to come. */
  #security: Security | undefined;
  #onsession: SessionCallback | undefined;
  #onearlydata: EarlyDataCallback | undefined;
  #onerror: Handler<DTLSEndpoint, [error: Error]> | undefined;
  #onrefused: Handler<DTLSEndpoint, [refusal: Refusal]> | undefined;
  #busy = false;
  /** Made by `listen`. */
  #arrivals: Arrivals<DTLSSession> | undefined;
  #isIterated = false;
  readonly #references = new References<DTLSSession>(this.#sessions, () => this.#applyReferences());
  /** It serves no more, and ends with its last session. */
  #stopped = false;
  /** Made by `connect`: it ends with its session. */
  #single = false;
  /** It is bound when the name of its host is resolved. */
  #isBinding = false;
  /** Its socket or transport is being opened. */
  #isOpening = false;
  #closing = false;
  /** False after `close()`, which waits for no peer. */
  #lingers = true;
  #over = false;

  constructor(given: EndpointOptions = {}) {
    const options = readOptions(given, ENDPOINT_OPTIONS, { elsewhere: SESSION_OPTIONS });
    this.#udp = resolveUdp(options);
    this.#transport = options.transport;
    this.#socket = options.socket;
    this.#limits = resolveLimits(pickOptions(options, LIMIT_OPTIONS));
    this.#bindTo = resolveBind(options);
    const mtu = datagramSize(options.mtu, this.#transport);
    this.#givenBehaviour = { ...pickOptions(options, BEHAVIOUR_OPTIONS), mtu };
    this.#behaviour = resolveBehaviour(this.#givenBehaviour, options.trace !== undefined);
    this.#shared = this.#share(options.trace, resolveUnread(options));
    this.#unwatch = watch(options.signal, (reason) => this.destroy(reason));
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
    return this.#opened.promise;
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
    if (fn !== null && fn !== undefined) checkFunction(fn, 'onerror');
    this.#onerror = fn ?? undefined;
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
    if (fn !== null && fn !== undefined) checkFunction(fn, 'onrefused');
    this.#onrefused = fn ?? undefined;
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
   * Without `onsession` they wait for a loop, at most `backlog`, and further clients are refused. Sessions that end
   * while they wait are left out. The loop ends with the endpoint, and throws its error when it failed. Leaving the
   * loop serves no new clients: waiting sessions are closed, and the endpoint closes when its last session is over.
   * Throws `ERR_INVALID_STATE` for an endpoint that `listen` did not make.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<DTLSSession, undefined> {
    if (this.#arrivals === undefined)
      throw invalidState('This endpoint serves no clients, so there are none to iterate over: use listen');
    this.#isIterated = true;
    return this.#arrivals.iterate((waiting) => this.#stopServing(waiting));
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
    if (this.#onsession !== undefined) return 'listening';
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
  connect(host: string, port: number, given: EndpointConnectOptions = {}): DTLSSession {
    checkPeer(host, port);
    const options = readOptions(given, PEER_OPTIONS, {
      role: 'client',
      elsewhere: SESSION_OPTIONS,
      elsewhereIs: 'belongs to the endpoint and its socket: give it to listen or new DTLSEndpoint',
    });
    if (this.#single)
      throw invalidState('Endpoint belongs to one session; new DTLSEndpoint() makes one for many');
    if (this.#over || this.#closing)
      throw invalidState(`Endpoint is ${this.#over ? 'destroyed' : 'closing'}`);
    const behaviourOptions = { ...this.#givenBehaviour, ...pickOptions(options, BEHAVIOUR_OPTIONS) };
    const mtu = datagramSize(behaviourOptions.mtu, this.#transport);
    const trace = options.trace ?? this.#shared.trace;
    const behaviour = resolveBehaviour({ ...behaviourOptions, mtu }, trace !== undefined);
    const { keepAlive } = behaviourOptions;
    const security = clientSecurity({ ...options, keepAlive });
    const search = resolveSearch(host, options);
    const destination = resolveDestination(host, options, behaviour.mtu);
    const shared = { ...this.#shared, trace };
    const session = sessionControl.create(shared, destination.serverName, new HeldEvents());
    const unwatch = watch(options.signal, (reason) => session.destroy(reason));
    if (options.signal !== undefined) session.closed.then(unwatch, unwatch);
    this.#sessions.add(session);
    this.#tellStart(session, 'client');
    try {
      this.#reach(session, { host, port, search, security, destination }, behaviour);
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
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
    if (this.#over || this.#closing || this.#stopped)
      throw invalidState(`Endpoint is ${this.#over ? 'destroyed' : 'closing'}`);
    if (this.#security === undefined)
      throw invalidState('Endpoint serves no clients; the context of a client is an option of connect');
    const security = securityAfter(context, this.#security);
    checkEarlyReceiver(this.#onearlydata, security);
    checkKeepAlive(this.#givenBehaviour.keepAlive, security.versions);
    this.#security = security;
    if (this.#port !== undefined) this.#offer(this.#port);
  }

  #share(trace: Trace | undefined, { perSession, inAll }: UnreadLimits): SharedBySessions<DTLSSession> {
    return {
      endpoint: this,
      inboxLimits: { messages: MESSAGE_QUEUE, bytes: perSession },
      unread: new UnreadBudget(inAll),
      trace,
      onEarlyData: (data, session) => this.#onearlydata?.(data, session),
      onReference: (session, referenced) => this.#references.set(session, referenced),
      onEnd: (session, end) => this.#onSessionEnd(session, end),
    };
  }

  #makePort(host: string, port: number): Port {
    const channel =
      this.#transport !== undefined
        ? new TransportChannel(this.#transport)
        : this.#socket !== undefined
          ? new SharedSocketChannel(this.#socket)
          : new Udp(host, port, this.#udp);
    this.#port = this.#newPort(channel);
    return this.#port;
  }

  #newPort(channel: DatagramChannel): Port {
    const port = new Port(channel, this.#udp.maxSendQueue, this.#limits, {
      onBound: (address) => {
        this.#isBinding = false;
        if (this.#port === port) this.#onBound(address);
      },
      onSession: (entry) => this.#onSession(entry),
      onEvent: (entry, event) => this.#onEvent(entry, event),
      onRefused: (refusal) => this.#onRefused(refusal),
      onDrop: (entry, reason, count) => this.#onDrop(entry, reason, count),
      onChannelError: (error) => (this.#port === port ? this.#fail(error) : this.#onOwnError(port, error)),
      onChannelClosed: (error) => this.#onChannelClosed(error),
      onSendError: (entry, error) => this.#onSendError(entry, error),
    });
    port.core.busy = this.#busy;
    return port;
  }

  #onOwnError(port: Port, error: Error): void {
    for (const search of this.#seeking.values()) search.onPortError(port, error);
  }

  #applyReferences(): void {
    const held = this.#references.held(this.#arrivals !== undefined);
    if (this.#opened.isSettled && !this.#over) this.#port?.setReferenced(held);
    for (const search of this.#seeking.values()) search.setReferenced(held);
  }

  #prepare(backlog: number, security: Security, onearlydata: EarlyDataCallback | undefined): void {
    this.#security = security;
    this.#onearlydata = onearlydata;
    this.#arrivals = new Arrivals(backlog, (full) => {
      if (this.#port !== undefined) this.#port.core.backlogFull = full;
    });
  }

  #stopServing(waiting: readonly DTLSSession[]): void {
    this.#stopped = true;
    this.#port?.core.serve(undefined);
    for (const session of waiting) void session.close();
    this.#finishIfIdle();
  }

  #serve(host: string, port: number, onsession: SessionCallback | undefined): void {
    this.#onsession = onsession;
    const bound = this.#makePort(host, port);
    this.#offer(bound);
    this.#open(bound);
  }

  /** An error before this returns comes later, when the caller has the endpoint and can set handlers. */
  #open(port: Port): void {
    this.#isOpening = true;
    try {
      port.open();
    } finally {
      this.#isOpening = false;
    }
  }

  /** Handshakes that begin from now on take the current settings. */
  #offer(port: Port): void {
    if (this.#security !== undefined)
      port.core.serve({ security: this.#security, behaviour: this.#behaviour });
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
  #reach(session: DTLSSession, settings: ClientSettings, behaviour: Behaviour): void {
    const { host, port, security, destination } = settings;
    const isName = this.#transport === undefined && isIP(host) === 0;
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
    // Attempts of `connect` have sockets of their own.
    const needsPort = !(this.#hasOwnAttempts && isName);
    if (needsPort && !this.#isBinding && this.#port === undefined) this.#bind(settings);
    const isOpening = this.#transport?.opened !== undefined && !this.#opened.isSettled;
    if (!this.#isBinding && !isOpening) return begin();
    void this.#opened.promise.then(
      () => attempt(begin, (error) => sessionControl.fail(session, error)),
      () => undefined,
    );
  }

  /** Each address of a host has its own socket. */
  get #hasOwnAttempts(): boolean {
    return this.#single && this.#socket === undefined;
  }

  /** Binds for a first peer. */
  #bind({ host: peerHost, search }: ClientSettings): void {
    const version = isIP(peerHost) === 0 ? search.family : isIP(peerHost);
    const wantsIPv6 = version === 6 || (version === 0 && hasIPv6());
    const { host = wantsIPv6 ? '::' : '0.0.0.0', port } = this.#bindTo;
    try {
      this.#open(this.#makePort(host, port));
    } catch (error) {
      // Another attempt may find the port free.
      this.#port = undefined;
      throw error;
    }
  }

  /** Resolves the name of the peer of `session`, and tries its addresses. */
  #seek(session: DTLSSession, settings: ClientSettings, behaviour: Behaviour): void {
    const search = new PeerSearch(settings, behaviour, {
      from: this.#hasOwnAttempts || this.#port === undefined ? this.#bindTo : this.#port,
      open: (host, port, ipv6Only) => {
        const udp = { ...this.#udp, ipv6Only: this.#udp.ipv6Only || ipv6Only };
        const opened = this.#newPort(new Udp(host, port, udp));
        opened.open();
        return opened;
      },
      found: ({ port, entry }, events) => {
        this.#seeking.delete(session);
        if (this.#single) this.#adopt(port);
        this.#attach(session, port, entry);
        this.#applyReferences();
        for (const event of events) attempt(() => this.#onEvent(entry, event), throwLater);
      },
      failed: (error) => {
        this.#seeking.delete(session);
        if (error instanceof DTLSError) sessionControl.onEvent(session, { type: 'closed', error });
        else if (this.#single) this.#fail(error);
        else sessionControl.fail(session, error);
      },
    });
    this.#seeking.set(session, search);
    search.start();
    this.#applyReferences();
  }

  /** The socket of the attempt that was answered is the endpoint's. */
  #adopt(port: Port): void {
    this.#port = port;
    if (port.address !== undefined) this.#onBound(port.address);
  }

  #attach(session: DTLSSession, port: Port, entry: ConnectionEntry): void {
    this.#byEntry.set(entry, session);
    sessionControl.attach(session, port, entry);
    logPeer(entry.peer);
  }

  #sessionAt(address: string, port: number): DTLSSession | undefined {
    const peer = this.#port?.peerAt(address, port);
    const entry = peer === undefined ? undefined : this.#port?.core.find(peer);
    const session = entry === undefined ? undefined : this.#byEntry.get(entry);
    return session?.destroyed === false ? session : undefined;
  }

  #onSession(entry: ConnectionEntry): void {
    if (this.#port === undefined) return;
    const session = sessionControl.create(this.#shared, undefined);
    this.#sessions.add(session);
    this.#attach(session, this.#port, entry);
    this.#tellStart(session, 'server');
    if (this.#onsession === undefined || this.#isIterated) this.#arrivals?.push(session);
    this.#introduce(session);
  }

  /** Observes the promise of an asynchronous callback (D5). */
  #introduce(session: DTLSSession): void {
    try {
      const answer = this.#onsession?.(session) as PromiseLike<unknown> | undefined;
      if (answer !== undefined && isPromise(answer))
        void Promise.resolve(answer).catch((error: unknown) =>
          sessionControl.failBy(session, error, warnOfRejection),
        );
    } catch (error) {
      sessionControl.failBy(session, error, throwLater);
    }
  }

  #onEvent(entry: ConnectionEntry, event: ConnectionEvent): void {
    const session = this.#byEntry.get(entry);
    if (event.type === 'closed') {
      this.#byEntry.delete(entry);
      logRemoval(entry.peer, event.error?.message ?? 'closed');
    }
    if (session !== undefined) sessionControl.onEvent(session, event);
    else for (const search of this.#seeking.values()) search.onEvent(entry, event);
    if (event.type === 'closed' && this.#closing) process.nextTick(() => this.#finishIfIdle());
  }

  #onSendError(entry: ConnectionEntry, error: Error): void {
    const session = this.#byEntry.get(entry);
    if (session !== undefined) sessionControl.onSendError(session, error);
  }

  #tellStart(session: DTLSSession, role: Role): void {
    if (CHANNELS.sessionStart.hasSubscribers)
      publish(CHANNELS.sessionStart, { session, endpoint: this, role });
  }

  #onBound(address: PeerAddress): void {
    this.#opened.resolve(address);
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
    const session = entry === undefined ? undefined : this.#byEntry.get(entry);
    if (session !== undefined) publish(CHANNELS.sessionDrop, { session, endpoint: this, reason, count });
    else if (entry === undefined) publish(CHANNELS.endpointDrop, { endpoint: this, reason, count });
  }

  #onSessionEnd(session: DTLSSession, end: SessionEnd): void {
    this.#sessions.delete(session);
    this.#references.forget(session);
    this.#arrivals?.forget(session);
    this.#seeking.get(session)?.cancel();
    this.#seeking.delete(session);
    this.#former.add(session, end);
    if (this.#single) this.#closing = true;
    if (!this.#closing && !this.#stopped) return;
    // The session's last datagrams are still to be sent, after the running call.
    process.nextTick(() => this.#finishIfIdle());
  }

  #finishIfIdle(): void {
    const idle = this.#sessions.size === 0 && !this.#isFinishing();
    if (idle && (this.#closing || this.#stopped)) this.#finish(undefined);
  }

  /** The peer of the one session may still need our last flight. */
  #isFinishing(): boolean {
    if (!this.#lingers || !this.#single) return false;
    return [...this.#byEntry.keys()].some(({ connection }) => connection.isFinishing);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    if (this.#isOpening) return process.nextTick(() => this.#fail(error));
    if (CHANNELS.endpointError.hasSubscribers) publish(CHANNELS.endpointError, { endpoint: this, error });
    // As with node:net, an error before the endpoint is bound ends the process where nobody listens for it.
    const isHeard =
      this.#onerror !== undefined ||
      [this.#opened, this.#closed].some(({ isRead }) => isRead) ||
      this.#arrivals?.isRead !== false;
    if (!isHeard && !this.#opened.isSettled) throwLater(error);
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
    if (this.#isOpening) return process.nextTick(() => this.#onChannelClosed(error));
    this.#closing = true;
    for (const session of [...this.#sessions]) attempt(() => sessionControl.cut(session, error), throwLater);
    this.#finish(undefined);
  }

  #finish(error: Error | undefined): void {
    if (this.#over) return;
    this.#destroyedAt = process.hrtime.bigint();
    this.#stats.freeze();
    this.#over = true;
    this.#unwatch();
    const channelClosed = this.#port?.close();
    this.#byEntry.clear();
    this.#arrivals?.end(error);
    if (CHANNELS.endpointClose.hasSubscribers) publish(CHANNELS.endpointClose, { endpoint: this, error });
    this.#opened.reject(error ?? invalidState('Endpoint was closed before it was bound'));
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
      sessions: this.#sessions,
      former: this.#former,
    };
  }
}
