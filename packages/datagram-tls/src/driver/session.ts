import { invalidState } from '../base/errors.js';
import { checkBoolean } from '../config/checks.js';
import { encodeSession } from '../config/saved-session.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import type { PeerAddress } from '../endpoint/peer.js';
import { exportKeyingMaterial, type Session } from '../handshake/session.js';
import { keylogLine } from '../keys/keylog.js';
import type { Version } from '../wire/codes.js';
import { Announced, HANDLERS } from './announced.js';
import { checkExport, toBytes } from './arguments.js';
import { Handlers, type SessionHandlers } from './handlers.js';
import { Inbox } from './inbox.js';
import { asThrown, explained, type FinalState, finalStateOf, Life } from './life.js';
import { OUTCOME, type Outcome } from './negotiated.js';
import { platform } from './platform.js';
import type { SessionControl, SessionEndpoint, SessionOwner } from './session-owner.js';
import { type DTLSSessionStats, type SessionDrops, sessionDrops } from './stats.js';

const MAKE = Symbol('make');

/** One association with one peer. Made by `connect`, and given to the callback of `listen`. */
export class DTLSSession extends Announced<DTLSSession> implements AsyncIterable<Uint8Array> {
  readonly #owner: SessionOwner<DTLSSession>;
  readonly #life = new Life();
  readonly #handlers = new Handlers<DTLSSession>(this);
  readonly #inbox: Inbox;
  readonly #serverName: string | undefined;
  #sendError: Error | undefined;
  #sendFailures = 0;
  /** Messages given to `send` when the peer had closed already. */
  #unsent = 0;
  /** Messages given to `send` while too much waited for the socket. */
  #unqueued = 0;
  #entry: ConnectionEntry | undefined;
  #remains: FinalState | undefined;
  #saved: Buffer | undefined;

  constructor(
    token: typeof MAKE,
    owner: SessionOwner<DTLSSession>,
    entry: ConnectionEntry | undefined,
    serverName: string | undefined,
  ) {
    if (token !== MAKE) throw new TypeError('Illegal constructor');
    super();
    this.#owner = owner;
    this.#inbox = new Inbox(owner.inboxLimits, owner.unread);
    this.#entry = entry;
    this.#serverName = serverName;
  }

  /** For the other objects of this library: a session, and where its events go. */
  static create(
    owner: SessionOwner<DTLSSession>,
    entry: ConnectionEntry | undefined,
    serverName: string | undefined,
  ): SessionControl<DTLSSession> {
    const session = new DTLSSession(MAKE, owner, entry, serverName);
    return {
      session,
      attach: (found) => {
        session.#entry = found;
      },
      onEvent: (event) => session.#onEvent(event),
      onSendError: (error) => {
        session.#sendError = error;
        session.#sendFailures++;
      },
      fail: (error) => session.#fail(error),
    };
  }

