import { type DTLSError, violation } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { Security } from '../config/config.js';
import { UNLIMITED } from '../extensions/record-limits.js';
import type { Action } from '../handshake/actions.js';
import type { Context } from '../handshake/context.js';
import type { Awaits } from '../handshake/flight.js';
import type { Failure, Job, JobAnswer } from '../handshake/jobs.js';
import type { Message } from '../handshake/message.js';
import { Runner } from '../handshake/runner.js';
import type { Session } from '../handshake/session.js';
import type { Retry13 } from '../handshake/v13/hellos.js';
import { HandshakeType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { VersionFacts } from '../wire/version.js';
import { Acks } from './acks.js';
import { EarlyData } from './application-data.js';
import type { Association, HandshakeHost } from './association.js';
import { EarlierAttempts } from './earlier-attempts.js';
import { ticketKeysFailed } from './errors.js';
import { FlightSender } from './flights.js';
import { HandshakeReceiver, ReceivedFlight } from './handshake-receiver.js';
import { APPLICATION_EPOCH, HANDSHAKE_EPOCH, type KeyChanges } from './key-update.js';
import { isEstablished, isUndecided } from './life.js';
import { readReceivedAck } from './received-acks.js';
import type { Carried } from './saved-state.js';
import { Suspicion } from './suspicion.js';

/**
 * Messages that are processed per datagram. A flight has at most 8, and a datagram that fills a gap releases the
 * messages behind it.
 */
const MAX_MESSAGES = 32;

/** The start values of a handshake. */
interface HandshakeStart {
  readonly retry?: Retry13 | undefined;
  /** message_seq of the peer's first message. */
  readonly receiveSeq: number;
}

/** A client's handshake before a ServerHello. */
export interface Attempt {
  /** The random of its ClientHello. */
  readonly random: Uint8Array;
  /** A server has asked for the ClientHello again, with a cookie or another share. */
  readonly answered: boolean;
  /** It got no answer in time, and was repeated, unless {@link Handshake.passTurn} kept that back. */
  readonly repeated: boolean;
}

/**
 * Handshake records in, actions out: reassembly, the state machine, acknowledgements, early data, and failures that may be
 * forged. All that only handshake messages need is in here, so that a session without any lets go of it.
 */
export class Handshake implements Carried {
  readonly #association: Association;
  readonly #host: HandshakeHost;
  readonly #keys: KeyChanges;
  readonly #ctx: Context;
  readonly early: EarlyData;
  readonly suspicion = new Suspicion();
  /** Client: those before this one, once it has begun anew. */
  #earlier: EarlierAttempts | undefined;
  readonly #runner: Runner;
  readonly #flights: FlightSender;
  readonly #receiver: HandshakeReceiver;
  readonly #acks: Acks;
  readonly #incoming: ReceivedFlight;
  /** The epoch of the message before the next one. */
  #epoch = 0;
  /** The newest epoch of the peer in which it was asked for a KeyUpdate. */
  #askedIn = 0;
  /** Records that waited for keys may be read now. */
  #newKeys = false;
  /** Processed messages of the current datagram. */
  #messages = 0;
  /** The peer has sent a first message. */
  #isAnswered = false;
  /** The next repetition of our flight is kept back; one was. */
  #passes = false;
  #hasPassed = false;
  /** The current datagram has updated the peer's keys. */
  #renewed = false;
  /** To a job of the current step. */
  #answered: JobAnswer | undefined;

  constructor(
    association: Association,
    host: HandshakeHost,
    keys: KeyChanges,
    ctx: Context,
    { retry, receiveSeq }: HandshakeStart,
  ) {
    this.#association = association;
    this.#host = host;
    this.#keys = keys;
    this.#ctx = ctx;
    this.early = new EarlyData(association, ctx.destination.earlyData);
    this.#runner = new Runner(ctx, association.versions, retry);
    this.#flights = new FlightSender(association);
    this.#receiver = new HandshakeReceiver(association, host, this.#runner, this.#flights, receiveSeq);
    this.#acks = new Acks(association);
    this.#incoming = new ReceivedFlight(association);
  }

  /** `undefined` until it is chosen. */
  get version(): VersionFacts | undefined {
    return this.#runner.version;
  }

  /** DTLS 1.3: {@link updateKeys} would do something now. */
  get canUpdateKeys(): boolean {
    return this.#runner.canUpdateKeys;
  }

  /** DTLS 1.3: {@link updateKeys} would do something, now or later. */
  get hasNextKeys(): boolean {
    return this.#runner.hasNextKeys;
  }

  /** DTLS 1.3: our last message is unacknowledged. */
  get awaitsAck(): boolean {
    return this.#flights.awaits === 'ack';
  }

  /** No message is under way in either direction. */
  get isQuiet(): boolean {
    const awaits = this.#flights.awaits ?? 'nothing';
    return awaits === 'nothing' && !this.#acks.active && this.oldestMessage === undefined;
  }

  /** Its state is all that is needed of it, until the next message. */
  mayRest(now: Instant): boolean {
    return this.isQuiet && this.#receiver.mayRest(now);
  }

  get security(): Security {
    return this.#ctx.security;
  }

  /** It goes on with the settings of the client's name. */
  useSecurity(security: Security): void {
    this.#ctx.adopt(security);
  }

  /** It waits for the peer; otherwise for the answer to a job of ours, or for nothing. */
  get listens(): boolean {
    return this.#runner.ready;
  }

  /** The peer sends nothing without protection any more. */
  get peerProtects(): boolean {
    return this.#runner.peerProtects;
  }

  /** The peer has not yet proved the pre-shared key. */
  get doubtsPsk(): boolean {
    return this.#runner.doubtsPsk;
  }

  /** Server: the peer's identity is unknown, which is hidden from the peer. */
  get hidesUnknownPsk(): boolean {
    return this.#runner.hidesUnknownPsk;
  }

  /** Client: what it has reached before a ServerHello; `undefined` afterwards, and before its ClientHello. */
  get attempt(): Attempt | undefined {
    const hello = this.#runner.unansweredHello;
    if (hello === undefined) return undefined;
    const repeated = this.#hasPassed || this.#association.counters.retransmissions > 0;
    return { random: hello.random, answered: this.#isAnswered, repeated };
  }

  /** Client: the peer has begun a handshake of its own, in which a ClientHello is out of place: the next one is kept back. */
  passTurn(): void {
    this.#passes = true;
  }

  /** The association is over: nothing more is done for it. */
  #isOver(): boolean {
    return this.#association.life.at === 'closed';
  }

  /** Server: the answer to our flight begins in plaintext, whatever address it comes from (DTLS 1.2). */
  get awaitsPlaintext(): boolean {
    const { role, path } = this.#association;
    if (role === 'client' || !path.validated || this.#flights.awaits !== 'answer') return false;
    return this.#runner.version?.rules.acks === false && this.#runner.expectedEpoch === 0;
  }

  /** Our flight got no answer in time. */
  get isOverdue(): boolean {
    return this.#flights.isOverdue;
  }

  /** message_seq of the peer's next message. */
  get receiveSeq(): number {
    return this.#receiver.nextSeq;
  }

  fork(): Runner {
    return this.#runner.fork();
  }

  isBaseOf(fork: Runner): boolean {
    return this.#runner.isBaseOf(fork);
  }

  adopt(fork: Runner, messages: readonly Message[], actions: readonly Action[], now: Instant): void {
    this.#runner.adopt(fork);
    for (const message of messages) this.#incoming.note(message);
    this.#receiver.skip(messages.length);
    this.#perform(actions, now);
  }

  /** Of an open session, between two datagrams. */
  save(w: Writer, at: Instant): void {
    this.early.save(w);
    this.#runner.save(w);
    w.varint(this.#epoch).varint(this.#askedIn);
    this.#flights.save(w, at);
    this.#receiver.save(w, at);
    this.#acks.save(w);
  }

  /** After its epochs. */
  restore(r: Reader, at: Instant, session: Session): void {
    const { reader: read, writer: write } = this.#association.epochs;
    this.early.restore(r);
    if (r.failed || read === undefined) return r.fail();
    const { reopening } = this.#association.version(session.version);
    this.#runner.restore(r, (from) => reopening.readStage(from, session, { read, write }));
    this.#epoch = r.varint();
    this.#askedIn = r.varint();
    this.#flights.restore(r, at);
    this.#receiver.restore(r, at);
    this.#acks.restore(r);
    this.#isAnswered = true;
  }

  /** Numbers for records are reserved again. */
  onNumbers(now: Instant): void {
    this.#flights.onNumbers(now);
    this.settle(now);
  }

  /** A client's first flight. */
  start(now: Instant): void {
    this.#perform(this.#runner.start(), now);
  }

  /** The content of a handshake record; returns whether any of it was new. */
  receive(payload: Uint8Array, epoch: number, sequence: number, now: Instant): boolean {
    const request = this.#receiver.askedAnew(payload, epoch);
    if (request !== undefined) return this.#onAskedAnew(request, sequence, now);
    const duplicate = this.#receiver.isDuplicate(epoch, sequence);
    const { fresh, whole, repeated } = this.#receiver.receive(payload, epoch, duplicate, now);
    if (this.#isOver()) return false;
    const established = isEstablished(this.#association.life);
    // RFC 9147 §7: what was not kept must not be acknowledged. After the handshake nothing in plaintext is the peer's.
    if (whole && !duplicate && !(established && epoch === 0)) {
      this.#acks.onRecord(epoch, sequence);
      if (repeated && established) this.#acks.demand();
    }
    if (fresh) this.#association.reservation?.hold();
    if (fresh && epoch > 0) this.#onAnswered(now);
    if (fresh) this.#advance(now);
    return fresh;
  }

  /**
   * A HelloVerifyRequest that asks for the ClientHello anew. Anyone can send one. So our ClientHello is repeated once under
   * unpredictable record numbers; a server without state answers under the number of the record that it got (RFC 6347
   * §4.2.1).
   */
  #onAskedAnew(request: Message, sequence: number, now: Instant): boolean {
    if (!this.#flights.isAnswer(sequence)) {
      this.#association.drop('repeated_message');
      if (this.#flights.mayAnswer(sequence)) this.#flights.onRefusal();
      return false;
    }
    this.#receiver.restartAt(request.seq + 1);
    this.#begunAnew.onNewAssociation();
    this.#association.recordLimits = UNLIMITED;
    this.#messages++;
    this.#incoming.note(request);
    this.#perform(this.#runner.beginAnew(request), now);
    return true;
  }

  answer(answer: JobAnswer, now: Instant): void {
    this.#messages = 0;
    if (hasFailure(answer)) this.#onTicketKeysFailed(answer.failure);
    this.#perform(this.#runner.onAnswer(answer), now);
    this.#advance(now);
    if (!this.#isOver()) this.settle(now);
  }

  /**
   * There is no ticket, and a full handshake where one was offered. A client that is not reported yet is only
   * counted.
   */
  #onTicketKeysFailed({ cause }: Failure): void {
    const association = this.#association;
    association.counters.ticketKeyFailures++;
    if (!isUndecided(association.life))
      association.tell({ type: 'ticket-keys-failed', error: ticketKeysFailed(cause) });
  }

  /** DTLS 1.3: updates our sending keys, and asks the peer to do the same. */
  updateKeys(requestPeer: boolean, now: Instant): void {
    this.#perform(this.#runner.updateKeys(requestPeer), now);
  }

  /** DTLS 1.3: asks for a spare connection ID where there is none, or gives the peer another one. */
  changeIds(how: 'requestIds' | 'renewIds', now: Instant): void {
    this.#perform(this.#runner[how](), now);
  }

  /** Too many forgeries under the peer's keys of `epoch`: requests new ones once. */
  askForKeys(epoch: number, now: Instant): void {
    if (epoch <= this.#askedIn || !this.canUpdateKeys) return;
    this.#askedIn = epoch;
    this.updateKeys(true, now);
  }

  /** A datagram begins: what it may cause is counted from here. */
  onDatagram(): void {
    this.#messages = 0;
    this.#renewed = false;
    this.#flights.onDatagram();
  }

  /** A datagram is processed: answers its request for our flight, and sends due acknowledgements. */
  settle(now: Instant): void {
    this.#flights.settle(now);
    // Nothing is sent on our own initiative to an unvalidated peer.
    const { path } = this.#association;
    if (!this.#acks.active || !(path.validated || path.moved)) return;
    const { version } = this.#runner;
    // RFC 9147 §7: no ACK before a version with ACKs is chosen.
    if (version === undefined) return;
    if (!version.rules.acks) return this.#acks.forget();
    if (!isEstablished(this.#association.life) && this.#receiver.gap) this.#acks.onGap();
    this.#acks.settle(this.#flights.ackDelay, now);
  }

  /** The content of an ACK record; returns whether it acknowledged anything new. */
  onAck(content: Uint8Array, epoch: number, now: Instant): boolean {
    const numbers = readReceivedAck(content, epoch, {
      association: this.#association,
      host: this.#host,
      intake: this.#receiver,
      keys: this.#keys,
      retransmission: this.#flights,
      version: this.#runner.version,
    });
    if (numbers === undefined) return false;
    const news = this.#flights.onAck(numbers, now);
    if (news && this.#flights.delivered) this.#onDelivered(now);
    return news;
  }

  /** The first authentic record of `epoch`. Keys of early data do not depend on our ServerHello. */
  onHeard(epoch: number): void {
    if (this.#runner.version?.rules.acks === true && epoch >= HANDSHAKE_EPOCH)
      this.#flights.onPlaintextArrived();
  }

  /** A record waits for keys that the peer has and we have not. */
  onHeld(): void {
    if (this.#runner.version?.rules.acks === true && this.#epoch === 0) this.#acks.onUnreadable();
  }

  /** The current flight got no answer in time. */
  onTimeout(now: Instant): void {
    if (this.#passes) {
      this.#passes = false;
      this.#hasPassed = true;
      return this.#flights.passTurn(now);
    }
    this.#showNewestKeys();
    if (this.#flights.onTimeout(now)) this.#onDelivered(now);
    this.early.repeat();
  }

  /**
   * Client, DTLS 1.3: its Finished is repeated in the epoch of the handshake. Where the server has heard the next one, only a record
   * in that is newer than all before, and takes the server along to another address of ours (RFC 9146 §6), to which it then
   * acknowledges the Finished. RFC 9147 §7 has ACKs in the newest epoch; this one may name nothing.
   */
  #showNewestKeys(): void {
    const { life, cids, role } = this.#association;
    if (role === 'client' && life.at === 'finishing' && (cids?.send.length ?? 0) > 0) this.#acks.send();
  }

  /** The peer is validated: our flight is now retransmitted until it is answered. */
  onProved(now: Instant): void {
    this.#flights.onProved(now);
  }

  /** The system refused a datagram of `size` bytes, and flights have become smaller. */
  onTooLarge(size: number, now: Instant): void {
    this.#flights.onTooLarge(size, now);
  }

  /** Nothing is known of the path to the peer: the timer begins anew. */
  onNewPath(): void {
    this.#flights.onNewPath();
  }

  /** What the last answer to a flight of ours took, ms. */
  get roundTrip(): Duration | undefined {
    return this.#flights.roundTrip;
  }

  /** The peer may be gone: our flight is repeated once, before its timer runs out. */
  onDoubt(): void {
    this.#flights.onDoubt();
  }

  /** Lost records of our flight may be retransmitted. */
  onRepair(now: Instant): void {
    this.#flights.onRepair(now);
  }

  /** The peer may have another key: our flight is repeated once, so that the peer repeats its own. */
  askAgain(now: Instant): void {
    this.#flights.onDoubt();
    this.#flights.settle(now);
  }

  /** Client: a plaintext alert says that the peer refuses. */
  onRefusal(): void {
    this.#flights.onRefusal();
  }

  /**
   * Client: RFC 9147 §5.1 has a server that refuses a cookie send illegal_parameter, so that the client can begin again without
   * one. Returns whether it does.
   */
  restart({ alert }: DTLSError, now: Instant): boolean {
    if (alert !== 'illegal_parameter' || !this.#runner.mayRestart) return false;
    this.#begunAnew.onRestart(this.#association.plainWriter.sequence);
    this.#receiver.restartAt(0);
    this.#perform(this.#runner.restart(), now);
    return true;
  }

  /** Client: whether an alert with this number is a copy of one that {@link restart} has answered, or a late one like it. */
  takesForLate(sequence: number): boolean {
    return this.#earlier?.haveAlert(sequence) === true;
  }

  /** Whether a record of epoch 0 with this number answers the probe. */
  isAnswer(sequence: number): boolean {
    return this.#flights.isAnswer(sequence);
  }

  onAckTimeout(): void {
    this.#acks.send();
  }

  /** The start of the oldest message that is not processed yet. */
  get oldestMessage(): Instant | undefined {
    return this.#receiver.oldest;
  }

  /** Drops the messages that began at `instant` or before, and are not processed yet. */
  forgetMessagesUntil(instant: Instant): void {
    this.#receiver.forgetUntil(instant);
  }

  /** Drops all messages that are not processed yet; `why` counts them. */
  forgetMessages(why?: 'evicted'): void {
    this.#receiver.forgetAll(why);
  }

  forgetFlight(): void {
    this.#flights.end();
  }

  /** The peer has shown that it finished the handshake, without acknowledging our last flight. */
  forgoAck(now: Instant): void {
    this.#onDelivered(now);
  }

  #advance(now: Instant): void {
    if (this.#messages === MAX_MESSAGES) return this.#association.drop('too_many_messages');
    while (this.#runner.ready && !this.#isOver() && this.#messages < MAX_MESSAGES) {
      const message = this.#receiver.take();
      if (message === undefined) return;
      if (this.#isEarlier(message)) {
        this.#association.drop('repeated_message');
        return this.#receiver.restartAt(message.seq);
      }
      this.#messages++;
      this.#incoming.note(message);
      // It refuses a cookie that a server has taken: what came before belongs to another association, of an address that we left.
      if (message.type === HandshakeType.hello_verify_request && message.seq > 0) {
        this.#receiver.forgetAll();
        this.#begunAnew.onNewAssociation();
      }
      this.#perform(this.#runner.onMessage(message), now);
      if (!this.#isAnswered) this.#tellAnswered();
    }
  }

  #isEarlier({ type }: Message): boolean {
    return this.#earlier?.haveMessage(type, this.#runner.unansweredHello !== undefined) === true;
  }

  get #begunAnew(): EarlierAttempts {
    this.#earlier ??= new EarlierAttempts();
    return this.#earlier;
  }

  #tellAnswered(): void {
    if (this.#isOver()) return;
    this.#isAnswered = true;
    if (this.#association.role === 'client') this.#association.tell({ type: 'answered' });
  }

  #perform(actions: readonly Action[], now: Instant): void {
    if (actions.length > 0) this.#association.reservation?.hold();
    for (const action of actions) {
      // After an action has ended the association, no later action may begin anything.
      if (this.#isOver()) return;
      this.#performOne(action, now);
    }
    if (this.#isOver()) return;
    this.#onEpoch(this.#runner.expectedEpoch, now);
    if (this.#newKeys) {
      this.#newKeys = false;
      this.#host.onKeysToRead(now);
    }
    const answer = this.#answered;
    if (answer === undefined || this.#isOver()) return;
    this.#answered = undefined;
    if (hasFailure(answer)) this.#onTicketKeysFailed(answer.failure);
    this.#perform(this.#runner.onAnswer(answer), now);
  }

  /** Most jobs are done at once: an event and a call for each would cost as much as the rest of a step. */
  #ask(job: Job): void {
    const association = this.#association;
    if (!isUndecided(association.life)) this.#answered = association.performer?.(job, this.#ctx.security);
    if (this.#answered === undefined) association.tell({ type: 'job', id: association.jobs.ask(job), job });
  }

  /**
   * RFC 9147 §7.2: any part of the answer acknowledges the whole flight, and the peer has to repeat the rest. In
   * epoch 0, where it may be forged, that needs the whole ServerHello.
   */
  #onAnswered(now: Instant): void {
    if (this.#runner.version?.rules.acks === true) this.#flights.onAnswered(now);
  }

  /** RFC 8446 §5.1: no message spans a change of keys. */
  #onEpoch(epoch: number, now: Instant): void {
    if (epoch === this.#epoch) return;
    const before = this.#epoch;
    this.#epoch = epoch;
    if (this.#association.role === 'client') this.#onAnswered(now);
    const stray = this.#receiver.onlyEpoch(epoch);
    // In epoch 0 they may be forged.
    if (stray > 0 && before > 0 && this.#runner.version?.rules.violationsAreFatal === true)
      this.#host.onFailure(
        violation('unexpected_message', 'a message follows a change of keys in the old epoch'),
      );
  }

  #performOne(action: Action, now: Instant): void {
    switch (action.do) {
      case 'send': {
        const { type, seq, epoch, body } = action;
        this.#flights.add({ kind: 'message', type, seq, epoch, body });
        return;
      }
      case 'send-change-cipher-spec':
        this.#flights.add({ kind: 'change-cipher-spec', epoch: 0 });
        return;
      case 'end-flight':
        this.#beginFlight(action.awaits, now);
        return;
      case 'acknowledge':
        this.#incoming.tell();
        this.#acks.demand();
        return;
      case 'use-connection-ids':
        this.#association.useConnectionIds(action, this.#runner.version?.rules.typeBytes ?? 1);
        return;
      case 'install-keys':
        this.#keys.install(action);
        if (action.direction === 'read') this.#onKeysToRead(action.epoch);
        return;
      case 'connected':
        this.#onConnected(action.session, now);
        return;
      case 'fail':
        this.#incoming.tell();
        this.#host.onFailure(action.error);
        return;
      case 'ask':
        this.#ask(action.job);
        return;
      case 'refuse-renegotiation':
        this.#receiver.refuseRenegotiation(now);
        return;
      default:
        performPlain(action, this.#association, this.#host, this.early, now);
    }
  }

  /** RFC 9147 §8: no KeyUpdate follows another one before that is acknowledged, which happens after this datagram. */
  #onKeysToRead(epoch: number): void {
    this.#newKeys = true;
    if (epoch <= APPLICATION_EPOCH) return;
    if (this.#renewed) {
      const text = 'the peer renewed its keys twice without waiting for an ACK';
      this.#host.onFailure(violation('unexpected_message', text));
    }
    this.#renewed = true;
  }

  /** Where peers do not acknowledge records, what does not fit would wait for the client's timer. */
  #fitsPath(): boolean {
    const { path } = this.#association;
    if (path.validated || path.moved) return true;
    return this.#runner.version?.rules.acks !== false || path.grants(this.#flights.size);
  }

  #beginFlight(awaits: Awaits, now: Instant): void {
    if (!this.#fitsPath()) return this.#host.onDecline('flight_size');
    this.#incoming.tell();
    if (!isEstablished(this.#association.life)) {
      this.#acks.forget();
      this.#receiver.onFlight();
    }
    this.#flights.begin(awaits, this.#runner.version?.rules.acks !== false, now);
  }

  #onConnected(session: Session, now: Instant): void {
    this.#incoming.tell();
    // Records that still wait for keys are dropped.
    this.#newKeys = true;
    const { awaits } = this.#flights;
    const finishing = awaits === 'ack';
    if (awaits === 'answer') this.#flights.end();
    if (this.early.takes) this.#keys.closeEarly(now);
    // An unacknowledged last flight of ours is still a part of the handshake.
    if (!finishing) this.#association.timers.stop('handshake');
    if (this.#runner.version?.rules.acks === true && !finishing) this.#keys.forgetOldWriters();
    this.#host.onConnected(session, finishing, now);
  }

  /** What awaited an ACK has arrived, or is abandoned. */
  #onDelivered(now: Instant): void {
    if (this.#flights.awaits !== 'ack') return;
    this.#flights.end();
    this.#host.onFinished(now);
    this.#association.timers.stop('handshake');
    this.#perform(this.#runner.onAcknowledged(), now);
    this.#keys.forgetOldWriters();
  }
}

/** Actions that need none of the handshake's own state. */
type PlainAction = Extract<
  Action,
  {
    do:
      | 'limit-records'
      | 'log-secret'
      | 'peer-connection-ids'
      | 'keep-session'
      | 'ticket'
      | 'send-early-data'
      | 'early-data'
      | 'decline';
  }
>;

function performPlain(
  action: PlainAction,
  association: Association,
  host: HandshakeHost,
  early: EarlyData,
  now: Instant,
): void {
  switch (action.do) {
    case 'limit-records':
      association.recordLimits = action.limits;
      return;
    case 'peer-connection-ids':
      association.onPeerIds(action.cids, action.immediate);
      return;
    case 'log-secret': {
      const { label, clientRandom, secret } = action;
      if (association.tellsSecrets) association.tell({ type: 'secret', label, clientRandom, secret });
      return;
    }
    case 'keep-session': {
      const { sessionId, state } = action;
      association.tell({ type: 'keep-session', sessionId, state });
      return;
    }
    case 'ticket':
      association.tell({ type: 'ticket', ticket: action.ticket });
      return;
    case 'send-early-data':
      early.send(action);
      return;
    case 'early-data':
      if (action.accepted) host.onEarlyAccepted(now);
      early.onAnswer(action);
      return;
    case 'decline':
      host.onDecline(action.reason);
      return;
  }
}

/** The keys of tickets could not be had. Own properties count, as in all that may be left out. */
function hasFailure(answer: JobAnswer): answer is JobAnswer & { readonly failure: Failure } {
  if (answer.kind !== 'open-ticket' && answer.kind !== 'seal-ticket') return false;
  return Object.hasOwn(answer, 'failure') && answer.failure !== undefined;
}
