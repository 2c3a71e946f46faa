import type { PeerAddress } from '../base/peer-address.js';
import { now } from '../driver/clock.js';
import type { DTLSSession } from '../driver/session.js';
import { noRoom, textOf } from './errors.js';
import type { QueueBudget } from './message-queue.js';
import type { DgramTarget } from './options.js';
import { type DgramDropReason, Peer, type PeerHandlers, type Waiting } from './peer.js';
import type { SendCallback } from './send-arguments.js';

/** After a failed handshake no other begins with that peer for this long, ms: messages get the error of the first. */
const RETRY_AFTER = 1000;
/**
 * A client that has gone is remembered for this long, ms: answers to it are lost, and begin no session. It is longer than
 * an exchange of CoAP (RFC 7252 §4.8.2).
 */
const REMEMBER_DEPARTED = 300_000;
const MAX_DEPARTED = 4096;
/** How often the table is swept, ms. */
const MIN_SWEEP = 100;
const MAX_SWEEP = 15_000;

export interface PeersSettings {
  readonly idleTimeout: number;
  readonly maxClientSessions: number;
  readonly maxQueuedBytes: number;
  readonly maxQueuedBytesInAll: number;
}

export interface PeersHandlers extends Omit<PeerHandlers, 'onOpen' | 'onDrop' | 'onUnsent'> {
  /** Begins a session; `undefined` where this socket begins none. Throws where none can begin. */
  begin: ((target: DgramTarget) => DTLSSession) | undefined;
  /** The session of `peer` has its handlers; its handshake is under way. */
  onSession(peer: Peer, session: DTLSSession): void;
  onOpen(peer: Peer): void;
  onDrop(where: PeerAddress, reason: DgramDropReason): void;
}

/**
 * The sessions of a socket by the addresses of their peers. A session that clients begin has its limits in the endpoint;
 * one that begins here is closed when it is idle, and for another one on a full table.
 */
