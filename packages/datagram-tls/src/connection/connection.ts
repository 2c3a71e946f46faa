import { Alert, AlertLevel } from '../base/alerts.js';
import { DTLSError, invalidState, tooLarge } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import { Context } from '../handshake/context.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { DropReason as RecordDropReason } from '../record/drop.js';
import { MAX_PLAINTEXT } from '../record/header.js';
import { PlainReader, PlainWriter } from '../record/plain.js';
import { ContentType } from '../wire/codes.js';
import { type AlertMessage, decodeAlert } from '../wire/messages/alert.js';
import { peerAlert, sendAlert, traceReceived } from './alerts.js';
import { Association, type Counters } from './association.js';
import type { ConnectionEvent } from './events.js';
import { Handshake, type HandshakeHost } from './handshake.js';
import { Receive, type RecordSink } from './receive.js';

/** Where a connection begins in the peer's numbering. All zero for a client and for a server that asks for no cookie. */
export interface Beginning {
  /** message_seq of our first message. */
  readonly sendSeq: number;
  /** message_seq of the first message we expect. */
  readonly receiveSeq: number;
  /** Record sequence number of our first record in epoch 0. */
  readonly recordSequence: number;
}

export const FROM_ZERO: Beginning = { sendSeq: 0, receiveSeq: 0, recordSequence: 0 };

type Phase = 'idle' | 'handshaking' | 'connected' | 'closing' | 'closed';

/** How long we wait for the answer to our close_notify, ms. */
const CLOSE_LINGER: Duration = 500;
/** Application data that overtakes the peer's Finished is kept up to this many bytes; an empty message costs some too. */
const EARLY_BUDGET = 16_384;
const EARLY_COST = 64;

/**
 * One association, without socket, clock or randomness of its own. After each call that takes an instant drain
 * {@link pollTransmit} and {@link pollEvent}, and call {@link handleTimeout} at {@link pollTimeout}.
 */
export class Connection implements RecordSink, HandshakeHost {
  readonly #association: Association;
  readonly #receive: Receive;
  readonly #handshake: Handshake;
  #phase: Phase = 'idle';
  #session: Session | undefined;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  /** A plaintext alert that anybody could have sent: believed only if the handshake then stands still. */
  #suspicion: DTLSError | undefined;
  /** The peer has proved that it holds keys. */
  #authentic = false;

  constructor(security: Security, behaviour: Behaviour, destination: Destination, beginning: Beginning) {
    this.#association = new Association(security, behaviour);
    this.#association.epochs.installReader(new PlainReader());
    this.#association.epochs.installWriter(new PlainWriter(beginning.recordSequence));
    this.#receive = new Receive(this.#association, this);
    const ctx = new Context(security, behaviour, destination, beginning.sendSeq);
    this.#handshake = new Handshake(this.#association, this, ctx, beginning.receiveSeq);
  }

  get counters(): Readonly<Counters> {
    return this.#association.counters;
  }

