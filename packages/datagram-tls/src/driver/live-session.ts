import type { KeyObject, X509Certificate } from 'node:crypto';
import { type DTLSError, invalidState } from '../base/errors.js';
import type { Packed } from '../base/packed.js';
import type { PeerAddress } from '../base/peer-address.js';
import { encodeSession } from '../config/saved-session.js';
import { addressOf, type Connection, machineOf } from '../connection/connection.js';
import { rebindError } from '../connection/errors.js';
import type { ConnectionEvent } from '../connection/events.js';
import { isOpen } from '../connection/life.js';
import { ConnectionEntry, type Holder, mayStillRefuse } from '../endpoint/connection-entry.js';
import { dormantIn } from '../endpoint/endpoint.js';
import type { Session } from '../handshake/session.js';
import { keylogLine } from '../keys/keylog.js';
import type { Version } from '../wire/codes.js';
import { type AddressChange, type JudgeAddress, tellChange } from './address-change.js';
import { type Handler, toBytes } from './arguments.js';
import { toBuffer, withBuffers } from './buffers.js';
import { asError, asThrown, explained, type HeldEvents, inTurn } from './callbacks.js';
import { tellDrop, tellEnd, tellError, tellOpen } from './channels.js';
import { warnOfTicketKeys } from './debug.js';
import { Deferred } from './deferred.js';
import { attempt, throwLater } from './guard.js';
import { Inbox, type InboxHost } from './inbox.js';
import { platform } from './platform.js';
import type { Port } from './port.js';
import { type Lineage, packLineage, unpackLineage } from './sealed-state.js';
import { NOTHING_REFUSED, type Offered, offer, Sender, type SenderHost } from './sender.js';
import type { SessionEndpoint, SharedBySessions } from './session-endpoint.js';
import { type Attached, type FinalState, finalStateOf, notOpen, SessionLife } from './session-life.js';
import { SessionStates } from './session-states.js';
import { type DTLSSessionStats, type LiveStats, NOTHING_DROPPED, type SessionSource } from './stats.js';
import { Streams } from './streams.js';

/** How long what was on its way to a former address is read, ms. */
const FORMER_LINGER = 3000;

/** What the inside of a session uses of its outside. */
interface Owner {
  readonly endpoint: SessionEndpoint;
  readonly destroyed: boolean;
  readonly onmigrate: ((change: AddressChange) => unknown) | undefined;
}

/** What few sessions have, and those for a short time. */
class Extras {
  /** Client: the name it asks for. */
  serverName: string | undefined;
  held: HeldEvents | undefined;
  inbox: Inbox | undefined;
  sender: Sender | undefined;
  streams: Streams | undefined;
  /** By `close`, so that no message arrives any more. */
  isClosed: true | undefined;
  /** Of {@link LiveSession.rebind}, until the peer is heard at the new address. */
  rebinding: Deferred<void> | undefined;
  /**
   * V8 keeps handlers in old space, and they refer to the session. So a session that is over keeps only this of its
   * connection.
   */
  finalState: FinalState | undefined;
  stats: LiveStats<DTLSSessionStats> | undefined;
  saved: Buffer | undefined;
  certificate: X509Certificate | undefined;
  publicKey: KeyObject | undefined;
  onhandshake: ((protocol: Version) => void) | undefined;
  onkeylog: ((line: string) => void) | undefined;
  ondrain: (() => void) | undefined;
  onend: (() => void) | undefined;
  onsession: ((saved: Buffer) => void) | undefined;
  onmigrate: OmitThisParameter<JudgeAddress<unknown>> | undefined;
}

/**
 * The inside of a session: its association, its handlers, what becomes of its events, and its end. There may be a million
 * sessions, nearly all silent. So what is seldom used is made on first use, and no method has a private name: V8 would keep
 * a mark of the class in each object.
 */