  /** Called with each message; the receiver owns the bytes. `undefined` clears it. */
  get onmessage(): SessionHandlers<DTLSSession>['onmessage'] | undefined {
    return this.#handlers.get('onmessage');
  }
  set onmessage(fn: SessionHandlers<DTLSSession>['onmessage'] | null | undefined) {
    this.#handlers.set('onmessage', fn);
    if (fn === null || fn === undefined) return;
    const waited = this.#inbox.handOver();
    if (waited.length > 0) process.nextTick(() => this.#deliverAll(waited));
  }

  /** Client: the last that `onsession` was called with; `undefined` before, and after the end. */
  get session(): Buffer | undefined {
    return this.#life.over ? undefined : this.#saved;
  }

  /** Resolves when the handshake is done; rejects when it fails. */
  get opened(): Promise<{ protocol: Version }> {
    return this.#life.opened.promise;
  }

  /** Resolves when the session is over; rejects only with the error given to `destroy`. */
  get closed(): Promise<void> {
    return this.#life.closed.promise;
  }

  get destroyed(): boolean {
    return this.#life.over;
  }

  get endpoint(): SessionEndpoint {
    return this.#owner.endpoint;
  }

  get remoteAddress(): PeerAddress | undefined {
    return this.#live?.peer;
  }

  /** Largest message that `send` takes now, bytes. It falls when the system refuses a datagram of that size. */
  get maxMessageSize(): number | undefined {
    const connection = this.#live?.connection;
    const sends = connection !== undefined && (this.#session !== undefined || connection.maySend);
    return sends ? connection.maxMessageSize : undefined;
  }

  /**
   * How often records and messages were discarded, by reason: those of the connection, `slow_reader` for messages that
   * the application did not read in time (`maxUnreadBytes`), `peer_closed` for messages to a peer that had just closed, `send_failed` for datagrams
   * that the system refused, such as those too large for the path (of the smaller ones it is not asked), `send_queue_full` for messages
   * while as much waits for the socket as `maxSendQueue` allows.
   */
  get drops(): SessionDrops {
    return sessionDrops(this.#known?.counters.dropped, {
      send_failed: this.#sendFailures,
      slow_reader: this.#inbox.dropped,
      peer_closed: this.#unsent,
      send_queue_full: this.#unqueued,
    });
  }

  get stats(): DTLSSessionStats {
    return this.#life.stats(this.#known?.counters, this.#inbox.dropped + this.#unsent + this.#unqueued);
  }

  /**
   * Sends one message as one datagram and returns its length. Returns 0 when the peer has just closed, when more datagrams wait for
   * the socket than `maxSendQueue` allows, which is counted in `drops`, and when the keys have protected all they may, which ends the
   * session with `ERR_DTLS_KEY_LIMIT` (`onerror`). Throws `ERR_INVALID_STATE` before the handshake is done and after the end,
   * `ERR_OUT_OF_RANGE` when the message is larger than `maxMessageSize`, `ERR_INVALID_ARG_TYPE`.
   */
  send(data: string | ArrayBufferView): number {
    const bytes = toBytes(data);
    const entry = this.#live;
    if (entry === undefined) {
      throw invalidState(
        this.#life.over
          ? 'Session is destroyed'
          : 'Cannot send application data before the handshake completes',
      );
    }
    // The peer's close_notify is here, but the application has not been told yet: it could not know better.
    if (this.#session !== undefined && entry.connection.phase !== 'connected' && !this.#life.closing) {
      this.#unsent++;
      return 0;
    }
    if (!this.#owner.takes(bytes.length)) {
      this.#unqueued++;
      return 0;
    }
    return this.#owner.send(entry, bytes) ? bytes.length : 0;
  }

  /**
   * DTLS 1.3: goes over to new keys for sending; with `requestPeer`, the peer does the same. It happens by itself before
   * the keys have served their time. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS 1.2, and
   * `ERR_DTLS_KEY_LIMIT` when there are no keys after these: the session ends when they have protected all they may.
   * @see RFC 9147 §8
   */
  updateKeys({ requestPeer = false }: { requestPeer?: boolean } = {}): void {
    checkBoolean(requestPeer, 'requestPeer');
    const entry = this.#live;
    if (entry === undefined) throw invalidState('Session is not open');
    this.#owner.updateKeys(entry, requestPeer);
  }

  /** Says close_notify and waits a moment for the peer's. Before the handshake is done `opened` rejects. */
  close(): Promise<void> {
    if (this.#life.over || this.#life.closing) return this.closed;
    this.#life.onClosing();
    if (this.#entry === undefined) this.#finish();
    else this.#owner.close(this.#entry);
    return this.closed;
  }

  /** Ends at once, with close_notify if the handshake was done. `closed` rejects with `error` if there is one. */
  destroy(error?: Error): void {
    if (this.#life.over) return;
    const entry = this.#entry;
    this.#finish(error);
    if (entry !== undefined) this.#owner.abandon(entry);
  }

  /**
   * Keying material for another protocol (RFC 5705). `length`: 1 to 65536 bytes; an absent context differs from an
   * empty one. Throws `ERR_INVALID_STATE` unless the session is open.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Uint8Array {
    const session = this.#session;
    if (session === undefined) throw invalidState('Session is not open');
    checkExport(length, label, context);
    return exportKeyingMaterial(platform.provider, session, label, context, length);
  }

  /** Messages, from now on. Leaving the loop closes the session; `onmessage` goes on beside it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array, undefined> {
    if (this.#life.over) this.#inbox.end();
    return this.#inbox.iterate(() => void this.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  override get [HANDLERS](): Handlers<DTLSSession> {
    return this.#handlers;
  }

  override [OUTCOME](): Outcome {
    const earlyData = this.#known?.earlyData ?? 'none';
    return { session: this.#session, over: this.#life.over, serverName: this.#serverName, earlyData };
  }

  get #live(): ConnectionEntry | undefined {
    return this.#life.over ? undefined : this.#entry;
  }

  get #known(): FinalState | undefined {
    return this.#entry?.connection ?? this.#remains;
  }

  get #session(): Session | undefined {
    return this.#live?.connection.session;
  }

  /** One that throws does not keep the others from being delivered. */
  #deliverAll(messages: readonly Uint8Array[]): void {
    const [first, ...rest] = messages;
    if (first === undefined) return;
    if (rest.length > 0) process.nextTick(() => this.#deliverAll(rest));
    this.#handlers.message(first);
  }

  #onEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'message':
        if (this.#life.over) return;
        this.#inbox.push(event.data);
        this.#handlers.message(event.data);
        return;
      case 'early-data':
        if (!this.#life.over && !this.#life.closing) this.#owner.onEarlyData(event.data, this);
        return;
      case 'connected':
        this.#life.onConnected(event.session.version);
        this.#handlers.handshake(event.session.version);
        return;
      case 'ticket':
        this.#saved = Buffer.from(encodeSession(platform.provider, event.ticket, Date.now()));
        this.#handlers.session(this.#saved);
        return;
      case 'ticket-keys-failed':
        this.#owner.onTicketKeysFailed(event.error);
        return;
      case 'secret':
        this.#handlers.keylog(() => keylogLine(event.label, event.clientRandom, event.secret));
        return;
      case 'trace':
        this.#owner.trace?.(event.event, this);
        return;
      case 'peer-closed':
        this.#inbox.end();
        this.#handlers.end();
        return;
      case 'closed':
        if (event.error === undefined) this.#finish();
        else this.#fail(asThrown(explained(event.error, this.#sendError)));
        return;
      case 'job':
        // The port has answered it.
        return;
    }
  }

  /** `closed` resolves all the same, as in node:dtls: it rejects only for `destroy(error)`. */
  #fail(error: Error): void {
    if (this.#life.over) return;
    try {
      this.#handlers.error(error);
    } finally {
      this.#life.notOpened(error);
      this.#finish();
    }
  }

  #finish(error?: Error): void {
    if (this.#life.over) return;
    this.#life.onOver(error);
    this.#remains = finalStateOf(this.#entry);
    this.#entry = undefined;
    this.#inbox.end();
    this.#inbox.leave();
    this.#owner.release(this);
  }
}
