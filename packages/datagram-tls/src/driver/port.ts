import type { Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';
import type { Security as AnySecurity, Behaviour, Destination } from '../config/config.js';
import type { EndpointLimits } from '../config/limits.js';
import { machineOf } from '../connection/connection.js';
import { rebindError } from '../connection/errors.js';
import type { ConnectionEvent } from '../connection/events.js';
import { isSettling } from '../connection/life.js';
import { giveBack } from '../connection/transmit.js';
import type { Security } from '../connection/version.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import { Endpoint, type EndpointEvent, performIn } from '../endpoint/endpoint.js';
import type { Outgoing } from '../endpoint/ready-queue.js';
import type { Refusal } from '../endpoint/refusals.js';
import type { Job, JobAnswer } from '../handshake/jobs.js';
import { isAtHand, performJobBy } from '../policy/perform-job.js';
import { forgetSession, keepSession } from '../policy/resumption.js';
import { now, WakeUp } from './clock.js';
import type { ChannelHandlers, DatagramChannel, HelloFilter } from './datagram-channel.js';
import { hexDump, logBytes, warnOfReplayGuard } from './debug.js';
import { DropWatch, type OnDrop, type Seen } from './drop-watch.js';
import { Drains, Pacer } from './flow.js';
import { throwLater } from './guard.js';
import { HandshakeTurns, looksLikeHandshake, type TurnsHost } from './handshake-turns.js';
import { type SendKind, SendQueue, type SendQueueDrops } from './send-queue.js';
import { SigningThreads } from './signing-threads.js';

export interface PortHandlers {
  /** Called once, within `open` where the channel opens at once. */
  onBound(address: PeerAddress): void;
  onSession(entry: ConnectionEntry): void;
  onEvent(entry: ConnectionEntry, event: Extract<EndpointEvent, { type: 'connection' }>['event']): void;
  onRefused(refusal: Refusal): void;
  /** Something was dropped. Called only for a channel of diagnostics with subscribers. */
  readonly onDrop: OnDrop;
  /** The socket or the transport failed. */
  onChannelError(error: Error): void;
  /** The transport ended by itself. */
  onChannelClosed(error: Error): void;
  /** A datagram was refused. */
  onSendError(entry: ConnectionEntry, error: Error): void;
}

/** Sizes that hardly any path refuses, bytes: IPv6's minimum MTU, and 576, which IPv4 hosts accept. */
const SAFE_SIZE = 1232;
const SAFEST_SIZE = 548;

/** Errors of a send for which the system has no route to the peer, or may not use it. */
const NEVER_SENT: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'EINVAL',
  'ENETUNREACH',
  'EPERM',
]);

/** Bytes that may wait for the end of a turn; more goes to the socket at once. */
const MAX_BATCH = 0x1_0000;

/** A message's datagram is larger than the message by its record, and by what else goes with it, at most; bytes. */
const MESSAGE_OVERHEAD = 512;

/** A socket or a transport, a clock and the core between them. Drains output and events after every call. */
export class Port implements TurnsHost {
  readonly core: Endpoint;
  #channel: DatagramChannel;
  /** The one before {@link rebind}. */
  #former: DatagramChannel | undefined;
  /** The only one that it has. */
  #onlyPeer: PeerAddress | undefined;
  readonly #handlers: PortHandlers;
  readonly #wakeUp = new WakeUp(() => this.#onWakeUp());
  readonly #queue: SendQueue;
  readonly #drops: DropWatch;
  readonly #pacer = new Pacer(() => this.awaitEndOfTurn());
  readonly #drains = new Drains((entry) => this.hasDrained(entry));
  readonly #batch = new Queue<Outgoing>();
  #batchBytes = 0;
  /** Datagrams wait in {@link #batch}. */
  #batching = false;
  /** {@link #endTurn} will be called. */
  #turnEnds = false;
  /** More datagrams may come before {@link #onBatchEnd}, and answers have been collected for that. */
  #inBatch = false;
  #hasCollected = false;
  /** The clock as it was read last within a batch. */
  #instant: Instant | undefined;
  readonly #turns = new HandshakeTurns(this);
  readonly #threads = new SigningThreads();
  #pumping = false;
  #closed = false;
  #referenced = true;
  packetsSent = 0;
  bytesSent = 0;

