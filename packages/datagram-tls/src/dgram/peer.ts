import type { PeerAddress } from '../base/peer-address.js';
import type { Role } from '../config/config.js';
import { now } from '../driver/clock.js';
import type { DTLSSession } from '../driver/session.js';
import { messageTooLarge, noRoom, otherName, textOf } from './errors.js';
import { MessageQueue, type QueueBudget } from './message-queue.js';
import type { SendCallback } from './send-arguments.js';

/**
 * Why a message was not sent.
 *
 * @example
 * ```ts
 * import { createSocket, type DgramDropReason } from 'datagram-tls/dgram';
 *
 * const socket = createSocket({ type: 'udp4', dtls: { client: { ca } } });
 * socket.on('drop', (reason: DgramDropReason, peer) => console.warn(reason, peer.address));
 * ```
 */
export type DgramDropReason =
  /** The address has no session, and this socket begins none with it. */
  | 'no_session'
  /** The messages that wait for a look-up or a handshake reach `maxQueuedBytes`, or those of all peers `maxQueuedBytesInAll`. */
  | 'queue_full'
  /** As many sessions as `maxClientSessions` wait for their handshakes. */
  | 'too_many_sessions'
  /** It does not fit a datagram. */
  | 'too_large'
  /** The handshake failed, or the session is one with another name. */
  | 'no_handshake';

/** Host names by which one peer is known at most; a name beyond is checked, and looked up, for each message. */
const MAX_NAMES = 64;

/** A message for a session that is not open. */
export interface Waiting {
  readonly data: Uint8Array;
  readonly name: string | undefined;
  readonly callback: SendCallback | undefined;
}

export interface PeerHandlers {
  onOpen(peer: Peer): void;
  onMessage(peer: Peer, data: Uint8Array): void;
  /** The session failed; its handshake may be done. */
  onError(peer: Peer, error: Error): void;
  onEnd(peer: Peer): void;
  onDrop(peer: Peer, reason: DgramDropReason): void;
  /** The application ends the session. Returns whether the message waits for another one. */
  onUnsent(peer: Peer, message: Waiting): boolean;
  /** The number of messages that wait has changed by `change`. */
  onWaiting(change: number): void;
}

/** An address with a session, and the messages that wait until its handshake is done. */
export class Peer {
  readonly where: PeerAddress;
  readonly role: Role;
  /** Of the last message, either way; an instant of the monotonic clock. */
  usedAt = now();
  session: DTLSSession | undefined;
  readonly #handlers: PeerHandlers;
  /** Host names that this peer was found under and that its certificate has. */
  readonly names = new Set<string>();
  readonly #waiting: MessageQueue<Waiting>;
  #state: 'opening' | 'open' | 'over' = 'opening';
  /** Another session with the address has taken over: nothing more is told of this one. */
  #isReplaced = false;
  #isDisplaced = false;
  /** Why the handshake failed, and when. */
  #failure: Error | undefined;
  failedAt = 0;

  constructor(
    where: PeerAddress,
    role: Role,
    queueLimit: number,
    budget: QueueBudget,
    handlers: PeerHandlers,
  ) {
    this.where = where;
    this.role = role;
    this.#waiting = new MessageQueue(queueLimit, budget);
    this.#handlers = handlers;
  }

  get isOpen(): boolean {
    return this.#state === 'open' && this.session?.destroyed !== true;
  }

  get isOpening(): boolean {
    return this.#state === 'opening';
  }