  /** `undefined` until the handshake is done; it outlives the connection. */
  get session(): Session | undefined {
    return this.#session;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Largest message that fits one datagram, bytes. */
  get maxMessageSize(): number {
    return Math.min(
      this.#association.behaviour.mtu - this.#association.epochs.writer.overhead,
      MAX_PLAINTEXT,
    );
  }

  /** Begins: a client sends its first flight, a server waits for one. */
  start(now: Instant): void {
    this.#phase = 'handshaking';
    const { behaviour, timers, security } = this.#association;
    if (behaviour.handshakeTimeout > 0) timers.set('handshake', now + behaviour.handshakeTimeout);
    if (security.role === 'client') this.#handshake.start(now);
  }

  /** Returns whether anything in `datagram` was of use. The bytes are not kept. */
  receive(datagram: Uint8Array, now: Instant): boolean {
    if (this.#phase === 'closed') {
      this.#association.drop('closed');
      return false;
    }
    const { counters } = this.#association;
    counters.datagramsReceived++;
    counters.bytesReceived += datagram.length;
    return this.#receive.datagram(datagram, now);
  }

  /**
   * Sends one message as one datagram. Throws `ERR_INVALID_STATE` before the handshake is done and after the end, and
   * `ERR_OUT_OF_RANGE` when the message is larger than {@link maxMessageSize}.
   */
  send(data: Uint8Array): void {
    if (this.#phase !== 'connected') throw notOpen(this.#phase);
    const { epochs, counters, transmit } = this.#association;
    if (data.length > this.maxMessageSize) {
      throw tooLarge(
        `data is ${data.length} bytes, which exceeds the ${this.maxMessageSize} byte maximum for a single datagram`,
      );
    }
    if (epochs.writer.state === 'exhausted') throw this.#exhausted();
    transmit.record(epochs.writer, ContentType.application_data, data);
    counters.messagesSent++;
    counters.payloadSent += data.length;
  }

  /** Says close_notify and ends: at once during the handshake, else when the peer answers or does not for a while. */
  close(now: Instant): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    if (this.#phase === 'idle') return this.#end(undefined);
    sendAlert(this.#association, 'warning', 'close_notify');
    if (this.#phase === 'handshaking') return this.#end(undefined);
    this.#phase = 'closing';
    this.#association.timers.stopAll();
    this.#association.timers.set('close', now + CLOSE_LINGER);
  }

  /** Ends without waiting for anything; says close_notify if keys are there. */
  abandon(error: DTLSError | undefined): void {
    if (this.#phase === 'connected') sendAlert(this.#association, 'warning', 'close_notify');
    this.#end(error);
  }

  /** The same client began anew and has proved it: this association ends without a word to anyone. */
  supersede(): void {
    this.#end(undefined);
  }

  handleTimeout(now: Instant): void {
    const { timers } = this.#association;
    for (let name = timers.takeDue(now); name !== undefined; name = timers.takeDue(now)) {
      switch (name) {
        case 'retransmit':
          this.#onRetransmit(now);
          break;
        case 'handshake':
          this.onFailure(this.#suspicion ?? handshakeTimeout());
          break;
        case 'forget-flight':
          this.#handshake.forgetFlight();
          break;
        case 'close':
          this.#end(undefined);
          break;
      }
    }
  }

  /** The answer to the job of the last `job` event. */
  handleAnswer(answer: JobAnswer, now: Instant): void {
    if (this.#phase === 'handshaking') this.#handshake.answer(answer, now);
  }

  /** The next datagram to send; the caller owns it. */
  pollTransmit(): Uint8Array | undefined {
    return this.#association.transmit.poll();
  }

  pollEvent(): ConnectionEvent | undefined {
    return this.#association.pollEvent();
  }

  /** When {@link handleTimeout} is to be called; `undefined` when there is nothing to wait for. */
  pollTimeout(): Instant | undefined {
    return this.#association.timers.next();
  }

  onContent(type: number, epoch: number, content: Uint8Array, now: Instant): boolean {
    if (epoch > 0) this.#authentic = true;
    switch (type) {
      case ContentType.application_data:
        return this.#onData(epoch, content);
      case ContentType.handshake:
        return this.#onHandshake(content, epoch, now);
      case ContentType.alert:
        return this.#onAlert(epoch, content);
      case ContentType.change_cipher_spec:
        return this.#onChangeCipherSpec(epoch, content);
      default:
        this.#association.drop('unexpected_type');
        return false;
    }
  }

  mayHold(epoch: number): boolean {
    return this.#phase === 'handshaking' && epoch > (this.#association.epochs.reader?.epoch ?? 0);
  }

  isClosed(): boolean {
    return this.#phase === 'closed';
  }

  onFatalRecord(reason: RecordDropReason): void {
    const alert = reason === 'record_overflow' ? reason : 'bad_record_mac';
    this.onFailure(new DTLSError('ERR_DTLS_RECORD', `the session ended on a record: ${reason}`, { alert }));
  }

  onConnected(session: Session): void {
    this.#phase = 'connected';
    this.#session = session;
    this.#suspicion = undefined;
    this.#receive.forgetHeld();
    this.#association.tell({ type: 'connected', session });
    for (const data of this.#early) this.#deliver(data);
    this.#early = [];
  }

  onKeysToRead(now: Instant): void {
    this.#receive.releaseHeld(now);
  }

  onWarning(alert: 'no_renegotiation' | 'user_canceled'): void {
    sendAlert(this.#association, 'warning', alert);
  }

  onFailure(error: DTLSError): void {
    if (this.#phase === 'closed') return;
    if (error.source === 'local' && error.alert !== undefined)
      sendAlert(this.#association, 'fatal', error.alert);
    this.#end(error);
  }

  #onHandshake(content: Uint8Array, epoch: number, now: Instant): boolean {
    const fresh = this.#handshake.receive(content, epoch, now);
    if (fresh) this.#suspicion = undefined;
    return fresh;
  }

  #onData(epoch: number, content: Uint8Array): boolean {
    if (epoch === 0) {
      this.#association.drop('unprotected_data');
      return false;
    }
    if (this.#phase === 'connected') this.#deliver(content);
    else if (this.#phase === 'closing') this.#association.drop('closed');
    else if (this.#earlyBytes + content.length + EARLY_COST > EARLY_BUDGET)
      this.#association.drop('over_budget');
    else {
      this.#early.push(content);
      this.#earlyBytes += content.length + EARLY_COST;
    }
    return true;
  }

  #deliver(data: Uint8Array): void {
    this.#association.counters.messagesReceived++;
    this.#association.counters.payloadReceived += data.length;
    this.#association.tell({ type: 'message', data });
  }

  /** In DTLS 1.2 the epoch in a record's header says as much, and says it reliably: this message only has to be right. */
  #onChangeCipherSpec(epoch: number, content: Uint8Array): boolean {
    if (epoch === 0 && content.length === 1 && content[0] === 1 && this.#phase === 'handshaking')
      return false;
    this.#association.drop('bad_change_cipher_spec');
    return false;
  }

  #onAlert(epoch: number, content: Uint8Array): boolean {
    const alert = decodeAlert(content);
    if (alert === undefined) {
      this.#association.drop('malformed_alert');
      return false;
    }
    if (epoch === 0) return this.#onPlainAlert(alert);
    traceReceived(this.#association, alert);
    if (alert.description === Alert.close_notify) this.#onCloseNotify();
    else if (alert.level === AlertLevel.fatal) this.#end(peerAlert(alert));
    return true;
  }

  /** Anybody can send it: it counts for nothing after the handshake, and during it only if nothing better comes. */
  #onPlainAlert(alert: AlertMessage): boolean {
    if (this.#authentic || this.#phase !== 'handshaking' || this.#handshake.peerProtects) {
      this.#association.drop('unauthenticated_alert');
      return false;
    }
    traceReceived(this.#association, alert);
    const ends = alert.level === AlertLevel.fatal || alert.description === Alert.close_notify;
    if (ends) this.#suspicion = peerAlert(alert);
    return false;
  }

  /** RFC 5246 §7.2.1: answered with our own, unless ours came first. */
  #onCloseNotify(): void {
    if (this.#phase === 'handshaking')
      return this.#end(peerAlert({ level: 1, description: Alert.close_notify }));
    if (this.#phase === 'connected') sendAlert(this.#association, 'warning', 'close_notify');
    this.#end(undefined);
  }

  #onRetransmit(now: Instant): void {
    if (this.#suspicion !== undefined) return this.#end(this.#suspicion);
    this.#handshake.onTimeout(now);
  }

  #exhausted(): Error {
    const error = new DTLSError('ERR_DTLS_KEY_LIMIT', 'the keys of this session have protected all they may');
    this.#end(error);
    return error;
  }

  #end(error: DTLSError | undefined): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#association.timers.stopAll();
    this.#receive.forgetHeld();
    this.#early = [];
    this.#association.tell({ type: 'closed', error });
  }
}

function notOpen(phase: Phase): Error {
  return phase === 'idle' || phase === 'handshaking'
    ? invalidState('Cannot send application data before the handshake completes')
    : invalidState('Session is destroyed');
}

function handshakeTimeout(): DTLSError {
  return new DTLSError('ERR_DTLS_HANDSHAKE_TIMEOUT', 'DTLS handshake timeout', { source: 'network' });
}
