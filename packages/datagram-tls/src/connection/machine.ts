import type { AlertName } from '../base/alerts.js';
import { type DTLSError, invalidState } from '../base/errors.js';
import { type Duration, earliest, type Instant } from '../base/instant.js';
import { type MemoryHolder, MemoryPool } from '../base/memory.js';
import { ownProperties } from '../base/own-properties.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Security as AnySecurity, Behaviour, Destination } from '../config/config.js';
import type { ConnectionIdPair } from '../extensions/connection-id.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import { Reader } from '../wire/cursor.js';
import { rulesOf } from '../wire/version.js';
import { type EarlyOutcome, ReceivedData, SentData } from './application-data.js';
import { Association, type Counters, type HandshakeHost, HELD_LIFE, type Performer } from './association.js';
import { FROM_ZERO, type InitialNumbers, NOWHERE } from './beginning.js';
import { type CidRegistry, ConnectionIds } from './connection-ids.js';
import { type ContentHost, Contents } from './contents.js';
import { gaveWay, keysExhausted, notOpen, sendAlert, unreachable } from './errors.js';
import type { ConnectionEvent } from './events.js';
import type { Attempt } from './handshake.js';
import { KeptHandshake } from './kept-handshake.js';
import { KeyChanges } from './key-update.js';
import {
  type Declined,
  isOpen,
  isUnanswered,
  isUndecided,
  type Life,
  type SentAlert,
  sessionOf,
} from './life.js';
import { answeredLife, Path, UNVALIDATED_LIFE } from './path.js';
import { Paths } from './paths.js';
import { PeerWatch } from './peer-watch.js';
import { Receive } from './receive.js';
import { decodeFixed, type SavedState } from './saved-state.js';
import { readState, type Savable, writeState } from './saving.js';
import { ONE_RUN } from './suspicion.js';
import { onTimer, type Timed } from './timer-actions.js';
import type { Security } from './version.js';

/** How long we wait for the answer to our close_notify, ms. */
const CLOSE_LINGER: Duration = 500;
/** The same while the peer may lack our last flight, without which it cannot read the close_notify either. */
const UNACKNOWLEDGED_LINGER: Duration = 3000;
/** Not the client's fault, such as a fault of this platform: the same ClientHello may be served a moment later. */
const PASSING = new Set(['ERR_DTLS_INTERNAL', 'ERR_DTLS_EVICTED']);
/** A time that is always over: a timer set to it asks for the next call. */
const AT_ONCE: Instant = Number.NEGATIVE_INFINITY;

function ownDestination(given: Destination): Destination {
  const { serverName, verifyName, session, earlyData } = ownProperties(given);
  return { serverName, verifyName, session, earlyData };
}

/**
 * The inside of a {@link Connection}: the common state of its parts, and the transitions of its {@link Life}. Nothing
 * outside of this library reaches it.
 */
export class Machine implements ContentHost, HandshakeHost, MemoryHolder {
  readonly #association: Association;
  /** The settings that it began with. */
  readonly service: Security;
  /** It finds this association by its connection IDs. */
  readonly registry: CidRegistry | undefined;
  readonly #receive: Receive;
  readonly #handshake: KeptHandshake;
  readonly #keys: KeyChanges;
  readonly #inbound: ReceivedData;
  readonly #outbound: SentData;
  readonly #watch: PeerWatch;
  readonly #contact: InitialNumbers['contact'];
  readonly paths: Paths;

