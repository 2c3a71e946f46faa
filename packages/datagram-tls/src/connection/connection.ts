import { Alert, AlertLevel, type AlertName } from '../base/alerts.js';
import { DTLSError, invalidState, tooLarge, violation } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import { Context } from '../handshake/context.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { Retry13 } from '../handshake/v13/retry-request.js';
import type { DropReason as RecordDropReason } from '../record/drop.js';
import { MAX_PLAINTEXT } from '../record/header.js';
import { PlainReader, PlainWriter } from '../record/plain.js';
import { ContentType } from '../wire/codes.js';
import { type AlertMessage, decodeAlert } from '../wire/messages/alert.js';
import { peerAlert, sendAlert, traceReceived } from './alerts.js';
import { Association, type Counters } from './association.js';
import type { DropReason } from './drops.js';
import type { ConnectionEvent } from './events.js';
import { Handshake, type HandshakeHost } from './handshake.js';
import { Inbound } from './inbound.js';
import { HANDSHAKE_EPOCH, KeyChanges } from './key-changes.js';
import { Receive, type RecordSink } from './receive.js';

/** Where a connection begins in the peer's numbering. All zero for a client and for a server that asks for no cookie. */
export interface Beginning {
  /** message_seq of our first message. */
  readonly sendSeq: number;
  /** message_seq of the first message we expect. */
  readonly receiveSeq: number;
  /** Record sequence number of our first record in epoch 0. */
  readonly recordSequence: number;
  /** Server: the HelloRetryRequest that was sent without state, and which the first message answers. */
  readonly retry?: Retry13 | undefined;
}

export const FROM_ZERO: Beginning = { sendSeq: 0, receiveSeq: 0, recordSequence: 0 };

type Phase = 'idle' | 'handshaking' | 'connected' | 'closing' | 'closed';

/** How long we wait for the answer to our close_notify, ms. */
const CLOSE_LINGER: Duration = 500;
/** The same while the peer may lack our last flight, without which it cannot read the close_notify either. */
const UNACKNOWLEDGED_LINGER: Duration = 3000;
/** A handshake ends in epoch 1 in DTLS 1.2, and with the first keys of the session, epoch 3, in 1.3. */
const LAST_EPOCH_OF_HANDSHAKE = 3;
/** A time that is always over: a timer set to it asks for the next call. */
const AT_ONCE: Instant = Number.NEGATIVE_INFINITY;

/**
 * One association, without socket, clock or randomness of its own. After each call that takes an instant drain
 * {@link pollTransmit} and {@link pollEvent}, and call {@link handleTimeout} at {@link pollTimeout}.
 */
export class Connection implements RecordSink, HandshakeHost {
  readonly #association: Association;
  readonly #receive: Receive;
  readonly #handshake: Handshake;
  readonly #keys: KeyChanges;
  readonly #inbound: Inbound;
  #phase: Phase = 'idle';
  #session: Session | undefined;
  /** A plaintext alert that anybody could have sent: believed only if the handshake then stands still. */
  #suspicion: DTLSError | undefined;
  /** Records that do not open while the peer still has to show that it has our pre-shared key. */
  #forgeries = 0;

  constructor(security: Security, behaviour: Behaviour, destination: Destination, beginning: Beginning) {
    const association = new Association(security, behaviour);
    this.#association = association;
    association.epochs.installReader(new PlainReader());
    association.epochs.installWriter(new PlainWriter(beginning.recordSequence));
    this.#receive = new Receive(association, this);
    this.#keys = new KeyChanges(association);
    this.#inbound = new Inbound(association);
    const ctx = new Context(security, behaviour, destination, beginning.sendSeq);
    const { receiveSeq, retry } = beginning;
    this.#handshake = new Handshake(association, this, this.#keys, ctx, receiveSeq, retry);
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
    const useful = this.#receive.datagram(datagram, now);
    if (!this.isClosed()) this.#handshake.settle(now);
    return useful;
  }