  /** `maxSendQueue`: bytes that may wait for the channel; 0: no limit. */
  constructor(
    channel: DatagramChannel,
    maxSendQueue: number,
    limits: EndpointLimits,
    handlers: PortHandlers,
  ) {
    this.core = new Endpoint(limits);
    performIn(this.core, (job, security) => this.#performAtOnce(job, security));
    this.#handlers = handlers;
    this.#channel = channel;
    this.#queue = new SendQueue(channel, this.#pacer, maxSendQueue);
    this.#drops = new DropWatch(this.core, handlers.onDrop);
  }

  /** Binds at once; throws the system's error, such as `EADDRINUSE`. Datagrams may come before it returns. */
  open(): void {
    this.#open(this.#channel, (address) => this.#handlers.onBound(address));
  }

  #open(channel: DatagramChannel, onBound: ChannelHandlers['onBound']): void {
    const handlers = this.#handlers;
    channel.open({
      onBound,
      onDatagram: (datagram, from) => {
        this.#inBatch = channel.collects;
        this.#onDatagram(datagram, from, channel === this.#former);
      },
      onBatchEnd: () => this.#onBatchEnd(),
      onUnreachable: (error) => channel === this.#channel && this.#onUnreachable(error),
      onError: (error) =>
        channel === this.#channel ? handlers.onChannelError(error) : this.forgetFormer(channel),
      onClosed: (error) => handlers.onChannelClosed(error),
    });
  }