export class LiveSession<S extends Owner> extends SessionLife implements Holder, InboxHost, SenderHost {
  readonly owner: S;
  readonly shared: SharedBySessions<S>;
  port: Port | undefined;
  /** `undefined` before the association begins and after the end; a number: its place among those without an entry. */
  #entry: ConnectionEntry | number | undefined;
  #onmessage: Handler<S, [data: Buffer]> | undefined;
  #onerror: Handler<S, [error: Error]> | undefined;
  /** Made on demand; before that, the lineage of the state that it goes on from. */
  #states: SessionStates | Packed | undefined;
  #extras: Extras | undefined;

  constructor(
    owner: S,
    shared: SharedBySessions<S>,
    serverName: string | undefined,
    held: HeldEvents | undefined,
  ) {
    super();
    this.owner = owner;
    this.shared = shared;
    if (serverName !== undefined) this.made.serverName = serverName;
    if (held === undefined) return;
    this.made.held = held;
    held.onReleased = () => this.forgetHeld();
  }

  /** What it has of {@link Extras}; to read. */
  get extras(): Readonly<Extras> {
    return this.#extras ?? NONE;
  }

  /** The same, to write. */
  get made(): Extras {
    this.#extras ??= new Extras();
    return this.#extras;
  }

  /** Nothing waits for its maker any more. */
  private forgetHeld(): void {
    const extras = this.made;
    extras.held = undefined;
    if (Object.values(extras).every((value) => value === undefined)) this.#extras = undefined;
    if (this.#entry instanceof ConnectionEntry) this.port?.look(this.#entry);
  }

  /** Of the peer. */
  get address(): PeerAddress | undefined {
    const { connection } = this;
    return connection === undefined ? this.extras.finalState?.peer : addressOf(connection);
  }

  /** As in node:dtls it reads back bound; it is bound when it is read, because each bound function takes memory. */
  get onmessage(): Handler<S, [data: Buffer]> | undefined {
    this.#onmessage = boundTo(this.owner, this.#onmessage);
    return this.#onmessage;
  }
  set onmessage(fn: Handler<S, [data: Buffer]> | undefined) {
    const { inbox } = this.extras;
    // A message that no handler takes any more is for nobody.
    if (fn === undefined && this.#onmessage !== undefined) this.inbox.handOver();
    this.#onmessage = fn;
    if (fn !== undefined && inbox !== undefined)
      inTurn(inbox.handOver(), (message) => this.#onmessage?.call(this.owner, message));
  }

  /** As {@link onmessage}. */
  get onerror(): Handler<S, [error: Error]> | undefined {
    this.#onerror = boundTo(this.owner, this.#onerror);
    return this.#onerror;
  }
  set onerror(fn: Handler<S, [error: Error]> | undefined) {
    this.#onerror = fn;
  }

  get ondrain(): (() => void) | undefined {
    return this.extras.ondrain;
  }

  /** Where messages wait. A handler needs none. */
  get inbox(): Inbox {
    const { made } = this;
    if (made.inbox === undefined) {
      made.inbox = new Inbox(this.shared.inboxLimits, this.shared.unread, this);
      if (this.isOver) made.inbox.end(this.failure);
    }
    return made.inbox;
  }

  get sender(): Sender {
    const { made } = this;
    made.sender ??= new Sender(this);
    return made.sender;
  }

  /** Its association exists from now on. */
  attach(port: Port, entry: ConnectionEntry): void {
    this.port = port;
    this.#entry = entry;
    if (this.extras.held === undefined) this.onSecretsHeard();
  }

  /** There is a handler for secrets, or none any more. Until then there was none, or all events were held for it. */
  onSecretsHeard(): void {
    const entry = this.#entry;
    if (entry instanceof ConnectionEntry && !entry.connection.hibernates)
      machineOf(entry.connection).tellsSecrets = this.extras.onkeylog !== undefined;
  }

  /** For what changes the association; `undefined` before it begins and after the end. */
  get entry(): ConnectionEntry | undefined {
    const { port } = this;
    if (typeof this.#entry === 'number' && port !== undefined)
      return dormantIn(port.core).recall(this.#entry);
    return this.#entry as ConnectionEntry | undefined;
  }

  /** The same to look at, of which nothing has to be made again. */
  get connection(): Connection | undefined {
    const { port } = this;
    if (typeof this.#entry === 'number' && port !== undefined) return dormantIn(port.core).look(this.#entry);
    return this.entry?.connection;
  }

  /** Nothing of this session refers to its entry, so that the endpoint may let go of that. */
  get mayLetGo(): boolean {
    // A session that is ending: the code that ends it refers to the entry, and calls the application meanwhile.
    if (this.isOver || this.isClosing || this.failure !== undefined) return false;
    // Its datagrams stay in order.
    if (this.#entry instanceof ConnectionEntry && this.port?.waits(this.#entry) === true) return false;
    const { held, sender, streams, rebinding, onmigrate } = this.extras;
    if (held !== undefined || sender !== undefined || streams !== undefined) return false;
    return rebinding === undefined && onmigrate === undefined && !(this.#states instanceof SessionStates);
  }

  onDormant(place: number): void {
    this.#entry = place;
  }

  onRecalled(entry: ConnectionEntry): void {
    if (!this.isOver) this.#entry = entry;
  }

  hibernate(): boolean {
    if (typeof this.#entry === 'number') return true;
    return this.#entry !== undefined && this.port?.hibernate(this.#entry) === true;
  }

  /** It goes on from a state of this lineage. */
  goOn(lineage: Lineage): void {
    this.#states = packLineage(lineage);
  }

  /** A message that finds no room is dropped and counted. */
  send(bytes: Uint8Array): Offered {
    const outcome = this.offer(bytes);
    if (outcome === 'full') this.sender.onFull();
    return outcome;
  }

  offer(bytes: Uint8Array): Offered {
    const outcome = offer(this, bytes);
    if (outcome === 'peer-closed') this.sender.onPeerClosed();
    return outcome;
  }

  get bufferedAmount(): number {
    // Of a session without an entry nothing waits.
    if (typeof this.#entry === 'number') return this.port?.socketBytes ?? 0;
    const { port, entry } = this;
    return entry === undefined ? 0 : (port?.bufferedAmount(entry) ?? 0);
  }

  /** Of the inbox. */
  onDrop(): void {
    tellDrop(this.owner, 'slow_reader');
  }

  onSendError(error: Error): void {
    this.sender.onError(error);
    tellDrop(this.owner, 'send_failed');
  }

  /** The transport has ended. A session that is closing does not fail by that. */
  cut(error: Error): void {
    if (this.isClosing) this.finish();
    else this.fail(error);
  }

  get localAddress(): PeerAddress | undefined {
    return this.#entry === undefined ? this.extras.finalState?.local : this.port?.localAddress;
  }

  close(): Promise<void> {
    if (this.isOver) return this.closed;
    this.startClosing();
    this.made.isClosed = true;
    const { entry } = this;
    if (entry !== undefined) this.port?.closeEntry(entry);
    if (entry === undefined || !mayStillRefuse(entry)) this.finish();
    return this.closed;
  }

  destroy(error: Error | undefined): void {
    if (this.isOver) return;
    const { entry } = this;
    this.finish(error);
    if (entry !== undefined) this.port?.abandonEntry(entry);
  }

  /** `undefined` before the handshake is done and after the end. */
  get session(): Session | undefined {
    return this.connection?.session;
  }

  protected get version(): Version | undefined {
    return this.session?.version ?? this.extras.finalState?.version;
  }

  /** Throws before the association begins and after the end. */
  get reached(): Attached {
    if (this.entry === undefined || this.port === undefined) throw notOpen();
    return { port: this.port, entry: this.entry };
  }

  /** Unread messages, which leave with the session. */
  takeUnread(): Uint8Array[] {
    const { inbox, held } = this.extras;
    return [...(inbox?.takeAll() ?? []), ...(held?.takeMessages() ?? [])];
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
    if (this.extras.rebinding !== undefined) return this.extras.rebinding.promise;
    if (entry.role === 'server' || !this.shared.isAlone()) throw rebindError('NOT_ALONE');
    const former = port.rebind(entry);
    this.made.rebinding = new Deferred<void>();
    const { promise } = this.made.rebinding;
    const forget = (): void => port.forgetFormer(former);
    promise.then(() => setTimeout(forget, FORMER_LINGER).unref(), forget);
    return promise;
  }

  private onRebound(): void {
    this.extras.rebinding?.resolve();
    this.made.rebinding = undefined;
  }

  get givenStates(): SessionStates {
    const states = this.#states;
    if (states instanceof SessionStates) return states;
    const made = new SessionStates(states && unpackLineage(states));
    this.#states = made;
    return made;
  }

  /** Closes our direction; resolves when that is done, or when the session is over where the other one ends, too. */
  private endSending(): Promise<void> {
    const entry = this.entry;
    if (entry === undefined || this.port === undefined) return this.close();
    if (!this.startClosing()) return this.closed;
    return this.port.closeSending(entry) ? Promise.resolve() : this.closed;
  }

  get streamed(): Streams {
    this.made.streams ??= new Streams(this.inbox, this, {
      opened: this.opened,
      offer: (message) => this.offer(toBytes(message)),
      hasRoom: () => this.sender.hasRoom(),
      endSending: () => this.endSending(),
      close: () => this.close(),
      destroy: (error) => this.destroy(error),
    });
    return this.made.streams;
  }

  /** What its statistics are read from. */
  get counts(): SessionSource {
    const { sender, inbox } = this.extras;
    return {
      times: this,
      counters: this.lastState?.counters,
      ownDrops:
        sender === undefined && inbox === undefined
          ? NOTHING_DROPPED
          : { ...(sender?.drops ?? NOTHING_REFUSED), slow_reader: inbox?.dropped ?? 0 },
    };
  }

  get lastState(): Pick<Connection, 'counters' | 'earlyData'> | undefined {
    return this.connection ?? this.extras.finalState;
  }

  private onMessage(data: Buffer): void {
    const { inbox } = this.extras;
    if (inbox !== undefined || this.#onmessage === undefined) this.inbox.push(data);
    this.#onmessage?.call(this.owner, data);
  }

  onEvent(event: ConnectionEvent): void {
    const { held } = this.extras;
    if (held?.isHolding === true) {
      const tell = (): void => (this.isOver ? undefined : this.onEvent(event));
      return held.add(tell, event.type === 'message' ? event.data : undefined);
    }
    switch (event.type) {
      case 'message':
        return this.isOver || this.wasClosed ? undefined : this.onMessage(toBuffer(event.data));
      case 'early-data':
        if (!this.isOver && !this.isClosing) this.shared.onEarlyData(toBuffer(event.data), this.owner);
        return;
      case 'connected':
        this.startOpen();
        tellOpen(this.owner, event.session.version);
        return this.extras.onhandshake?.(event.session.version);
      case 'acknowledged':
        return this.wasClosed ? this.finish() : undefined;
      case 'ticket':
        if (this.isOver) return;
        this.made.saved = toBuffer(encodeSession(platform.provider, event.ticket, Date.now()));
        return this.made.onsession?.(this.made.saved);
      case 'rebound':
        return this.onRebound();
      case 'checkpoint-due':
        return this.givenStates.renew();
      case 'ticket-keys-failed':
        return warnOfTicketKeys(event.error);
      case 'secret':
        return this.onSecret(event);
      case 'trace':
        return this.shared.trace?.(event.event, this.owner);
      case 'migrated':
        if (this.isOver) return;
        return tellChange(this.owner, this, event, (thrown) => this.onCallbackFailed(thrown));
      case 'peer-closed':
        // Readers see the end of a session whose other direction has ended, too, behind that.
        if (this.connection !== undefined && isOpen({ at: this.connection.phase })) this.inbox.end();
        return this.extras.onend?.();
      case 'closed':
        return this.onClosed(event.error);
      case 'answered':
      case 'job':
      case 'keep-session':
      case 'forget-session':
        // The port has done it.
        return;
    }
  }

  /**
   * One call from the system may read the end of a handshake, messages and close_notify, while promises are settled behind all of
   * them: what waits for `opened`, or reads messages, still finds the session open.
   */
  private onClosed(error: DTLSError | undefined): void {
    const end = (): void => {
      if (error === undefined) this.finish();
      else this.fail(asThrown(withBuffers(explained(error, this.extras.sender?.error))));
    };
    if (this.handshakeCompletedAt === 0 || this.isClosing) end();
    else setImmediate(end);
  }

  /** As in node:dtls an exception of this handler is the error of the session. */
  private onSecret({ label, clientRandom, secret }: Extract<ConnectionEvent, { type: 'secret' }>): void {
    const { onkeylog } = this.extras;
    // A flight has several secrets: after an exception the handler is not asked again.
    if (onkeylog === undefined || this.isOver) return;
    attempt(
      () => onkeylog(keylogLine(label, clientRandom, secret)),
      (thrown) => this.onCallbackFailed(thrown),
    );
  }

  private onCallbackFailed(thrown: unknown): void {
    if (this.breakOff(thrown) === 'late') throwLater(thrown);
  }

  /**
   * A callback of the application failed, and with it the session. `heard`: the application knows the error, because
   * it is the session's own, or from `onerror`; `unheard`: there is no `onerror`; `late`: the session was over.
   */
  breakOff(thrown: unknown): 'heard' | 'unheard' | 'late' {
    if (this.hasTold(thrown)) return 'heard';
    if (this.isOver) return 'late';
    const entry = this.entry;
    const isHeard = this.#onerror !== undefined;
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
    const { held } = this.extras;
    if (held?.isHolding === true) return held.add(() => this.fail(error));
    this.failWith(error);
    tellError(this.owner, error);
    try {
      this.#onerror?.call(this.owner, error);
    } finally {
      this.rejectOpened(error);
      this.finish();
    }
  }

  finish(error?: Error): void {
    if (this.isOver) return;
    const failed = this.failure !== undefined;
    this.endLife(error);
    const { failure } = this;
    const { connection } = this;
    if (connection !== undefined) this.made.finalState = finalStateOf(connection, this.localAddress);
    this.#entry = undefined;
    const { stats, rebinding, sender, inbox, streams } = this.extras;
    stats?.freeze();
    if (this.#states instanceof SessionStates) this.#states.end();
    rebinding?.reject(
      failure ?? invalidState('Session was over before its peer was heard at the new address'),
    );
    sender?.end();
    inbox?.end(failure);
    inbox?.leave();
    streams?.end(failure);
    tellEnd(this.owner, failure);
    this.shared.onEnd(this.owner, { began: this.port !== undefined, failed });
  }

  /** By {@link close}. */
  private get wasClosed(): boolean {
    return this.extras.isClosed === true;
  }
}

const NONE: Readonly<Extras> = new Extras();

const boundFunctions = new WeakSet<object>();

/** `fn` with `owner` as its `this`; one that is bound stays what it is. */
function boundTo<This, Args extends unknown[]>(
  owner: This,
  fn: Handler<This, Args> | undefined,
): Handler<This, Args> | undefined {
  if (fn === undefined || boundFunctions.has(fn)) return fn;
  const bound = fn.bind(owner) as Handler<This, Args>;
  boundFunctions.add(bound);
  return bound;
}
