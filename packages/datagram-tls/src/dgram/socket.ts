import { type BindOptions, type createSocket, Socket as PlainUdpSocket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { type AddressInfo, isIP } from 'node:net';
import { invalidArgType, invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { checkFunction, checkString } from '../config/checks.js';
import { DTLSEndpoint } from '../driver/endpoint.js';
import { attempt, throwLater } from '../driver/guard.js';
import { listen } from '../driver/listen.js';
import type { DTLSSession } from '../driver/session.js';
import { isFromTheNetwork } from '../driver/udp.js';
import {
  alreadyConnected,
  bindsLater,
  isGroup,
  noMulticast,
  noRoom,
  notConnected,
  notProved,
  notRunning,
  textOf,
} from './errors.js';
import { LookUps, type Unaddressed } from './look-ups.js';
import {
  checkLookup,
  checkNumeric,
  type DgramSettings,
  type DgramTarget,
  readBindArguments,
  readBindSyncOptions,
  resolveSocketOptions,
} from './options.js';
import type { DgramDropReason, Peer } from './peer.js';
import { Peers } from './peers.js';
import { PlainSocket } from './plain-socket.js';
import { readPort, readSendArguments } from './send-arguments.js';

/** How long `close` waits for handshakes that have messages to send, ms. */
const LINGER = 5000;

/**
 * What a socket did not send, by reason.
 *
 * @example
 * ```ts
 * import { createSocket, type DgramDrops } from 'datagram-tls/dgram';
 *
 * const socket = createSocket({ type: 'udp4', dtls: { client: { ca } } });
 * const drops: DgramDrops = socket.drops;
 * ```
 */
export type DgramDrops = Readonly<Record<DgramDropReason, number>>;

/** The address of a peer, as `rinfo` of node:dgram. */
interface PeerInfo {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
}

/** As node:dgram's types have it. */
export type MessageListener = NonNullable<Parameters<typeof createSocket>[1]>;

/**
 * Objects that `instanceof dgram.Socket` accepts, without the handle of the system that its constructor opens. A class
 * that extends this has every method itself: the inherited ones would miss that handle.
 */
const Base = function (): object {
  return Reflect.construct(EventEmitter, [], new.target as unknown as typeof EventEmitter);
} as unknown as new () => EventEmitter;
Object.defineProperty(Base, 'prototype', { value: PlainUdpSocket.prototype });

/** The one peer of a socket after `connect`. */
interface Connection {
  /** An IP address or a host name. */
  readonly host: string;
  readonly port: number;
  /** `undefined` until a host name is looked up. */
  where: PeerAddress | undefined;
  /** By `connectSync`. */
  readonly isSync: boolean;
  /** Its handshake is done. */
  isDone: boolean;
  readonly fail: (error: Error) => void;
}

/** The class behind the public type `Socket`. */
export class DtlsSocket extends Base {
  readonly type: 'udp4' | 'udp6';
  readonly #plain: PlainSocket;
  readonly #settings: DgramSettings;
  readonly #peers: Peers;
  readonly #lookUps: LookUps;
  readonly #drops: Record<DgramDropReason, number> = {
    no_session: 0,
    queue_full: 0,
    too_many_sessions: 0,
    too_large: 0,
    no_handshake: 0,
  };
  #endpoint: DTLSEndpoint | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #isBinding = false;
  /** Set while `bind` runs. */
  #onBindFailure: ((error: Error) => void) | undefined;
  #whenBound: ((error: Error | undefined) => void)[] = [];
  #connection: Connection | undefined;
  /** The addresses of host names that sessions have, by name and port. */
  readonly #found = new Map<string, PeerAddress>();
  /** Messages that wait for a look-up or a handshake. */
  #waiting = 0;
  #isRef = true;
  #linger: NodeJS.Timeout | undefined;

  constructor(given: unknown, listener: MessageListener | undefined, dtls: DgramSettings | undefined) {
    super();
    const { plain, dtls: settings } = resolveSocketOptions(given, dtls);
    checkLookup(plain.lookup);
    if (listener !== undefined) checkFunction(listener, 'callback');
    checkSignal(plain.signal);
    this.type = plain.type;
    this.#settings = settings;
    this.#plain = new PlainSocket(plain);
    this.#peers = this.#makePeers();
    this.#lookUps = this.#makeLookUps();
    this.#plain.isWatched = () => this.#peers.opening > 0;
    this.#plain.udp.on('error', (error) => this.#onSystemError(error));
    this.#plain.udp.on('close', () => this.#onClosed());
    if (listener !== undefined) this.on('message', listener);
    this.#watch(plain.signal);
  }

  /** What was not sent, by reason. Datagrams that are lost on the way are not counted. */
  get drops(): DgramDrops {
    return { ...this.#drops };
  }

  /** The endpoint of the sessions, with its counters; `undefined` until the socket is bound. */
  get endpoint(): DTLSEndpoint | undefined {
    return this.#endpoint;
  }

  /** The session with an address, such as that of `rinfo`. */
  sessionWith(peer: { readonly address: string; readonly port: number }): DTLSSession | undefined {
    checkString(peer.address, 'peer.address');
    if (isIP(peer.address) === 0) return undefined;
    return this.#peers.find(this.#plain.peerAt(peer.address, peer.port))?.session;
  }

  bind(...given: unknown[]): this {
    this.#check();
    const { where, listener } = readBindArguments(given);
    const failure = this.#bindNow(where);
    if (listener !== undefined) this.#onceListening(listener);
    // Its users expect events after the call.
    if (failure !== undefined) process.nextTick(() => this.emit('error', failure));
    return this;
  }

  /** As in Node 24 and later: binds to an IP address, or throws the system's error, before it returns. */
  bindSync(options: { readonly port?: number; readonly address?: string } = {}): AddressInfo {
    this.#check();
    const failure = this.#bindNow(readBindSyncOptions(options));
    if (failure !== undefined) throw failure;
    if (this.#endpoint === undefined) throw bindsLater();
    return this.address();
  }

  /**
   * The socket has one peer from now on. Begins the session; `connect` is emitted when its handshake is done, and before
   * that messages wait.
   */
  connect(port: unknown, address?: unknown, listener?: unknown): void {
    const isShort = typeof address === 'function';
    const callback = (isShort ? address : listener) as ((error?: Error) => void) | undefined;
    this.#connectTo(port, isShort ? undefined : address, callback, false);
  }

  /** As in Node 24 and later, with an IP address. The session begins before it returns, and messages wait for it. */
  connectSync(port: unknown, address?: unknown): void {
    checkNumeric(address, 'address');
    if (this.#endpoint === undefined) this.bindSync();
    this.#connectTo(port, address, undefined, true);
  }

  disconnect(): void {
    if (this.#connected === undefined) throw notConnected();
    this.#connection = undefined;
  }

  remoteAddress(): AddressInfo {
    this.#check();
    const where = this.#connected;
    if (where === undefined) throw notConnected();
    return addressOf(where);
  }

  /**
   * Sends one message as one datagram, in all forms of node:dgram. Where there is no session one begins, and the message
   * waits for its handshake. The callback gets the error of the handshake or of the look-up, `EMSGSIZE` for a message that
   * fits no datagram, and `ENOBUFS` when too much waits. As with any datagram it does not learn of a loss.
   */
  send(...given: unknown[]): void {
    const connection = this.#connection;
    const { data, callback, ...to } = readSendArguments(given, connection !== undefined);
    this.#check();
    const { host, port } = connection ?? { host: to.address ?? this.#plain.loopback, port: to.port };
    const name = isIP(host) === 0 ? host : undefined;
    const where = name === undefined ? this.#plain.peerAt(host, port) : this.#found.get(`${name}|${port}`);
    if (this.#endpoint !== undefined && where !== undefined) this.#peers.send(data, where, name, callback);
    else this.#sendLater(host, { data, port, callback });
  }

  sendto(...given: unknown[]): void {
    this.send(...given);
  }

  /** Sends what waits for handshakes, for at most five seconds, ends all sessions, and emits `close`. */
  close(listener?: () => void): this {
    if (typeof listener === 'function') this.on('close', listener);
    this.#check();
    this.#state = 'closing';
    if (this.#waiting === 0) this.#finish();
    else this.#linger = setTimeout(() => this.#finish(), LINGER);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#plain.isOpen) return;
    await new Promise<void>((resolve) => {
      this.once('close', resolve);
      if (this.#state === 'open') this.close();
    });
  }

  address(): AddressInfo {
    return this.#udp.address();
  }

  ref(): this {
    this.#isRef = true;
    this.#hold();
    return this;
  }

  /** A message that waits keeps the process running all the same, until its callback. */
  unref(): this {
    this.#isRef = false;
    this.#hold();
    return this;
  }

  setBroadcast(flag: boolean): void {
    this.#udp.setBroadcast(flag);
  }

  setTTL(ttl: number): number {
    return this.#udp.setTTL(ttl);
  }

  setMulticastTTL(ttl: number): number {
    return this.#udp.setMulticastTTL(ttl);
  }

  setMulticastLoopback(flag: boolean): boolean {
    return this.#udp.setMulticastLoopback(flag);
  }

  setMulticastInterface(name: string): void {
    this.#udp.setMulticastInterface(name);
  }

  addMembership(): never {
    throw noMulticast('addMembership');
  }

  dropMembership(): never {
    throw noMulticast('dropMembership');
  }

  addSourceSpecificMembership(): never {
    throw noMulticast('addSourceSpecificMembership');
  }

  dropSourceSpecificMembership(): never {
    throw noMulticast('dropSourceSpecificMembership');
  }

  setRecvBufferSize(size: number): void {
    this.#udp.setRecvBufferSize(size);
  }

  setSendBufferSize(size: number): void {
    this.#udp.setSendBufferSize(size);
  }

  getRecvBufferSize(): number {
    return this.#udp.getRecvBufferSize();
  }

  getSendBufferSize(): number {
    return this.#udp.getSendBufferSize();
  }

  /** Bytes that wait for the system, and messages that wait for look-ups or handshakes, which cost 512 beside their length. */
  getSendQueueSize(): number {
    return this.#plain.bufferedAmount + this.#peers.budget.held;
  }

  getSendQueueCount(): number {
    return this.#plain.bufferedCount + this.#waiting;
  }

  #makePeers(): Peers {
    const { client } = this.#settings;
    return new Peers(this.#settings, {
      begin: client === undefined ? undefined : (target) => this.#begin(target, client),
      onSession: (peer, session) => this.#tell('session', session, addressOf(peer.where)),
      onOpen: (peer) => this.#onOpen(peer),
      onMessage: (peer, data) => this.#onMessage(peer, data),
      onError: (peer, error) => this.#onSessionError(peer, error),
      onEnd: (peer) => this.#onEnd(peer),
      onDrop: (where, reason) => this.#onDrop(reason, addressOf(where)),
      onWaiting: (change) => this.#wait(change),
    });
  }

  #makeLookUps(): LookUps {
    return new LookUps(this.#settings.maxQueuedBytes, this.#peers.budget, {
      locate: (host, located) => this.#locate(host, located),
      onFound: (host, address, messages) => {
        const name = isIP(host) === 0 ? host : undefined;
        for (const { data, port, callback } of messages) {
          const where = this.#plain.peerAt(address, port);
          this.#peers.send(data, where, name, callback);
          this.#noteName(where, name);
        }
      },
      onFailed: (error, messages) => {
        let isHeard = true;
        for (const { callback } of messages) {
          if (callback === undefined) isHeard = false;
          else process.nextTick(callback, error, 0);
        }
        // As node:dgram: a host that is not found is an error. That of a bind has been told.
        if (!isHeard && this.#endpoint !== undefined && this.#state === 'open') this.#tell('error', error);
      },
      onWaiting: (change) => this.#wait(change),
    });
  }

  /** A listener that throws is an uncaught exception, and what is under way is finished all the same. */
  #tell(event: string, ...args: readonly unknown[]): void {
    attempt(() => void this.emit(event, ...args), throwLater);
  }

  #onDrop(reason: DgramDropReason, peer: PeerInfo): void {
    this.#drops[reason]++;
    this.#tell('drop', reason, peer);
  }

  /** A name that a peer answers to is not looked up again while its session lasts. */
  #noteName(where: PeerAddress, name: string | undefined): void {
    if (name !== undefined && this.#peers.find(where)?.names.has(name) === true)
      this.#found.set(`${name}|${where.port}`, where);
  }

  #connectTo(
    port: unknown,
    address: unknown,
    callback: ((error?: Error) => void) | undefined,
    isSync: boolean,
  ): void {
    const checkedPort = readPort(port);
    const host = address ?? '';
    checkString(host, 'address');
    if (this.#connection !== undefined) throw alreadyConnected();
    this.#check();
    if (this.#settings.client === undefined)
      throw invalidState('connect() begins a session: give the socket options.dtls.client');
    if (typeof callback === 'function') this.once('connect', callback);
    const connection: Connection = {
      host: host === '' ? this.#plain.loopback : host,
      port: checkedPort,
      where: undefined,
      isSync,
      isDone: false,
      fail: (error) => this.#onConnectFailed(connection, callback, error),
    };
    this.#connection = connection;
    const located = (found: string | Error): void => {
      if (this.#connection !== connection || connection.where !== undefined) return;
      if (typeof found === 'string') this.#begun(connection, this.#plain.peerAt(found, checkedPort));
      else connection.fail(found);
    };
    attempt(() => this.#locate(connection.host, located), located);
  }

  /** The one peer, from `connect` on when the handshake is done, or from `connectSync` on. */
  get #connected(): PeerAddress | undefined {
    const { where, isDone, isSync } = this.#connection ?? {};
    return isDone === true || isSync === true ? where : undefined;
  }

  /** Returns the failure that is known at once. Throws what Node's socket refuses: a second bind, for example. */
  #bindNow(where: BindOptions): Error | undefined {
    const { udp } = this.#plain;
    udp.once('listening', this.#onListening);
    this.#isBinding = true;
    let failure: Error | undefined;
    this.#onBindFailure = (error) => {
      failure = error;
    };
    try {
      udp.bind(where);
    } catch (error) {
      udp.off('listening', this.#onListening);
      this.#isBinding = false;
      throw error;
    } finally {
      this.#onBindFailure = undefined;
    }
    return failure;
  }

  #check(): void {
    if (this.#state !== 'open') throw notRunning();
  }

  get #udp(): PlainUdpSocket {
    this.#check();
    return this.#plain.udp;
  }

  #watch(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const onAbort = (): void => {
      if (this.#state === 'open') this.close();
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', onAbort));
  }

  /** As in node:dgram the listener of a bind that fails is forgotten. */
  #onceListening(listener: () => void): void {
    const forget = (): void => {
      this.off('error', forget);
      this.off('listening', onListening);
    };
    const onListening = (): void => {
      forget();
      listener.call(this);
    };
    this.on('error', forget);
    this.on('listening', onListening);
  }

  /** Node's socket is bound. Its users expect the event after `bind` has returned. */
  readonly #onListening = (): void => {
    this.#isBinding = false;
    let failure: Error | undefined;
    try {
      this.#endpoint = this.#open();
      this.#hold();
    } catch (error) {
      failure = error as Error;
    }
    process.nextTick(() => {
      if (this.#state === 'closed') return;
      if (failure === undefined) this.emit('listening');
      else this.emit('error', failure);
    });
    this.#tellWaiting(failure);
  };

  #open(): DTLSEndpoint {
    const { endpoint, server } = this.#settings;
    const options = { ...endpoint, transport: this.#plain };
    return server === undefined
      ? new DTLSEndpoint(options)
      : listen((session) => this.#onClient(session), { ...options, secureContext: server });
  }

  #onSystemError(error: Error): void {
    if (!this.#isBinding) {
      // What the network says of datagrams can be forged, and must not end a process that listens for no errors.
      if (!isFromTheNetwork(error)) this.emit('error', error);
      return;
    }
    this.#isBinding = false;
    this.#plain.udp.off('listening', this.#onListening);
    if (this.#onBindFailure !== undefined) this.#onBindFailure(error);
    else this.emit('error', error);
    this.#tellWaiting(error);
  }

  #tellWaiting(error: Error | undefined): void {
    const waiting = this.#whenBound;
    this.#whenBound = [];
    for (const tell of waiting) tell(error);
  }

  /** Binds where that is still to be done. */
  #ready(then: (error: Error | undefined) => void): void {
    if (this.#endpoint !== undefined) {
      then(undefined);
      return;
    }
    this.#whenBound.push(then);
    if (!this.#isBinding) this.bind({ port: 0 });
  }

  /** The address of a host, when the socket is bound. */
  #locate(host: string, located: (found: string | Error) => void): void {
    this.#ready((error) => {
      if (error !== undefined) {
        located(error);
        return;
      }
      this.#plain.resolve(host, (failure, address) => {
        located(failure ?? (this.#endpoint?.destroyed === false ? address : notRunning()));
      });
    });
  }

  #sendLater(host: string, message: Unaddressed): void {
    const full = this.#lookUps.hold(host, message);
    if (full === undefined) return;
    this.#onDrop('queue_full', { address: host, family: familyOf(this.type), port: message.port });
    if (message.callback !== undefined) process.nextTick(message.callback, noRoom(full, host), 0);
  }

  #begun(connection: Connection, where: PeerAddress): void {
    connection.where = where;
    const name = isIP(connection.host) === 0 ? connection.host : undefined;
    this.#peers.recall(where);
    const peer = this.#peers.reach(where, name, (error) => connection.fail(error ?? notRunning()));
    this.#noteName(where, name);
    if (peer?.isOpen === true && !peer.isProved) process.nextTick(connection.fail, notProved(where));
    else if (peer?.isOpen === true) process.nextTick(() => this.#onConnected(connection));
    else if (peer?.failure !== undefined) process.nextTick(connection.fail, peer.failure);
  }

  #onConnected(connection: Connection): void {
    if (this.#connection !== connection || connection.isDone) return;
    connection.isDone = true;
    this.#tell('connect');
  }

  #onConnectFailed(connection: Connection, callback: unknown, error: Error): void {
    if (this.#connection !== connection || connection.isDone) return;
    this.#connection = undefined;
    if (typeof callback !== 'function') {
      if (this.#state === 'open') this.#tell('error', error);
      return;
    }
    this.off('connect', callback as () => void);
    attempt(() => void Reflect.apply(callback, this, [error]), throwLater);
  }

  #begin(target: DgramTarget, client: NonNullable<DgramSettings['client']>): DTLSSession {
    const { address, port, host } = target;
    if (isGroup(address)) throw noMulticast(`send to ${address}`);
    if (this.#endpoint === undefined) throw notRunning();
    const { secureContext, servername = host, session } = client(target);
    // What is sent counts as use, too: the table of peers looks after sessions that are idle.
    return this.#endpoint.connect(address, port, { secureContext, servername, session, idleTimeout: 0 });
  }

  #onClient(session: DTLSSession): void {
    const where = session.remoteAddress;
    if (where === undefined) return;
    const only = this.#connection;
    if (only !== undefined && (only.where === undefined || !isSame(only.where, where))) {
      // A connected socket has no other peer. That one may have begun at the same time.
      session.destroy();
      return;
    }
    this.#peers.accept(session, where);
    this.#tell('session', session, addressOf(where));
  }

  #onOpen(peer: Peer): void {
    const connection = this.#connection;
    if (connection?.where === undefined || !isSame(connection.where, peer.where)) return;
    if (peer.isProved) return this.#onConnected(connection);
    connection.fail(notProved(peer.where));
    peer.session?.destroy();
  }

  #onMessage({ where }: Peer, data: Uint8Array): void {
    if (this.#state !== 'open') return;
    const only = this.#connected;
    if (only !== undefined && !isSame(only, where)) return;
    const message = Buffer.from(data.buffer, data.byteOffset, data.length);
    this.#tell('message', message, { ...addressOf(where), size: message.length });
  }

  #onSessionError(peer: Peer, error: Error): void {
    this.#tell('sessionError', error, addressOf(peer.where));
    const connection = this.#connection;
    if (connection?.where !== undefined && isSame(connection.where, peer.where)) connection.fail(error);
  }

  #onEnd(peer: Peer): void {
    for (const name of peer.names) {
      const key = `${name}|${peer.where.port}`;
      const found = this.#found.get(key);
      if (found !== undefined && isSame(found, peer.where)) this.#found.delete(key);
    }
    const connection = this.#connection;
    if (connection?.where === undefined || !isSame(connection.where, peer.where)) return;
    connection.fail(
      invalidState(`The session with ${textOf(peer.where)} was closed before its handshake was done`),
    );
  }

  #wait(change: number): void {
    this.#waiting += change;
    this.#hold();
    if (this.#waiting === 0 && this.#state === 'closing') this.#finish();
  }

  #hold(): void {
    const needed = this.#isRef || this.#waiting > 0;
    for (const part of [this.#plain, this.#endpoint])
      if (needed) part?.ref();
      else part?.unref();
  }

  #finish(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#linger);
    this.#lookUps.stop(notRunning());
    this.#peers.stop(notRunning());
    // An endpoint that had no session leaves the socket open.
    const close = (): void => void this.#plain.close();
    if (this.#endpoint === undefined) close();
    else this.#endpoint.close().then(close, close);
  }

  #onClosed(): void {
    this.#state = 'closed';
    this.#tellWaiting(notRunning());
    this.emit('close');
  }
}

function familyOf(type: 'udp4' | 'udp6'): 'IPv4' | 'IPv6' {
  return type === 'udp6' ? 'IPv6' : 'IPv4';
}

function addressOf({ address, family, port }: PeerAddress): PeerInfo {
  return { address, family: family === 'IPv6' ? 'IPv6' : 'IPv4', port };
}

function isSame(one: PeerAddress, other: PeerAddress): boolean {
  return one.port === other.port && one.address === other.address;
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
}