  /**
   * `entry`, which is alone, goes on from a fresh socket; the former one is read until {@link forgetFormer}. Nothing has changed
   * when it throws: the system's error, `ERR_DTLS_REBIND`, and as `leavePath` of the core.
   */
  rebind(entry: ConnectionEntry): DatagramChannel {
    const next = this.#channel.successor();
    if (next === undefined) throw rebindError('NOT_ALONE');
    this.#flush(entry);
    this.#open(next, () => undefined);
    try {
      this.core.leavePath(entry, this.#now());
    } catch (error) {
      void next.close();
      throw error;
    }
    const former = this.#channel;
    void this.#former?.close();
    this.#former = former;
    this.#channel = next;
    this.#queue.onSocket(next);
    former.setReferenced(false);
    next.setReferenced(this.#referenced);
    if (this.#onlyPeer !== undefined) next.dedicate(this.#onlyPeer);
    this.pump();
    return former;
  }

  /** Nothing comes to that one any more. */
  forgetFormer(channel: DatagramChannel): void {
    if (channel === this.#channel) return;
    void channel.close();
    if (channel === this.#former) this.#former = undefined;
  }

  /** `undefined` before the socket is bound. */
  get address(): PeerAddress | undefined {
    return this.#channel.address;
  }

  /** The version of the IP addresses that it reaches; 0: of both. */
  get version(): 0 | 4 | 6 {
    return this.#channel.version;
  }

  /** A peer in the form in which its datagrams show it; `undefined` where they cannot reach it. */
  peerAt(address: string, port: number): PeerAddress | undefined {
    return this.#channel.peerAt(address, port);
  }

  /** Of the sessions on it. */
  get localAddress(): PeerAddress | undefined {
    return this.#channel.localAddress;
  }

  connect(
    peer: PeerAddress,
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
  ): ConnectionEntry {
    return this.core.connect(peer, security, behaviour, destination, this.#now());
  }

  /** Ends the association of `entry` without a word to its peer, once what it has sent is on its way. */
  saveEntry(entry: ConnectionEntry): Uint8Array {
    this.#flush(entry);
    return this.core.save(entry, this.#now());
  }

  /** What `entry` has sent leaves now. */
  #flush(entry: ConnectionEntry): void {
    this.#transmit();
    this.#sendBatch();
    this.#pacer.releaseOf(entry, this.#sendOne);
    this.#flushChannels();
  }

  /** What goes on if this process fails; so many numbers of records are left to it, until {@link confirmEntry}. */
  checkpointEntry(entry: ConnectionEntry, reserve: number): Uint8Array {
    return entry.connection.checkpoint(reserve, this.#now());
  }

  /** That is kept. */
  confirmEntry(entry: ConnectionEntry): void {
    entry.connection.confirmCheckpoint(this.#now());
    this.core.touch(entry);
    this.pump();
  }

  /** Nothing of `entry` is sent until a checkpoint is kept. */
  isHeld({ connection }: ConnectionEntry): boolean {
    return !connection.hibernates && machineOf(connection).isHeld;
  }

  /** Goes on with an association, whose state is `age` ms old. */
  restore(
    state: Uint8Array,
    service: { readonly security: Security; readonly behaviour: Behaviour },
    age: number,
    peer: PeerAddress,
  ): ConnectionEntry {
    return this.core.restore(state, service, { age, now: this.#now() }, peer);
  }

  /** The channel will have no other peer. */
  dedicate(peer: PeerAddress): void {
    this.#onlyPeer = peer;
    this.#channel.dedicate(peer);
  }

  /** Datagrams that were produced faster than the socket sends, and were dropped. */
  get sendQueueDrops(): Readonly<SendQueueDrops> {
    return this.#queue.drops;
  }

  /** Whether a message of `size` bytes may be sent; not where too much waits for the socket, or too much of `entry`. */
  hasRoom(entry: ConnectionEntry, size: number): boolean {
    // Within a callback: what waits in the core takes its room first.
    if (this.#pumping) this.#transmit();
    // The one session of a client has all the room.
    const own = entry.role === 'client' && this.core.size === 1 ? 0 : this.#pacer.costOf(entry);
    return this.#queue.hasRoom(size + MESSAGE_OVERHEAD, 'application', 1, own);
  }

  /** A message was dropped because there was no room. */
  countRefused(): void {
    this.#queue.drops.application++;
  }

  /** Bytes that wait: those of `entry` for a later turn, and those of all sessions in the socket. */
  bufferedAmount(entry: ConnectionEntry): number {
    return this.#pacer.bytesOf(entry) + this.#channel.queuedBytes;
  }

  /** Datagrams of `entry` wait for a later turn. */
  waits(entry: ConnectionEntry): boolean {
    return this.#pacer.bytesOf(entry) > 0;
  }

  /** Bytes of all sessions that wait in the socket. */
  get socketBytes(): number {
    return this.#channel.queuedBytes;
  }

  /** Bytes of everything that waits to be sent. */
  get queuedBytes(): number {
    return this.#pacer.queuedBytes + this.#channel.queuedBytes;
  }

  /** Nothing of `entry` waits for a later turn, and there is room in the send queue. */
  hasDrained(entry: ConnectionEntry): boolean {
    return this.#pacer.bytesOf(entry) === 0 && this.#queue.isHalfEmpty && !this.isHeld(entry);
  }

  /** `listener` is called once, in a later turn, when `entry` {@link hasDrained}; not after {@link forgetDrain}. */
  onDrained(entry: ConnectionEntry, listener: () => void): void {
    this.#drains.watch(entry, listener);
  }

  forgetDrain(entry: ConnectionEntry): void {
    this.#drains.forget(entry);
  }

  /** Returns false where the keys of the session are used up, so that it ends. */
  send(entry: ConnectionEntry, data: Uint8Array): boolean {
    const seen = this.#drops.look(entry);
    try {
      return this.core.send(entry, data);
    } finally {
      this.#drops.tell(seen);
      // Within a callback, too, waiting datagrams have to count before the next message.
      if (this.#pumping && !this.#closed) this.#transmit();
      else this.pump();
    }
  }

  updateKeys(entry: ConnectionEntry, requestPeer: boolean): void {
    this.core.updateKeys(entry, { requestPeer }, this.#now());
    this.pump();
  }

  hibernate(entry: ConnectionEntry): boolean {
    const hibernates = this.core.hibernate(entry, this.#now());
    this.pump();
    return hibernates;
  }

  /** Something has changed for the owner of `entry`, not in its association. */
  look(entry: ConnectionEntry): void {
    this.core.touch(entry);
    this.pump();
  }

  renewConnectionId(entry: ConnectionEntry): void {
    this.core.renewConnectionId(entry, this.#now());
    this.pump();
  }

  closeEntry(entry: ConnectionEntry): void {
    const seen = this.#drops.look(entry);
    this.core.close(entry, this.#now());
    this.#drops.tell(seen);
    this.pump();
  }

  /** The application vouches for the new address of a peer. */
  validatePath(entry: ConnectionEntry): void {
    this.core.validatePath(entry);
    this.pump();
  }

  /** The application refuses it. */
  refusePath(entry: ConnectionEntry): void {
    this.core.refusePath(entry, this.#now());
    this.pump();
  }

  /** Closes our direction. Returns whether the other one stays open. */
  closeSending(entry: ConnectionEntry): boolean {
    const staysOpen = this.core.closeSending(entry, this.#now());
    this.pump();
    return staysOpen;
  }

  withdraw(entry: ConnectionEntry): void {
    this.core.withdraw(entry);
    this.pump();
  }

  abandonEntry(entry: ConnectionEntry): void {
    this.core.abandon(entry, undefined);
    this.pump();
  }

  /** Drains output and events. A call from within itself does nothing: the outer call goes on. */
  pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    try {
      do this.#transmit();
      while (this.#tellOne());
    } finally {
      this.#pumping = false;
    }
    if (!this.#isClosed()) this.#wakeUp.arm(this.core.pollTimeout());
  }

  /** Whether the socket and the timers keep the process running. */
  setReferenced(referenced: boolean): void {
    if (this.#referenced === referenced) return;
    this.#referenced = referenced;
    this.#channel.setReferenced(referenced);
    this.#turns.setReferenced(referenced);
    this.#wakeUp.setReferenced(referenced);
    this.#drains.setReferenced(referenced);
  }

  /** Idempotent. Ends what lingers and sends the core's remaining output; then the core is not polled any more. */
  close(): Promise<unknown> | undefined {
    if (this.#closed) return undefined;
    this.#endAll();
    this.#transmit();
    this.#sendBatch();
    this.#pacer.releaseAll(this.#sendOne);
    this.#turns.stop();
    this.#threads.clear();
    this.#closed = true;
    this.#wakeUp.stop();
    this.#drains.stop();
    void this.#former?.close();
    return this.#channel.close();
  }

  /** Associations may outlive their sessions for a moment. The core forgets them when their end is polled. */
  #endAll(): void {
    for (const entry of [...this.core.entries()]) this.core.abandon(entry, undefined);
    this.#transmit();
    while (this.core.pollEvent() !== undefined);
  }

  /** A callback within {@link pump} may have closed it. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #onDatagram(datagram: Uint8Array, from: PeerAddress, atFormer: boolean): void {
    // No answer reaches port 0: the source address is forged.
    if (from.port === 0 && from.family !== 'other') return this.#discard(datagram, 'rejected');
    logBytes('received', from, datagram.length);
    hexDump('received', from, datagram);
    if (!this.#turns.take(datagram, from, atFormer)) this.#discard(datagram, 'busy');
  }

  /** As {@link HandshakeTurns} decides. */
  receive(datagram: Uint8Array, from: PeerAddress, atFormer: boolean): void {
    const tellDrops = this.#drops.watch(datagram, from);
    this.core.receive(datagram, from.address, from.port, from.family, this.#arrival(datagram), atFormer);
    tellDrops?.();
    this.#batchSends();
    this.#pacer.onReceived(datagram.length, from);
    this.pump();
    this.#pacer.onHandled();
  }

  /**
   * One reading of the clock serves a batch, whose datagrams came before it: a reading costs as much as decrypting a short
   * record. Handshakes read the clock again: they take long, and measure round trips.
   */
  #arrival(datagram: Uint8Array): Instant {
    return this.#instant === undefined || looksLikeHandshake(datagram) ? this.#now() : this.#instant;
  }

  /** Later datagrams of a batch come no earlier than that. */
  #now(): Instant {
    const read = now();
    if (this.#inBatch) this.#instant = read;
    return read;
  }

  #discard(datagram: Uint8Array, counted: 'rejected' | 'busy'): void {
    const { counters } = this.core;
    counters.datagramsReceived++;
    counters.bytesReceived += datagram.length;
    counters[counted]++;
    this.#drops.tellOne(counted === 'busy' ? 'busy' : 'not_client_hello');
  }

  get helloFilter(): HelloFilter | undefined {
    return this.#channel.helloFilter;
  }

  onFiltered(count: number): void {
    this.core.counters.busy += count;
    this.#drops.tellSome('busy', count);
  }

  get handshakesBegun(): number {
    return this.core.counters.handshakesBegun;
  }

  mayConcernHandshake(datagram: Uint8Array, { address, port }: PeerAddress): boolean {
    return this.core.mayConcernHandshake(datagram, address, port);
  }

  hostUnderWay({ address, port }: PeerAddress): string | undefined {
    return this.core.hostUnderWay(address, port);
  }

  /**
   * The kernel delivers many datagrams in one turn of the event loop. The answers are sent together at the end of
   * that turn: alternating between receiving and sending costs half as much again for each echo.
   */
  #batchSends(): void {
    this.#batching = true;
    if (!this.#inBatch) this.awaitEndOfTurn();
  }

  /**
   * The answers that were made at once leave now: to wait for the end of the turn costs an object and a call. Where there are
   * none, handlers may be about to answer. What the pacer keeps waits for the turn itself.
   */
  #onBatchEnd(): void {
    this.#inBatch = false;
    this.#instant = undefined;
    if (this.#hasCollected && !this.#turnEnds && this.#pacer.queuedDatagrams === 0) this.#finishTurn();
    else this.awaitEndOfTurn();
  }

  awaitEndOfTurn(): void {
    // The end of a batch ends the turn, or calls this again.
    if (this.#turnEnds || this.#inBatch || this.#closed) return;
    this.#turnEnds = true;
    setImmediate(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#turnEnds = false;
    this.#finishTurn();
  };

  #finishTurn(): void {
    this.#batching = false;
    if (this.#closed) return;
    this.#sendBatch();
    this.#pacer.nextTurn(this.#sendOne);
    this.#flushChannels();
    this.#drains.look();
    this.#turns.onEndOfTurn();
  }

  readonly #sendOne = (out: Outgoing): void => this.#send(out);

  #sendBatch(): void {
    this.#batchBytes = 0;
    for (let out = this.#batch.shift(); out !== undefined; out = this.#batch.shift()) this.#send(out);
  }

  #onWakeUp(): void {
    const seen: Seen[] = [];
    this.core.handleTimeout(this.#now(), (entry) => {
      const one = this.#drops.look(entry);
      if (one !== undefined) seen.push(one);
    });
    for (const one of seen) this.#drops.tell(one);
    this.pump();
  }

  #transmit(): void {
    const { collects } = this.#channel;
    let hasSent = false;
    for (let out = this.core.pollTransmit(); out !== undefined; out = this.core.pollTransmit()) {
      const kind = kindOf(out.entry);
      if (!this.#queue.takes(out.data.length, kind, isFirstAnswer(out))) {
        this.core.handleUnsent(out);
        this.#drops.tellOne(`send_queue_${kind}`);
        continue;
      }
      if (this.#pacer.keeps(out)) continue;
      if (!this.#batching || collects) {
        this.#send(out);
        hasSent = true;
      } else {
        this.#batch.push(out);
        this.#batchBytes += out.data.length;
        if (this.#batchBytes > MAX_BATCH) this.#sendBatch();
      }
    }
    if (!hasSent || !collects) return;
    this.#hasCollected = true;
    if (this.#batching) return;
    // The first of a turn leave at once, what follows in the same turn together at its end.
    this.#flushChannels();
    this.#batchSends();
  }

  #flushChannels(): void {
    this.#hasCollected = false;
    this.#channel.flush();
    this.#former?.flush();
  }

  #send(out: Outgoing): void {
    this.packetsSent++;
    this.bytesSent += out.data.length;
    logBytes('sent', out.peer, out.data.length);
    hexDump('sent', out.peer, out.data);
    // A callback costs more than everything else about the send.
    const { entry, data } = out;
    if (out.fromFormer === true) return this.#former?.send(data, out.peer);
    const watched =
      this.#channel.reportsEveryFailure || (entry !== undefined && isWatched(entry, data.length));
    const { length } = data;
    this.#channel.send(
      data,
      out.peer,
      watched ? (error) => this.#onSendError(entry, length, error) : undefined,
    );
    if (this.#channel.collects) giveBack(data);
  }

  /** RFC 6347 §4.1.1.1, RFC 9147 §4.4: the layer above is told that it was too large. */
  #onSendError(entry: ConnectionEntry | undefined, size: number, error: NodeJS.ErrnoException): void {
    if (entry === undefined) return;
    this.#handlers.onSendError(entry, error);
    if (this.#closed) return;
    const { code } = error;
    // A send on a connected socket also reports what the network said about earlier datagrams, which can be forged.
    const hearsay = this.#channel.mayReportHearsay;
    if (code === 'EMSGSIZE') {
      if (hearsay && size <= SAFEST_SIZE) return;
      this.core.handleTooLarge(entry, size, this.#now());
    } else if (NEVER_SENT.has(code) || code === 'ECONNREFUSED') {
      const certain = code === 'EPERM' || (!hearsay && code !== 'ECONNREFUSED');
      this.core.handleUnreachable(entry, error, certain, this.#now());
    } else return;
    this.pump();
  }

  /** On a connected socket there is one association. */
  #onUnreachable(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    for (const entry of this.core.entries()) this.core.handleUnreachable(entry, error, false, this.#now());
    this.pump();
  }

  #tellOne(): boolean {
    const event = this.core.pollEvent();
    if (event === undefined) return false;
    // No closure: this is done for every message.
    try {
      this.#tell(event);
    } catch (error) {
      throwLater(error);
    }
    return true;
  }

  #tell(event: EndpointEvent): void {
    if (event.type === 'connection') this.#tellOf(event.entry, event.event);
    else if (event.type === 'session') this.#handlers.onSession(event.entry);
    else this.#handlers.onRefused(event.refusal);
  }

  /** Of nearly all events only the first look at the type is needed: their shapes are many, so that each look costs. */
  #tellOf(entry: ConnectionEntry, event: ConnectionEvent): void {
    switch (event.type) {
      case 'message':
        this.#turns.onMessage(this.#instant);
        return this.#handlers.onEvent(entry, event);
      case 'job':
        return this.#perform(entry, event.id, event.job);
      case 'keep-session':
        return keepSession(event, entry.connection.security, Date.now());
      case 'forget-session':
        return forgetSession(event, entry.connection.security);
      default:
        return this.#handlers.onEvent(entry, event);
    }
  }

  /** While a turn is behind, threads make the signatures. */
  #performAtOnce(job: Job, security: AnySecurity): JobAnswer | undefined {
    if (this.#turns.areBehind || this.#threads.busy || !isAtHand(job, security)) return undefined;
    const answer = performJobBy(Date.now, job, security);
    return answer instanceof Promise ? undefined : answer;
  }

  #perform(entry: ConnectionEntry, id: number, job: Job): void {
    const { security } = entry.connection;
    if (
      (this.#turns.areBehind || this.#threads.busy) &&
      this.#threads.take(job, security, (late) => this.#onLateAnswer(entry, id, job, late))
    )
      return;
    const answer = performJobBy(Date.now, job, security);
    if (answer instanceof Promise) void answer.then((late) => this.#onLateAnswer(entry, id, job, late));
    else this.#answer(entry, id, job, answer);
  }

  /** The application took its time; the session may be over by now, and the core handles that. */
  #onLateAnswer(entry: ConnectionEntry, id: number, job: Job, answer: JobAnswer): void {
    if (this.#closed) return;
    this.#turns.spend(() => {
      this.#answer(entry, id, job, answer);
      this.pump();
    });
  }

  #answer(entry: ConnectionEntry, id: number, job: Job, answer: JobAnswer): void {
    // The application has no session yet that could fail with it.
    if (job.kind === 'guard-replay' && answer.kind === 'failed') warnOfReplayGuard(answer.cause);
    const seen = this.#drops.look(entry);
    this.core.answer(entry, id, answer, this.#now());
    this.#drops.tell(seen);
  }
}

/** Flights of peers that are not validated yet are none: they cost a signature. */
function isFirstAnswer({ entry, awaited }: Outgoing): boolean {
  return entry === undefined && awaited !== true;
}

function kindOf(entry: ConnectionEntry | undefined): SendKind {
  if (entry === undefined) return 'unvalidated';
  if (entry.connection.session !== undefined) return 'application';
  return entry.connection.path.validated ? 'handshake' : 'unvalidated';
}

/**
 * Whether to ask for the result of a send: for a client's first datagrams, because its peer may be unreachable, and
 * for those that may be too large. A guess is good enough for messages; a flight that is too large would be sent in
 * vain.
 */
function isWatched({ role, connection }: ConnectionEntry, size: number): boolean {
  if (size > SAFE_SIZE) return true;
  return isSettling(connection.phase) && (role === 'client' || size > SAFEST_SIZE);
}