export class Peers {
  readonly #settings: PeersSettings;
  readonly #handlers: PeersHandlers;
  readonly #byAddress = new Map<string, Peer>();
  /** Of messages that wait for handshakes, and those that wait for look-ups. */
  readonly budget: QueueBudget;
  /** Addresses of clients that have gone, and when; the oldest first. */
  readonly #departed = new Map<string, number>();
  /** Of clients of this socket. */
  #begun = 0;
  #opening = 0;
  #sweeper: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(settings: PeersSettings, handlers: PeersHandlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.budget = { limit: settings.maxQueuedBytesInAll, held: 0 };
  }

  /** Handshakes that are under way. */
  get opening(): number {
    return this.#opening;
  }

  find(where: PeerAddress): Peer | undefined {
    return this.#byAddress.get(keyOf(where));
  }

  /** `callback` is called once, later. `name`: the host name by which the caller knows the peer. */
  send(
    data: Uint8Array,
    where: PeerAddress,
    name: string | undefined,
    callback: SendCallback | undefined,
  ): void {
    const peer = this.reach(
      where,
      name,
      callback === undefined ? undefined : (e) => callback(e, e === null ? data.length : 0),
    );
    peer?.send(data, name, callback);
  }

  /**
   * The peer at that address: with its session, or with one that begins now. `undefined` where none begins: then `lost`
   * is called, later, with an error or with `null` where nothing is wrong with a loss.
   */
  reach(
    where: PeerAddress,
    name: string | undefined,
    lost: ((error: Error | null) => void) | undefined,
  ): Peer | undefined {
    const key = keyOf(where);
    const known = this.#byAddress.get(key);
    if (known !== undefined && this.#isUsable(known)) return known;
    if (known !== undefined) this.#leave(known);
    if (this.#handlers.begin === undefined || this.#departed.has(key)) {
      this.#lose(where, 'no_session', null, lost);
      return;
    }
    if (this.#begun >= this.#settings.maxClientSessions && !this.#makeRoom()) {
      this.#lose(where, 'too_many_sessions', noRoom('maxClientSessions', textOf(where)), lost);
      return;
    }
    const peer = this.#addClient(where, name);
    this.#begin(peer, name);
    return peer;
  }

  #addClient(where: PeerAddress, name: string | undefined): Peer {
    const peer = this.#add(where, 'client');
    if (name !== undefined) peer.names.add(name);
    this.#begun++;
    this.#register(keyOf(where), peer);
    this.#sweepLater();
    return peer;
  }

  #begin(peer: Peer, host: string | undefined): void {
    const { address, port } = peer.where;
    try {
      const session = this.#handlers.begin?.({ address, port, host });
      if (session === undefined) return;
      peer.attach(session);
      this.#handlers.onSession(peer, session);
    } catch (error) {
      peer.fail(error as Error);
    }
  }

  /**
   * The application closes the session of `peer`, and sends on: that waits until the session is over, some seconds at
   * most, and then another one begins.
   */
  #onUnsent(peer: Peer, { data, name, callback }: Waiting): boolean {
    const { session, where } = peer;
    const isCurrent = this.#byAddress.get(keyOf(where)) === peer;
    if (session === undefined || peer.role === 'server' || !isCurrent) return false;
    const next = this.#addClient(where, name);
    const begin = (): void => {
      if (!this.#isStopped && this.#byAddress.get(keyOf(where)) === next) this.#begin(next, name);
    };
    session.close().then(begin, begin);
    next.send(data, name, callback);
    return true;
  }

  /**
   * A client's handshake has begun. Until it is done an open session with its address goes on, and so does one that
   * begins here: both sides may have begun at once.
   */
  accept(session: DTLSSession, where: PeerAddress): Peer {
    const peer = this.#add(where, 'server');
    const key = keyOf(where);
    const known = this.#byAddress.get(key);
    const goesOn = known?.isOpen === true || (known?.isOpening === true && known.role === 'client');
    if (!goesOn) this.#register(key, peer);
    peer.attach(session);
    return peer;
  }

  /** The application names this peer: it is no client that has gone. */
  recall(where: PeerAddress): void {
    const key = keyOf(where);
    const known = this.#byAddress.get(key);
    if (known !== undefined && !this.#isUsable(known)) this.#forget(known);
    this.#departed.delete(key);
  }

  /** Messages that wait get `error`, and no other session begins. */
  stop(error: Error): void {
    this.#stopSweeping();
    this.#isStopped = true;
    for (const peer of this.#byAddress.values()) peer.abandon(error);
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #add(where: PeerAddress, role: Peer['role']): Peer {
    this.#opening++;
    let isOpening = true;
    const opened = (): void => {
      if (isOpening) this.#opening--;
      isOpening = false;
    };
    const handlers = this.#handlers;
    return new Peer(where, role, this.#settings.maxQueuedBytes, this.budget, {
      onOpen: (peer) => {
        opened();
        if (peer.role === 'server') this.#register(keyOf(where), peer);
        handlers.onOpen(peer);
      },
      onMessage: handlers.onMessage,
      onError: handlers.onError,
      onEnd: (peer) => {
        opened();
        this.#onEnd(peer);
        handlers.onEnd(peer);
      },
      onDrop: (peer, reason) => handlers.onDrop(peer.where, reason),
      onUnsent: (peer, message) => this.#onUnsent(peer, message),
      onWaiting: handlers.onWaiting,
    });
  }

  /** A failed peer stays for a moment: see RETRY_AFTER. */
  #isUsable(peer: Peer): boolean {
    if (peer.isOpen || peer.isOpening) return true;
    return peer.failure !== undefined && now() - peer.failedAt < RETRY_AFTER;
  }

  #register(key: string, peer: Peer): void {
    const before = this.#byAddress.get(key);
    if (before === peer) return;
    if (before !== undefined) this.#forget(before);
    if (before?.isOpen === true) before.displace();
    this.#departed.delete(key);
    this.#byAddress.set(key, peer);
    if (before?.role === 'client' && peer.role === 'server') peer.takeOver(before);
  }

  #forget(peer: Peer): void {
    const key = keyOf(peer.where);
    if (this.#byAddress.get(key) !== peer) return;
    this.#byAddress.delete(key);
    if (peer.role === 'client') this.#begun--;
  }

  #onEnd(peer: Peer): void {
    const key = keyOf(peer.where);
    if (this.#byAddress.get(key) !== peer) return;
    if (peer.role === 'server' || peer.failure === undefined) this.#leave(peer);
  }

  /** Its session is over. */
  #leave(peer: Peer): void {
    this.#forget(peer);
    if (peer.role === 'server' && this.#handlers.begin !== undefined) this.#remember(keyOf(peer.where));
  }

  #remember(key: string): void {
    this.#departed.set(key, now());
    if (this.#departed.size > MAX_DEPARTED) {
      const [oldest] = this.#departed.keys();
      if (oldest !== undefined) this.#departed.delete(oldest);
    }
    this.#sweepLater();
  }

  /** Closes the session that was used least recently and has nothing to send. */
  #makeRoom(): boolean {
    let least: Peer | undefined;
    for (const peer of this.#byAddress.values()) {
      if (peer.role !== 'client' || peer.hasWaiting) continue;
      if (least === undefined || peer.usedAt < least.usedAt) least = peer;
    }
    if (least === undefined) return false;
    this.#close(least);
    return true;
  }

  #close(peer: Peer): void {
    this.#forget(peer);
    // Not `close`, which leaves the address in use until the peer has answered; the peer gets close_notify all the same.
    peer.session?.destroy();
  }

  #lose(
    where: PeerAddress,
    reason: DgramDropReason,
    error: Error | null,
    lost: ((error: Error | null) => void) | undefined,
  ): undefined {
    this.#handlers.onDrop(where, reason);
    if (lost !== undefined) process.nextTick(lost, error);
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined) return;
    const { idleTimeout } = this.#settings;
    const period = idleTimeout === 0 ? MAX_SWEEP : idleTimeout / 4;
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(Math.max(period, MIN_SWEEP), MAX_SWEEP));
    this.#sweeper.unref();
  }

  #sweep(): void {
    const instant = now();
    const { idleTimeout } = this.#settings;
    for (const peer of this.#byAddress.values()) {
      if (peer.role !== 'client') continue;
      const isIdle = peer.isOpen && idleTimeout > 0 && instant - peer.usedAt >= idleTimeout;
      if (isIdle || !this.#isUsable(peer)) this.#close(peer);
    }
    for (const [key, leftAt] of this.#departed) {
      if (instant - leftAt < REMEMBER_DEPARTED) break;
      this.#departed.delete(key);
    }
    if (this.#begun === 0 && this.#departed.size === 0) this.#stopSweeping();
  }
}

function keyOf({ address, port }: PeerAddress): string {
  return `${address}|${port}`;
}