  /**
   * `beginning`: `undefined` for one that goes on from a state. `pool` bounds what all associations of an endpoint hold for later,
   * which `registry` finds by connection ID.
   */
  constructor(
    security: Security,
    behaviour: Behaviour,
    given: Destination,
    address: PeerAddress,
    beginning: InitialNumbers | undefined,
    pool = new MemoryPool(0),
    registry?: CidRegistry,
  ) {
    const destination = given === NOWHERE ? NOWHERE : ownDestination(given);
    const { recordSequence, contact } = beginning ?? FROM_ZERO;
    const path = new Path(address, behaviour.mtu, contact === 'validated');
    const earlyBytes = contact === 'early-data' ? (security.tickets?.early?.most ?? 0) : 0;
    const policy = behaviour.connectionIds[security.role];
    const cids = policy && new ConnectionIds(policy, security.provider, registry);
    const numbers = { recordSequence, earlyBytes };
    const association = new Association(security, behaviour, path, cids, numbers, pool, this);
    this.service = security;
    this.registry = registry;
    this.#association = association;
    this.#contact = contact;
    if (contact === 'unvalidated') association.withhold();
    this.#keys = new KeyChanges(association);
    this.#inbound = new ReceivedData(association);
    this.#watch = new PeerWatch(association, this.#inbound, this);
    this.#outbound = new SentData(association);
    const handshake = new KeptHandshake(association, this, this.#keys, security, destination);
    if (beginning !== undefined) handshake.begin(beginning);
    this.#handshake = handshake;
    this.#receive = new Receive(
      association,
      new Contents(association, this, handshake, this.#keys, this.#inbound),
    );
    this.paths = new Paths(association, handshake, this.#receive);
  }

  /**
   * The state of an open session, and all that waits in it; then {@link supersede} ends it here. With `ahead` it stays, and so
   * many numbers of records in each direction are left to it. `at`: now. Throws `ERR_INVALID_STATE` unless the session is open.
   */
  save(at: Instant, ahead = 0): SavedState {
    const { fixed, current } = writeState(this.savable(), at, ahead);
    return { fixed, current: current.finish() };
  }

  /** The same for {@link restore} in this process alone, with what a checkpoint has left to it. */
  saveAsleep(at: Instant): SavedState {
    const { fixed, current } = writeState(this.savable(), at, 0);
    this.#association.reservation?.save(current);
    return { fixed, current: current.finish() };
  }

  /**
   * Goes on from what {@link save} returned. `at`: the instant of the writing, on this clock. `undefined` when it is malformed,
   * or when its version, its suite or something else in it is not supported here. Throws `ERR_DTLS_STATE` where `registry` has
   * given its connection IDs to another. `asleep`: {@link saveAsleep} wrote it.
   */
  static restore(
    security: Security,
    behaviour: Behaviour,
    address: PeerAddress,
    { fixed, current }: SavedState,
    at: Instant,
    pool?: MemoryPool,
    registry?: CidRegistry,
    asleep = false,
  ): Machine | undefined {
    const known = decodeFixed(fixed, security);
    if (known === undefined) return undefined;
    const { session, destination } = known;
    const machine = new Machine(security, behaviour, destination, address, undefined, pool, registry);
    if (machine.goOn(new Reader(current), session, at, asleep)) return machine;
    machine.discard();
    return undefined;
  }

  /**
   * The state for a process that goes on if this one fails, which has `ahead` numbers of records left in each direction, until
   * {@link confirm} says that it is kept. Then it has as many from here on.
   */
  checkpoint(ahead: number, now: Instant): SavedState {
    const saved = this.save(now, ahead);
    this.#association.reserve(ahead);
    return saved;
  }

  /** The last checkpoint is kept in place of the one before. */
  confirm(now: Instant): void {
    this.#association.reservation?.confirm();
    if (!this.isOver()) this.#handshake.onNumbers(now);
  }

  /** Nothing may be sent before a checkpoint is kept. */
  get isHeld(): boolean {
    return this.#association.epochs.writer.state === 'held';
  }

  /** Returns whether all of it was understood. */
  private goOn(r: Reader, session: Session, at: Instant, asleep: boolean): boolean {
    readState(this.savable(), r, session, at, this.registry);
    if (asleep && r.left > 0) this.#association.restoreReservation(r);
    if (!r.finished() || !(asleep || this.#handshake.isSound)) return false;
    this.#watch.start();
    return true;
  }

  /** It does not go on: what it holds is given back. */
  discard(): void {
    this.releaseMemory();
  }

  private savable(): Savable {
    const association = this.#association;
    const parts = [this.#keys, this.#handshake, association, this.#inbound];
    const { destination } = this.#handshake;
    return { association, destination, paths: this.paths, parts };
  }

  /**
   * Goes on after a time in which no process listened. `doubtful`: the process that wrote the state may have used further
   * numbers, so that keys are renewed where that is possible.
   */
  onReturn(doubtful: boolean, now: Instant): void {
    this.#association.heardAt = now;
    this.#watch.start();
    if (!this.path.validated) this.paths.resume(doubtful, now);
    if (doubtful) this.#association.cids?.forgetSpares();
    if (doubtful && this.#handshake.whole.hasNextKeys) this.#handshake.whole.updateKeys(true, now);
  }

  /**
   * Nothing is under way in it: {@link saveAsleep} takes all that it knows, and nothing but a datagram, a call or a timer that
   * watches the peer can change it.
   */
  get maySleep(): boolean {
    const { life, holds, awaitedJob, timers, isPolled } = this.#association;
    if (life.at !== 'open' || this.#inbound.ended) return false;
    if (holds || awaitedJob !== undefined || !timers.arePatient) return false;
    if (!this.paths.isQuiet || this.isHeld) return false;
    return isPolled && this.#handshake.isQuiet && !this.#watch.awaitsAnswer;
  }

  /** No record came or went for some time: what only the next one needs is made again for it. */
  rest(): void {
    if (this.#association.life.at !== 'open') return;
    this.#keys.rest();
    this.#association.cids?.rest();
  }

  /** Only handshake messages need what is let go, and they make it again. */
  restHandshake(now: Instant): void {
    this.#handshake.rest(now);
  }

  /** Nothing was made again since. */
  get rests(): boolean {
    return this.#keys.rests;
  }

  /** It goes on with the settings that its handshake chose. */
  adopt(security: AnySecurity): void {
    this.#handshake.adopt(security);
  }

  get behaviour(): Behaviour {
    return this.#association.behaviour;
  }

  /** What all associations of the endpoint hold. */
  get pool(): MemoryPool {
    return this.#association.pool;
  }

  /** The settings for its jobs: with `sni`, those of the client's name, as soon as it is known. */
  get security(): AnySecurity {
    return this.#handshake.security;
  }

  get counters(): Readonly<Counters> {
    return this.#association.counters;
  }

  /** Of its jobs, in its handshake. */
  set performer(performer: Performer | undefined) {
    this.#association.performer = performer;
  }

  /** Whether it has events of secrets. */
  set tellsSecrets(tells: boolean) {
    this.#association.tellsSecrets = tells;
  }

  get life(): Life {
    return this.#association.life;
  }

  /**
   * Largest message that fits a datagram and the peer's limit, bytes. It falls when the system refuses a datagram of
   * that size.
   */
  get maxMessageSize(): number {
    return this.#outbound.largest;
  }

  /**
   * When the last authentic record of the peer arrived, or when the session opened if that was later; before all
   * instants until then.
   */
  get lastHeard(): Instant {
    return this.#association.heardAt;
  }

  /** An authentic record has come since it was made, or woken. */
  get hasHeard(): boolean {
    return this.#association.recordsHeard > 0;
  }

  /** Grows with each authentic record and with each message of ours, and by nothing that is not authentic. */
  get traffic(): number {
    return this.#association.recordsHeard + this.counters.messagesSent;
  }

  get connectionIds(): ConnectionIdPair | undefined {
    return this.#association.cids?.pair;
  }

  get earlyData(): EarlyOutcome {
    return this.#handshake.earlyOutcome;
  }

  get path(): Path {
    return this.#association.path;
  }

  /** {@link send} may be called: the session is open, or a server has accepted early data, which it may answer. */
  get maySend(): boolean {
    const { life } = this.#association;
    return isOpen(life) || (life.at === 'handshaking' && this.#handshake.whole.early.takes);
  }

  /** Client: its handshake before a ServerHello; `undefined` afterwards, and when it is over. */
  get attempt(): Attempt | undefined {
    return this.at() === 'handshaking' ? this.#handshake.whole.attempt : undefined;
  }

  /** Client: the ClientHello is not repeated the next time that this is due. */
  passTurn(): void {
    this.#handshake.whole.passTurn();
  }

  /** Begins: a client sends its first flight, a server waits for one. */
  start(now: Instant): void {
    if (this.at() !== 'idle') throw invalidState('The association has begun already');
    this.#association.life = { at: 'handshaking', undecided: this.#contact === 'early-data' };
    const { behaviour, timers, role, path } = this.#association;
    const timeout = path.validated ? behaviour.handshakeTimeout : UNVALIDATED_LIFE;
    if (timeout > 0) timers.set('handshake', now + timeout);
    if (role === 'client') this.#handshake.whole.start(now);
  }

  /** Returns whether anything in `datagram` was useful. The bytes are not kept. */
  receive(datagram: Uint8Array, from: PeerAddress, now: Instant, atFormer = false): boolean {
    const { counters, path, recordsHeard } = this.#association;
    if (this.at() === 'closed' || this.at() === 'idle') {
      this.#association.drop('closed');
      return false;
    }
    const elsewhere = !path.endsAt(from);
    if (elsewhere && !this.paths.mayComeFrom(from)) {
      this.#association.drop('other_path');
      return false;
    }
    this.paths.onDatagram(datagram.length, from, atFormer);
    counters.datagramsReceived++;
    counters.bytesReceived += datagram.length;
    if (!elsewhere) path.bytesReceived += datagram.length;
    this.#handshake.onDatagram();
    const useful = elsewhere
      ? this.paths.receiveElsewhere(datagram, now)
      : this.#receive.datagram(datagram, now, false);
    if (!this.isOver()) {
      if (this.#association.recordsHeard > recordsHeard) this.paths.onHeard();
      this.#handshake.settle(now);
      this.repeatClose();
      this.#association.reservation?.look();
      this.#association.watchMemory(now);
    }
    return useful;
  }

  /**
   * Sends one message as one datagram. Returns false where the keys are used up: the message is not sent, and the
   * session ends with `ERR_DTLS_KEY_LIMIT`. Throws `ERR_INVALID_STATE` unless {@link maySend}, and `ERR_OUT_OF_RANGE`
   * when the message is larger than {@link maxMessageSize}.
   */
  send(data: Uint8Array): boolean {
    if (!this.maySend) throw notOpen(this.at() === 'closing' || this.at() === 'closed');
    const { epochs, behaviour } = this.#association;
    const state = this.#outbound.send(data);
    if (state === 'held') {
      this.#association.drop('not_reserved');
      return false;
    }
    this.#association.reservation?.look();
    if (state === 'last' || state === 'exhausted') {
      this.#association.drop('key_limit');
      this.abandon(keysExhausted());
      return false;
    }
    if (state === 'update-due' || epochs.writer.sequence >= behaviour.recordsPerKey) this.wearOut();
    return true;
  }

  /**
   * DTLS 1.3: switches to new sending keys, once the peer has acknowledged that. `requestPeer`: the peer should do
   * the same. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS 1.2, which has no such message, and
   * `ERR_DTLS_KEY_LIMIT` where there is no next epoch or no message number for it: the session then goes on until its
   * keys are used up.
   */
  updateKeys({ requestPeer }: { readonly requestPeer: boolean }, now: Instant): void {
    const { life } = this.#association;
    if (!isOpen(life)) throw notOpen(life.at === 'closing' || life.at === 'closed');
    this.#handshake.whole.updateKeys(requestPeer, now);
  }

  /**
   * Sends close_notify. The association ends at once during the handshake and when the peer has already closed,
   * otherwise when the peer closes or a short time has passed; until then its messages are delivered in DTLS 1.3.
   */
  close(now: Instant): void {
    const { life, timers } = this.#association;
    if (life.at === 'closed') return;
    if (life.at === 'closing') {
      // Only our direction was closed.
      if (!timers.has('close')) timers.set('close', now + CLOSE_LINGER);
      return;
    }
    if (life.at === 'idle') return this.end(undefined);
    if (life.at === 'handshaking') return this.abandon(undefined);
    sendAlert(this.#association, 'warning', 'close_notify');
    if (this.#inbound.ended) return this.end(undefined);
    const finishing = life.at === 'finishing';
    const { retransmissions: repetitions } = this.#association.counters;
    this.#association.life = { at: 'closing', session: life.session, finishing, repetitions };
    if (finishing) timers.stop('handshake');
    else timers.stopAll();
    timers.set('close', now + (finishing ? UNACKNOWLEDGED_LINGER : CLOSE_LINGER));
  }

  /**
   * Our last flight, which our close_notify followed, was repeated. The close_notify may be lost, too, or the peer had no
   * keys for it yet and dropped it.
   */
  private repeatClose(): void {
    const { life, counters } = this.#association;
    if (life.at !== 'closing' || !life.finishing || counters.retransmissions === life.repetitions) return;
    this.#association.life = { ...life, repetitions: counters.retransmissions };
    sendAlert(this.#association, 'warning', 'close_notify');
  }

  /** As {@link close}, but waits for the peer as long as an open session where each direction ends separately. */
  closeSending(now: Instant): boolean {
    this.close(now);
    const { life, behaviour, timers } = this.#association;
    if (life.at !== 'closing' || !behaviour.allowHalfOpen) return false;
    if (!rulesOf(life.session.version).halfClose) return false;
    timers.stop('close');
    this.#watch.watchIdle();
    return true;
  }

  /** The peer has not acknowledged our last flight; also after {@link close}. */
  get isFinishing(): boolean {
    const { life } = this.#association;
    return life.at === 'finishing' || (life.at === 'closing' && life.finishing);
  }

  /** Sends close_notify and ends without waiting. */
  abandon(error: DTLSError | undefined): void {
    const { life } = this.#association;
    if (isOpen(life)) sendAlert(this.#association, 'warning', 'close_notify');
    const refusal = life.at === 'handshaking' ? this.refuse('warning', 'close_notify') : undefined;
    this.end(error, refusal);
  }

  /**
   * Ends an association without a fault of the peer, for an `error` of ours: sends close_notify if the session is
   * open, so that it can be resumed, else the error's alert.
   */
  retire(error: DTLSError): void {
    const { life } = this.#association;
    if (life.at === 'handshaking') return this.onFailure(error);
    if (isOpen(life)) sendAlert(this.#association, 'warning', 'close_notify');
    this.endWith(isOpen(life) ? error : undefined, true, undefined);
  }

  /**
   * The peer has a new association with this side, and has proved it: this one ends silently. That of a server was one
   * of a client that restarted. A client gave way to a peer that began at the same time.
   */
  supersede(): void {
    this.end(this.#association.role === 'client' ? gaveWay() : undefined);
  }

  /** We have sent close_notify, and wait a moment for the peer's. The owner is told only of the end. */
  get isLingering(): boolean {
    const { life, timers } = this.#association;
    return life.at === 'closing' && !life.finishing && timers.has('close');
  }

  handleTimeout(now: Instant): void {
    const { timers } = this.#association;
    const { rests } = this.#handshake;
    for (let name = timers.takeDue(now); name !== undefined; name = timers.takeDue(now))
      onTimer(name, this.timed(), now);
    if (rests) this.#handshake.rest(now);
    this.repeatClose();
    this.#association.reservation?.look();
  }

  /**
   * The system refused to send a datagram of `size` bytes because it is too large. Flights are cut to smaller
   * datagrams and sent again at once; application data is lost, and {@link maxMessageSize} falls.
   */
  handleTooLarge(size: number, now: Instant): void {
    if (!this.isOver() && this.#association.path.size.onRefused(size))
      this.#handshake.whole.onTooLarge(size, now);
  }

  /**
   * Datagrams do not reach the peer. It matters only in the handshake of a client that has received nothing yet: a
   * report of the system itself (`certain`) ends it at once; a message of the network, which can be forged, ends it
   * when the repeated flight gets no answer either.
   */
  handleUnreachable(
    cause: Error & { readonly code?: string | undefined },
    certain: boolean,
    now: Instant,
  ): void {
    const { role, counters } = this.#association;
    if (role !== 'client' || this.at() !== 'handshaking' || counters.datagramsReceived > 0) return;
    const error = unreachable(cause);
    const { whole } = this.#handshake;
    if (certain) this.end(error);
    else if (whole.suspicion.raise(error, now, ONE_RUN)) {
      whole.onDatagram();
      whole.onDoubt();
      whole.settle(now);
    }
  }

  /** The answer to a job. Once the association is over nothing waits for it. */
  answer(jobId: number, answer: JobAnswer, now: Instant): void {
    this.#association.jobs.take(jobId, answer);
    const { life } = this.#association;
    if (life.at !== 'handshaking' && !isOpen(life)) return;
    if (!this.paths.answer(jobId, answer, now)) this.#handshake.whole.answer(answer, now);
    if (!this.isOver()) this.#association.watchMemory(now);
  }

  /** The next datagram to send to the destination of {@link paths}; the caller owns it. */
  pollTransmit(): Uint8Array | undefined {
    const { path, transmit, life } = this.#association;
    const apart = this.paths.poll();
    if (apart !== undefined) return apart;
    if (this.paths.paused) return undefined;
    if (!path.validated && (isUnanswered(life) || !path.grants(transmit.nextSize))) return undefined;
    const data = transmit.poll();
    if (data !== undefined) path.bytesSent += data.length;
    return data;
  }

  pollEvent(): ConnectionEvent | undefined {
    return this.#association.pollEvent();
  }

  /** When {@link handleTimeout} is to be called; `undefined` when there is nothing to wait for. */
  pollTimeout(): Instant | undefined {
    return this.#association.timers.next();
  }

  private at(): Life['at'] {
    return this.#association.life.at;
  }

  private isOver(): boolean {
    return this.at() === 'closed';
  }

  onConnected(session: Session, finishing: boolean, now: Instant): void {
    this.#association.life = { at: finishing ? 'finishing' : 'open', session };
    // A job of ours may have taken long: the peer had nothing to send meanwhile.
    this.#association.heardAt = now;
    const { suspicion, early } = this.#handshake.whole;
    suspicion.allay();
    this.#association.tell({ type: 'connected', session });
    this.#outbound.sendAgain(early.takeWaiting());
    this.#inbound.release();
    this.#watch.start();
    this.paths.onConnected(now);
  }

  onFinished(now: Instant): void {
    const { life, timers } = this.#association;
    if (life.at === 'finishing') this.#association.life = { at: 'open', session: life.session };
    else if (life.at === 'closing' && life.finishing) {
      this.#association.life = { ...life, finishing: false };
      timers.hasten('close', now + CLOSE_LINGER);
    } else return;
    this.#association.tell({ type: 'acknowledged' });
  }

  /**
   * DTLS 1.3: a message that has to be acknowledged, until epochs run out. Otherwise the application's own message.
   * Returns whether there is a probe that the peer has not answered yet.
   */
  askForLife(message: Uint8Array | undefined, now: Instant): boolean {
    const handshake = this.#handshake;
    // An unacknowledged message is retransmitted by its own timer, and serves as a probe.
    if (handshake.awaitsAck) return true;
    if (handshake.canUpdateKeys) {
      handshake.whole.updateKeys(false, now);
      return true;
    }
    if (message === undefined || message.length > this.#outbound.largest) return false;
    const state = this.#outbound.send(message);
    if (state === 'last' || state === 'exhausted') this.abandon(keysExhausted());
    return true;
  }

  onKeysToRead(now: Instant): void {
    this.#receive.releaseHeld(now);
  }

  onWarning(alert: 'no_renegotiation'): void {
    sendAlert(this.#association, 'warning', alert);
  }

  onFailure(error: DTLSError): void {
    if (this.isOver()) return;
    if (isUndecided(this.#association.life)) return this.onDecline('failed');
    let refusal: SentAlert | undefined;
    if (error.source === 'local' && error.alert !== undefined) {
      if (this.at() === 'handshaking' && !PASSING.has(error.code))
        refusal = this.refuse('fatal', error.alert);
      else sendAlert(this.#association, 'fatal', error.alert);
    }
    this.end(error, refusal);
  }

  /** A server keeps the alert for a client that repeats its flight, because this association is over. */
  private refuse(level: 'warning' | 'fatal', name: AlertName): SentAlert | undefined {
    const alert = sendAlert(this.#association, level, name);
    return this.#association.role === 'server' ? alert : undefined;
  }

  /** It is validated, so that this is an association like any other. */
  onProved(now: Instant): void {
    const { path, timers, behaviour } = this.#association;
    path.validated = true;
    this.#association.release();
    timers.stop('handshake');
    if (behaviour.handshakeTimeout > 0) timers.set('handshake', now + behaviour.handshakeTimeout);
    this.#handshake.whole.onProved(now);
  }

  onMoved(now: Instant): void {
    this.paths.onMoved(now);
  }

  onPathMessage(content: Uint8Array, now: Instant): boolean {
    return this.paths.onMessage(content, now);
  }

  leavePath(now: Instant): void {
    if (!this.paths.leave(now)) this.askForLife(this.behaviour.keepAlive?.message, now);
  }

  renewConnectionId(now: Instant): void {
    this.#handshake.whole.changeIds('renewIds', now);
  }

  onEarlyAccepted(now: Instant): void {
    const { life, path, timers, behaviour } = this.#association;
    if (!isUndecided(life)) return;
    this.#association.life = { at: 'handshaking', undecided: false };
    if (!path.validated) timers.set('handshake', now + answeredLife(behaviour.handshakeTimeout));
  }

  /** This association was not reported as a session, and will not be. */
  onDecline(reason: Declined): void {
    this.#association.life = { at: 'closed', session: undefined, refusal: undefined, declined: reason };
    this.#association.timers.end();
    this.releaseMemory();
  }

  /** What waited too long for missing parts, or for keys, is dropped. */
  forgetHeld(now: Instant): void {
    const until = now - HELD_LIFE;
    this.paths.forgetCandidate();
    this.#handshake.forgetMessagesUntil(until);
    this.#receive.forgetUntil(until, 'expired');
    this.#inbound.forgetUntil(until, 'expired');
    const oldest = earliest(
      earliest(this.#handshake.oldestMessage, this.#receive.oldest),
      this.#inbound.oldest,
    );
    if (oldest !== undefined)
      this.#association.timers.set('forget-held', Math.max(oldest + HELD_LIFE, now + 1));
  }

  /** The endpoint holds too much, and this association has done so for the longest time. */
  onEvict(): void {
    this.paths.forgetCandidate();
    this.#handshake.forgetMessages('evicted');
    this.#receive.forgetUntil(Number.POSITIVE_INFINITY, 'evicted');
    this.#inbound.forgetUntil(Number.POSITIVE_INFINITY, 'evicted');
  }

  private releaseMemory(): void {
    this.paths.forgetCandidate();
    this.#handshake.forgetMessages();
    this.#receive.forgetHeld();
    this.#inbound.forget();
  }

  private timed(): Timed {
    const handshake = this.#handshake;
    const keys = this.#keys;
    const watch = this.#watch;
    return {
      association: this.#association,
      handshake,
      keys,
      watch,
      paths: this.paths,
      host: this,
    };
  }

  /** The sending keys are nearly used up; DTLS 1.2 has no others. */
  private wearOut(): void {
    if (this.#handshake.canUpdateKeys) this.#association.timers.set('update-keys', AT_ONCE);
  }

  /** The association is over, without another message to the peer. */
  end(error: DTLSError | undefined, refusal?: SentAlert): void {
    this.endWith(error, error === undefined, refusal);
  }

  private endWith(error: DTLSError | undefined, resumable: boolean, refusal: SentAlert | undefined): void {
    if (this.isOver()) return;
    const session = sessionOf(this.#association.life);
    this.#association.life = { at: 'closed', session, refusal, declined: undefined };
    this.#association.timers.end();
    this.releaseMemory();
    if (!resumable) this.#association.forget(session);
    this.#association.tell({ type: 'closed', error });
  }
}
