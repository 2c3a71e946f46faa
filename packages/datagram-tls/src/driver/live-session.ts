import type { KeyObject, X509Certificate } from 'node:crypto';
import { invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { encodeSession } from '../config/saved-session.js';
import type { Connection } from '../connection/connection.js';
import { rebindError } from '../connection/errors.js';
import type { ConnectionEvent } from '../connection/events.js';
import { isOpen } from '../connection/life.js';
import { type ConnectionEntry, mayStillRefuse } from '../endpoint/connection-entry.js';
import type { Session } from '../handshake/session.js';
import { keylogLine } from '../keys/keylog.js';
import type { Version } from '../wire/codes.js';
import { type AddressChange, type JudgeAddress, tellChange } from './address-change.js';
import { toBytes } from './arguments.js';
import { toBuffer, withBuffers } from './buffers.js';
import { asError, asThrown, explained, type HeldEvents } from './callbacks.js';
import { tellDrop, tellEnd, tellError, tellOpen } from './channels.js';
import { warnOfTicketKeys } from './debug.js';
import { Deferred } from './deferred.js';
import { attempt, throwLater } from './guard.js';
import { Inbox, type InboxHost } from './inbox.js';
import { platform } from './platform.js';
import type { Port } from './port.js';
import type { Lineage } from './sealed-state.js';
import { Sender, type SenderHost } from './sender.js';
import type { SessionEndpoint, SharedBySessions } from './session-endpoint.js';
import { type Attached, type FinalState, finalStateOf, notOpen, SessionLife } from './session-life.js';
import { SessionStates } from './session-states.js';
import type { DTLSSessionStats, LiveStats, SessionSource } from './stats.js';
import { Streams } from './streams.js';

/** How long what was on its way to a former address is read, ms. */
const FORMER_LINGER = 3000;

/** What the inside of a session uses of its outside. */
interface Owner {
  readonly endpoint: SessionEndpoint;
  readonly destroyed: boolean;
  readonly pskIdentity: string | undefined;
  readonly onmigrate: ((change: AddressChange) => unknown) | undefined;
}

/** The inside of a session: its association, its handlers, what becomes of its events, and its end. */
export class LiveSession<S extends Owner> implements InboxHost, SenderHost {
  readonly #owner: S;
  readonly shared: SharedBySessions<S>;
  readonly inbox: Inbox;
  /** Client: the name it asks for. */
  readonly serverName: string | undefined;
  port: Port | undefined;
  /** `undefined` before the association begins and after the end. */
  entry: ConnectionEntry | undefined;
  /**
   * V8 keeps handlers in old space, and they refer to the session. So a session that is over keeps only this of its
   * connection.
   */
  finalState: FinalState | undefined;

  readonly life = new SessionLife();
  /** By `close`, so that no message arrives any more. */
  #isClosing = false;

  readonly sender = new Sender(this);
  /** Created on demand. */
  #streams: Streams | undefined;
  readonly #held: HeldEvents | undefined;

  /** Of {@link rebind}, until the peer is heard at the new address. */
  #rebinding: Deferred<void> | undefined;

  /** Created on demand, or with the state that it goes on from. */
  #states: SessionStates | undefined;

  stats: LiveStats<DTLSSessionStats> | undefined;
  saved: Buffer | undefined;
  certificate: X509Certificate | undefined;
  publicKey: KeyObject | undefined;

  onmessage: ((data: Buffer) => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  onhandshake: ((protocol: Version) => void) | undefined;
  onkeylog: ((line: string) => void) | undefined;
  ondrain: (() => void) | undefined;
  onend: (() => void) | undefined;
  onsession: ((saved: Buffer) => void) | undefined;
  onmigrate: OmitThisParameter<JudgeAddress<unknown>> | undefined;

  constructor(
    owner: S,
    shared: SharedBySessions<S>,
    serverName: string | undefined,
    held: HeldEvents | undefined,
  ) {
    this.#owner = owner;
    this.shared = shared;
    this.inbox = new Inbox(shared.inboxLimits, shared.unread, this);
    this.serverName = serverName;
    this.#held = held;
  }

  /** Its association exists from now on. */
  attach(port: Port, entry: ConnectionEntry): void {
    this.port = port;
    this.entry = entry;
  }

  /** It goes on from a state of this lineage. */
  goOn(lineage: Lineage): void {
    this.#states = new SessionStates(lineage);
  }

  /** Of the inbox. */
  onDrop(): void {
    tellDrop(this.#owner, 'slow_reader');
  }

  onSendError(error: Error): void {
    this.sender.onError(error);
    tellDrop(this.#owner, 'send_failed');
  }

  /** The transport has ended, which does no harm to a session that is closing. */
  cut(error: Error): void {
    if (this.life.isClosing) this.finish();
    else this.fail(error);
  }

  get isOver(): boolean {
    return this.life.isOver;
  }

  get localAddress(): PeerAddress | undefined {
    return this.entry === undefined ? this.finalState?.local : this.port?.localAddress;
  }

  close(): Promise<void> {
    if (this.isOver) return this.life.closed;
    this.life.startClosing();
    this.#isClosing = true;
    const { entry } = this;
    if (entry !== undefined) this.port?.closeEntry(entry);
    if (entry === undefined || !mayStillRefuse(entry)) this.finish();
    return this.life.closed;
  }

  destroy(error: Error | undefined): void {
    if (this.isOver) return;
    const { entry } = this;
    this.finish(error);
    if (entry !== undefined) this.port?.abandonEntry(entry);
  }

  /** `undefined` before the handshake is done and after the end. */
  get session(): Session | undefined {
    return this.entry?.connection.session;
  }

  /** Throws before the association begins and after the end. */
  get reached(): Attached {
    if (this.entry === undefined || this.port === undefined) throw notOpen();
    return { port: this.port, entry: this.entry };
  }

  /** Messages that nobody has read, which leave with the session. */
  takeUnread(): Uint8Array[] {
    return [...this.inbox.takeAll(), ...(this.#held?.takeMessages() ?? [])];
  }

  /** The same for one that is open. */
  get open(): Attached {
    const { reached } = this;
    if (!isOpen({ at: reached.entry.connection.phase })) throw notOpen();
    return reached;
  }

  /** Goes on from a fresh socket; the promise is of the first record of the peer there. */
  rebind(): Promise<void> {
    const { port, entry } = this.open;
    if (this.#rebinding !== undefined) return this.#rebinding.promise;
    if (entry.role === 'server' || !this.shared.isAlone()) throw rebindError('NOT_ALONE');
    const former = port.rebind(entry);
    this.#rebinding = new Deferred<void>();
    const { promise } = this.#rebinding;
    const forget = (): void => port.forgetFormer(former);
    promise.then(() => setTimeout(forget, FORMER_LINGER).unref(), forget);
    return promise;
  }

  #onRebound(): void {
    this.#rebinding?.resolve();
    this.#rebinding = undefined;
  }

  get givenStates(): SessionStates {
    this.#states ??= new SessionStates(undefined);
    return this.#states;
  }

  /** Closes our direction; resolves when that is done, or when the session is over where the other one ends, too. */
  #endSending(): Promise<void> {
    const entry = this.entry;
    if (entry === undefined || this.port === undefined) return this.close();
    if (!this.life.startClosing()) return this.life.closed;
    return this.port.closeSending(entry) ? Promise.resolve() : this.life.closed;
  }

  get streamed(): Streams {
    this.#streams ??= new Streams(this.inbox, this.life, {
      opened: this.life.opened,
      offer: (message) => this.sender.offer(toBytes(message), this.life.isClosing),
      hasRoom: () => this.sender.hasRoom(),
      endSending: () => this.#endSending(),
      close: () => this.close(),
      destroy: (error) => this.destroy(error),
    });
    return this.#streams;
  }

  /** What its statistics are read from. */
  get counts(): SessionSource {
    return {
      times: this.life,
      counters: this.lastState?.counters,
      ownDrops: { ...this.sender.drops, slow_reader: this.inbox.dropped },
    };
  }

  get lastState(): Pick<Connection, 'counters' | 'earlyData'> | undefined {
    return this.entry?.connection ?? this.finalState;
  }

  #onMessage(data: Buffer): void {
    this.inbox.push(data);
    this.onmessage?.(data);
  }

  onEvent(event: ConnectionEvent): void {
    if (this.#held?.isHolding === true) {
      const tell = (): void => (this.isOver ? undefined : this.onEvent(event));
      return this.#held.add(tell, event.type === 'message' ? event.data : undefined);
    }
    switch (event.type) {
      case 'message':
        return this.isOver || this.#isClosing ? undefined : this.#onMessage(toBuffer(event.data));
      case 'early-data':
        if (!this.isOver && !this.life.isClosing) this.shared.onEarlyData(toBuffer(event.data), this.#owner);
        return;
      case 'connected':
        this.life.open(event.session.version);
        tellOpen(this.#owner, event.session.version);
        return this.onhandshake?.(event.session.version);
      case 'acknowledged':
        return this.#isClosing ? this.finish() : undefined;
      case 'ticket':
        if (this.isOver) return;
        this.saved = toBuffer(encodeSession(platform.provider, event.ticket, Date.now()));
        return this.onsession?.(this.saved);
      case 'rebound':
        return this.#onRebound();
      case 'checkpoint-due':
        return this.#states?.renew();
      case 'ticket-keys-failed':
        return warnOfTicketKeys(event.error);
      case 'secret':
        return this.#onSecret(keylogLine(event.label, event.clientRandom, event.secret));
      case 'trace':
        return this.shared.trace?.(event.event, this.#owner);
      case 'migrated':
        if (this.isOver) return;
        return tellChange(this.#owner, this.reached, event, (thrown) => this.#onCallbackFailed(thrown));
      case 'peer-closed':
        this.inbox.end();
        return this.onend?.();
      case 'closed':
        if (event.error === undefined) return this.finish();
        return this.fail(asThrown(withBuffers(explained(event.error, this.sender.error))));
      case 'answered':
      case 'job':
      case 'keep-session':
      case 'forget-session':
        // The port has done it.
        return;
    }
  }

  /** As in node:dtls an exception of this handler is the error of the session. */
  #onSecret(line: string): void {
    // A flight has several secrets: after an exception the handler is not asked again.
    if (!this.isOver)
      attempt(
        () => this.onkeylog?.(line),
        (thrown) => this.#onCallbackFailed(thrown),
      );
  }

  #onCallbackFailed(thrown: unknown): void {
    if (this.breakOff(thrown) === 'late') throwLater(thrown);
  }

  /**
   * A callback of the application failed, and with it the session. `heard`: the application knows the error, because
   * it is the session's own, or from `onerror`; `unheard`: there is no `onerror`; `late`: the session was over.
   */
  breakOff(thrown: unknown): 'heard' | 'unheard' | 'late' {
    if (this.life.hasTold(thrown)) return 'heard';
    if (this.isOver) return 'late';
    const entry = this.entry;
    const isHeard = this.onerror !== undefined;
    try {
      this.fail(asError(thrown));
    } finally {
      if (entry !== undefined) this.port?.abandonEntry(entry);
    }
    return isHeard ? 'heard' : 'unheard';
  }

  /** `closed` resolves all the same, as in node:dtls: it rejects only after `destroy(error)`. */
  fail(error: Error): void {
    if (this.isOver) return;
    if (this.#held?.isHolding === true) return this.#held.add(() => this.fail(error));
    this.life.failure = error;
    tellError(this.#owner, error);
    try {
      this.onerror?.(error);
    } finally {
      this.life.rejectOpened(error);
      this.finish();
    }
  }

  finish(error?: Error): void {
    if (this.isOver) return;
    const failed = this.life.failure !== undefined;
    this.life.end(error);
    const { failure } = this.life;
    if (this.entry !== undefined)
      this.finalState = finalStateOf(this.entry, this.localAddress, this.#owner.pskIdentity);
    this.entry = undefined;
    this.stats?.freeze();
    this.#states?.end();
    this.#rebinding?.reject(
      failure ?? invalidState('Session was over before its peer was heard at the new address'),
    );
    this.sender.end();
    this.inbox.end(failure);
    this.inbox.leave();
    this.#streams?.end(failure);
    tellEnd(this.#owner, failure);
    this.shared.onEnd(this.#owner, { began: this.port !== undefined, failed });
  }
}