  /**
   * Sends one message as one datagram. Throws `ERR_INVALID_STATE` before the handshake is done and after the end, and
   * `ERR_OUT_OF_RANGE` when the message is larger than {@link maxMessageSize}.
   */
  send(data: Uint8Array): void {
    if (this.#phase !== 'connected') throw notOpen(this.#phase);
    const { epochs, counters, transmit, behaviour } = this.#association;
    const { writer } = epochs;
    if (data.length > this.maxMessageSize) {
      throw tooLarge(
        `data is ${data.length} bytes, which exceeds the ${this.maxMessageSize} byte maximum for a single datagram`,
      );
    }
    const { state } = writer;
    if (state === 'exhausted') throw this.#exhausted();
    transmit.record(writer, ContentType.application_data, data);
    counters.messagesSent++;
    counters.payloadSent += data.length;
    if (state === 'update-due' || writer.sequence >= behaviour.recordsPerKey) this.#wearOut();
  }

  /**
   * DTLS 1.3: goes over to new keys for sending, once the peer has acknowledged that. `requestPeer`: the peer is to do
   * the same. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS 1.2, which has no such thing.
   */
  updateKeys({ requestPeer }: { readonly requestPeer: boolean }, now: Instant): void {
    if (this.#phase !== 'connected') throw notOpen(this.#phase);
    this.#handshake.updateKeys(requestPeer, now);
  }

  /**
   * Says close_notify. The end comes at once during the handshake and when the peer has said so before, else when it
   * does, or does not for a while; until then its messages are delivered in DTLS 1.3.
   */
  close(now: Instant): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    if (this.#phase === 'idle') return this.#end(undefined);
    sendAlert(this.#association, 'warning', 'close_notify');
    if (this.#phase === 'handshaking' || this.#inbound.ended) return this.#end(undefined);
    this.#phase = 'closing';
    const { timers } = this.#association;
    if (this.#handshake.finishing) return timers.set('close', now + UNACKNOWLEDGED_LINGER);
    timers.stopAll();
    timers.set('close', now + CLOSE_LINGER);
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
        case 'ack':
          this.#handshake.onAckTimeout();
          break;
        case 'handshake':
          this.#onHandshakeTimeout(now);
          break;
        case 'update-keys':
          if (this.#handshake.canUpdateKeys) this.#handshake.updateKeys(false, now);
          break;
        case 'forget-epochs':
          this.#keys.forgetOldReaders();
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

  onContent(type: number, epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean {
    if (epoch > this.#keys.heard) this.#keys.onHeard(epoch, now);
    switch (type) {
      case ContentType.application_data:
        return this.#onData(epoch, sequence, content);
      case ContentType.handshake:
        return this.#onHandshake(content, epoch, sequence, now);
      case ContentType.alert:
        return this.#onAlert(epoch, sequence, content, now);
      case ContentType.ack:
        return this.#onAck(content, epoch, now);
      case ContentType.change_cipher_spec:
        return this.#onChangeCipherSpec(epoch, content);
      default:
        return this.#refuse(epoch, 'unexpected_type', 'unexpected_message', `a record of type ${type}`);
    }
  }

  mayHold(epoch: number): boolean {
    const newest = this.#association.epochs.reader?.epoch ?? 0;
    return this.#phase === 'handshaking' && epoch > newest && epoch <= LAST_EPOCH_OF_HANDSHAKE;
  }

  onHeld(): void {
    this.#handshake.onHeld();
  }

  /**
   * One record that does not open is damage or mischief. Two that ought to be the peer's Finished, and no good one until
   * our timer runs: then the keys differ, and to wait longer would not help.
   */
  onForgery(): void {
    if (this.#phase !== 'handshaking' || !this.#handshake.doubtsPsk) return;
    this.#forgeries++;
    if (this.#forgeries >= 2) this.#suspicion ??= pskMismatch();
  }

  isClosed(): boolean {
    return this.#phase === 'closed';
  }

  onFatalRecord(reason: RecordDropReason): void {
    const alert = FATAL_RECORDS[reason] ?? 'bad_record_mac';
    this.onFailure(new DTLSError('ERR_DTLS_RECORD', `the session ended on a record: ${reason}`, { alert }));
  }

  onConnected(session: Session): void {
    if (this.#phase !== 'handshaking') return;
    this.#phase = 'connected';
    this.#session = session;
    this.#suspicion = undefined;
    this.#association.tell({ type: 'connected', session });
    this.#inbound.release();
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

  /** DTLS 1.3 is chosen. */
  get #is13(): boolean {
    return this.#handshake.version === 'DTLSv1.3';
  }

  #onAck(content: Uint8Array, epoch: number, now: Instant): boolean {
    const news = this.#handshake.onAck(content, epoch, now);
    if (news) this.#suspicion = undefined;
    return news;
  }

  #onHandshake(content: Uint8Array, epoch: number, sequence: number, now: Instant): boolean {
    const fresh = this.#handshake.receive(content, epoch, sequence, now);
    if (fresh) this.#suspicion = undefined;
    return fresh;
  }

  #onData(epoch: number, sequence: number, content: Uint8Array): boolean {
    if (epoch === 0 || epoch === HANDSHAKE_EPOCH)
      return this.#refuse(epoch, 'unprotected_data', 'unexpected_message', 'application data');
    if (this.#inbound.isAfterEnd(epoch, sequence)) this.#association.drop('closed');
    else if (this.#phase === 'connected') this.#inbound.deliver(content);
    else if (this.#phase === 'handshaking') this.#inbound.keep(content);
    // RFC 8446 §6.1: our close_notify says nothing about the peer's direction.
    else if (this.#is13) this.#inbound.deliver(content);
    else this.#association.drop('closed');
    return true;
  }

  /** In DTLS 1.2 the epoch in a record's header says as much, and says it reliably: this message only has to be right. */
  #onChangeCipherSpec(epoch: number, content: Uint8Array): boolean {
    if (epoch === 0 && content.length === 1 && content[0] === 1 && this.#phase === 'handshaking')
      return false;
    return this.#refuse(epoch, 'bad_change_cipher_spec', 'unexpected_message', 'a ChangeCipherSpec');
  }

  #onAlert(epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean {
    const alert = decodeAlert(content);
    if (alert === undefined) {
      // RFC 8446 §5.4: an empty record is out of place; other bytes are just wrong.
      const answer = content.length === 0 ? 'unexpected_message' : 'decode_error';
      return this.#refuse(epoch, 'malformed_alert', answer, 'a malformed alert');
    }
    if (epoch === 0) return this.#onPlainAlert(alert, now);
    traceReceived(this.#association, alert);
    if (alert.description === Alert.close_notify) this.#onCloseNotify(epoch, sequence, now);
    else if (isFatal(alert, this.#is13)) this.#end(peerAlert(alert));
    return true;
  }

  /** Anybody can send it: it counts for nothing after the handshake, and during it only if nothing better comes. */
  #onPlainAlert(alert: AlertMessage, now: Instant): boolean {
    if (this.#keys.heard > 0 || this.#phase !== 'handshaking' || this.#handshake.peerProtects) {
      this.#association.drop('unauthenticated_alert');
      return false;
    }
    traceReceived(this.#association, alert);
    const ends = alert.level === AlertLevel.fatal || alert.description === Alert.close_notify;
    if (!ends || this.#suspicion !== undefined) return false;
    // If the peer is still there it will answer what it has answered before: that gives the alert the lie.
    this.#suspicion = peerAlert(alert, this.#handshake.doubtsPsk);
    this.#handshake.onDoubt(now);
    return false;
  }

  /**
   * RFC 5246 §7.2.1: answered with our own, unless ours came first. In DTLS 1.3 each direction ends by itself
   * (RFC 8446 §6.1), and ours goes on if we are set to let it.
   */
  #onCloseNotify(epoch: number, sequence: number, now: Instant): void {
    if (this.#phase === 'handshaking')
      return this.#end(peerAlert({ level: AlertLevel.warning, description: Alert.close_notify }));
    if (this.#inbound.ended) return;
    this.#inbound.end(epoch, sequence);
    if (this.#phase === 'closing') return this.#end(undefined);
    if (this.#is13) this.#association.tell({ type: 'peer-closed' });
    if (!this.#is13 || !this.#association.behaviour.allowHalfOpen) this.close(now);
  }

  /** What is not allowed in an authentic record of DTLS 1.3 ends the session; all else is discarded (RFC 9147 §4.5.2). */
  #refuse(epoch: number, reason: DropReason, alert: AlertName, what: string): false {
    this.#association.drop(reason);
    if (epoch > 0 && this.#is13)
      this.onFailure(violation(alert, `the peer sent ${what}, which has no place here`));
    return false;
  }

  #onRetransmit(now: Instant): void {
    if (this.#suspicion !== undefined) return this.onFailure(this.#suspicion);
    this.#handshake.onTimeout(now);
  }

  /** A server that was heard under the keys of the session is done with the handshake, whether it says so or not. */
  #onHandshakeTimeout(now: Instant): void {
    if (this.#keys.heard > HANDSHAKE_EPOCH) this.#handshake.forgoAck(now);
    else this.onFailure(this.#suspicion ?? handshakeTimeout(this.#handshake.doubtsPsk));
  }

  /** The keys we send with have nearly served their time; DTLS 1.2 has no others. */
  #wearOut(): void {
    if (this.#handshake.canUpdateKeys) this.#association.timers.set('update-keys', AT_ONCE);
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
    this.#inbound.forget();
    this.#association.tell({ type: 'closed', error });
  }
}

/** RFC 8446 §5.2, §5.4. */
const FATAL_RECORDS: Partial<Record<RecordDropReason, AlertName>> = {
  record_overflow: 'record_overflow',
  no_content_type: 'unexpected_message',
};

/** In DTLS 1.3 an alert's level says nothing: only these two are no errors (RFC 8446 §6). */
function isFatal(alert: AlertMessage, is13: boolean): boolean {
  if (!is13) return alert.level === AlertLevel.fatal;
  return alert.description !== Alert.close_notify && alert.description !== Alert.user_canceled;
}

function notOpen(phase: Phase): Error {
  return phase === 'idle' || phase === 'handshaking'
    ? invalidState('Cannot send application data before the handshake completes')
    : invalidState('Session is destroyed');
}

function handshakeTimeout(doubtsPsk: boolean): DTLSError {
  const hint = doubtsPsk ? ': the peer may have another pre-shared key' : '';
  return new DTLSError('ERR_DTLS_HANDSHAKE_TIMEOUT', `DTLS handshake timeout${hint}`, { source: 'network' });
}

function pskMismatch(): DTLSError {
  return violation(
    'decrypt_error',
    'the peer does not seem to have the same pre-shared key for its identity',
    'ERR_DTLS_PSK_MISMATCH',
  );
}