  /** A client that proved nothing may be anybody. A session that began here is as the application asked. */
  get isProved(): boolean {
    return this.role === 'client' || this.session?.authorized === true;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** The handlers of `session` are this peer's from now on. */
  attach(session: DTLSSession): void {
    this.session = session;
    session.onmessage = (data) => {
      if (this.#isDisplaced) return;
      this.usedAt = now();
      this.#handlers.onMessage(this, data);
    };
    session.onhandshake = () => this.#onOpen();
    session.onerror = (error) => this.#onError(error);
    // Not within the promise: what listeners throw is an uncaught exception, as it is of any other event.
    const onEnd = (): void => process.nextTick(() => this.#onEnd());
    session.closed.then(onEnd, onEnd);
  }

  /**
   * Another peer has the address from now on, and would get the answers to this one. With connection IDs the session goes on
   * elsewhere if it is not ended; one without them is replaced by the endpoint.
   */
  displace(): void {
    this.#isDisplaced = true;
    process.nextTick(() => this.session?.destroy());
  }

  /** Sends what waits for `other`, a client of this socket: the peer began at the same time, and its handshake is done. */
  takeOver(other: Peer): void {
    for (const message of other.#giveUp()) {
      const full = this.#waiting.push(message);
      if (full === undefined) continue;
      this.#drop('queue_full', message.callback, noRoom(full, textOf(this.where)), 0);
      this.#handlers.onWaiting(-1);
    }
  }

  #giveUp(): readonly Waiting[] {
    if (this.#state !== 'opening') return [];
    this.#state = 'over';
    this.#isReplaced = true;
    return this.#waiting.takeAll();
  }

  /** The session could not begin. */
  fail(error: Error): void {
    this.#onError(error);
    this.#onEnd();
  }

  /** What waits gets `error`: the socket closes. */
  abandon(error: Error): void {
    this.#refuse(error);
  }

  /** `callback` is called once, later. `name`: the host name by which the caller knows the peer. */
  send(data: Uint8Array, name: string | undefined, callback: SendCallback | undefined): void {
    this.usedAt = now();
    if (this.#state === 'open') this.#sendNow({ data, name, callback });
    else if (this.#state === 'opening') this.#enqueue({ data, name, callback });
    else this.#drop('no_handshake', callback, this.#failure ?? null, data.length);
  }

  /** Whether the session is one with the host of that name, which several addresses may have, and several names one address. */
  #answersTo(name: string | undefined): boolean {
    if (name === undefined || this.names.has(name)) return true;
    if (!this.isProved) return false;
    const { session } = this;
    // A pre-shared key identifies the peer under any name, and without verification a name proves nothing.
    const certificate = session?.authorized === true ? session.peerX509Certificate : undefined;
    if (certificate !== undefined && certificate.checkHost(name) === undefined) return false;
    if (this.names.size < MAX_NAMES) this.names.add(name);
    return true;
  }

  #enqueue(message: Waiting): void {
    const full = this.#waiting.push(message);
    if (full === undefined) this.#handlers.onWaiting(1);
    else this.#drop('queue_full', message.callback, noRoom(full, textOf(this.where)), 0);
  }

  #sendNow({ data, name, callback }: Waiting): void {
    const { session } = this;
    if (session === undefined) return;
    if (!this.#answersTo(name))
      return this.#drop('no_handshake', callback, otherName(name ?? '', this.where), 0);
    const limit = session.maxMessageSize ?? Number.POSITIVE_INFINITY;
    if (data.length > limit)
      return this.#drop('too_large', callback, messageTooLarge(data.length, limit, this.where), 0);
    try {
      session.send(data);
    } catch {
      // The session is ending. Without another one the message is lost, as a datagram to a peer that has gone.
      if (this.#handlers.onUnsent(this, { data, name, callback })) return;
    }
    if (callback !== undefined) process.nextTick(callback, null, data.length);
  }

  #drop(
    reason: DgramDropReason,
    callback: SendCallback | undefined,
    error: Error | null,
    bytes: number,
  ): void {
    this.#handlers.onDrop(this, reason);
    if (callback !== undefined) process.nextTick(callback, error, bytes);
  }

  #onOpen(): void {
    this.#state = 'open';
    this.usedAt = now();
    this.#handlers.onOpen(this);
    const waiting = this.#waiting.takeAll();
    for (const message of waiting) this.#sendNow(message);
    this.#handlers.onWaiting(-waiting.length);
  }

  #onError(error: Error): void {
    if (this.#isReplaced) return;
    if (this.#state === 'opening') {
      this.#state = 'over';
      this.#failure = error;
      this.failedAt = now();
      this.#refuse(error);
    }
    this.#handlers.onError(this, error);
  }

  #onEnd(): void {
    // Closed, here or by the peer, before the handshake was done.
    if (this.#state === 'opening') this.#refuse(null);
    this.#state = 'over';
    this.#handlers.onEnd(this);
  }

  /** The handshake will not be done. Without an error the messages are lost, as datagrams to a closed port are. */
  #refuse(error: Error | null): void {
    const waiting = this.#waiting.takeAll();
    for (const { data, callback } of waiting)
      this.#drop('no_handshake', callback, error, error === null ? data.length : 0);
    this.#handlers.onWaiting(-waiting.length);
  }
}
