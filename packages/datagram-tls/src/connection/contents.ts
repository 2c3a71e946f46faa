import { Alert, AlertLevel, type AlertName } from '../base/alerts.js';
import type { CodedAlert } from '../base/error-codes.js';
import { DTLSError, violation } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { DropReason as RecordDropReason } from '../record/header.js';
import type { RecordReader } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import { type AlertMessage, decodeAlert } from '../wire/messages/alert.js';
import { RoutabilityType } from '../wire/messages/return-routability.js';
import type { ReceivedData } from './application-data.js';
import type { Association } from './association.js';
import { peerAlert, sendAlert, traceReceived } from './errors.js';
import type { DropReason } from './events.js';
import type { KeptHandshake } from './kept-handshake.js';
import { EARLY_EPOCH, HANDSHAKE_EPOCH, type KeyChanges } from './key-update.js';
import { isOpen } from './life.js';
import type { RecordSink } from './receive.js';

/** What the contents of records need from their connection. */
export interface ContentHost {
  close(now: Instant): void;
  end(error: DTLSError | undefined): void;
  onFailure(error: DTLSError): void;
  /** The peer has proved that it receives our datagrams. */
  onProved(now: Instant): void;
  /** The datagram at hand came from a new address of the peer. */
  onMoved(now: Instant): void;
  /** The content of a return routability check; returns whether it was of use. */
  onPathMessage(content: Uint8Array, now: Instant): boolean;
}

/** A handshake ends in epoch 1 in DTLS 1.2, and with the first keys of the session, epoch 3, in 1.3. */
const LAST_EPOCH_OF_HANDSHAKE = 3;

/** A client repeats no flight sooner than this, ms, and its valid record may still be in transit. */
const ASK_AGAIN_GAP: Duration = 60;

/** RFC 8446 §5.2, §5.4. */
const FATAL_RECORDS: Partial<Record<RecordDropReason, AlertName>> = {
  record_overflow: 'record_overflow',
  no_content_type: 'unexpected_message',
};

/** Processes the content of each record: data, handshake, alerts, ACKs, and unexpected types. */
export class Contents implements RecordSink {
  readonly #association: Association;
  readonly #host: ContentHost;
  readonly #handshake: KeptHandshake;
  readonly #keys: KeyChanges;
  readonly #inbound: ReceivedData;

  constructor(
    association: Association,
    host: ContentHost,
    handshake: KeptHandshake,
    keys: KeyChanges,
    inbound: ReceivedData,
  ) {
    this.#association = association;
    this.#host = host;
    this.#handshake = handshake;
    this.#keys = keys;
    this.#inbound = inbound;
  }

  onContent(type: number, epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean {
    if (epoch > 0) {
      this.#association.heardAt = now;
      this.#association.recordsHeard++;
    } else if (type === ContentType.handshake) this.#association.lastPlainRecord = sequence;
    if (epoch > this.#keys.heard) {
      this.#keys.onHeard(epoch, now);
      this.#handshake.whole.onHeard(epoch);
    }
    const { path } = this.#association;
    if (!path.validated && !path.moved && this.provesPath(epoch)) this.#host.onProved(now);
    switch (type) {
      case ContentType.application_data:
        return this.onData(epoch, sequence, content, now);
      case ContentType.handshake:
        return this.onProgress(this.#handshake.whole.receive(content, epoch, sequence, now));
      case ContentType.alert:
        return this.onAlert(epoch, sequence, content, now);
      case ContentType.ack:
        return this.onProgress(this.#handshake.whole.onAck(content, epoch, now));
      case ContentType.return_routability_check:
        return this.onRoutability(epoch, content, now);
      case ContentType.change_cipher_spec:
        return this.onChangeCipherSpec(epoch, content);
      default:
        return this.refuse(epoch, 'unexpected_type', 'unexpected_message', `a record of type ${type}`);
    }
  }

  /**
   * A response to a challenge does not change the path, because it may come on the former path. A challenge does: the peer
   * is where it comes from.
   */
  onElsewhere(type: number, epoch: number, content: Uint8Array, now: Instant): boolean {
    const answers =
      type === ContentType.return_routability_check && content[0] !== RoutabilityType.path_challenge;
    if (answers || epoch < this.#keys.heard) return false;
    this.#host.onMoved(now);
    return true;
  }

  private onRoutability(epoch: number, content: Uint8Array, now: Instant): boolean {
    if (epoch > 0 && this.#association.cids?.checksPaths === true)
      return this.#host.onPathMessage(content, now);
    return this.refuse(epoch, 'unexpected_type', 'unexpected_message', 'a return routability check');
  }

  mayHold(epoch: number): boolean {
    const newest = this.#association.epochs.reader?.epoch ?? 0;
    return this.isHandshaking() && epoch > newest && epoch <= LAST_EPOCH_OF_HANDSHAKE;
  }

  whyNot(epoch: number): DropReason {
    const early = epoch === EARLY_EPOCH && this.has('earlyData') && this.#association.role === 'server';
    return early ? 'refused_early_data' : 'unknown_epoch';
  }

  onHeld(): void {
    this.#handshake.whole.onHeld();
  }

  onForgery(reader: RecordReader, answered: number, now: Instant): void {
    if (this.isHandshaking() && this.#handshake.whole.doubtsPsk) this.onDoubtfulKey(answered, now);
    if (isOpen(this.#association.life) && reader.worn) this.#handshake.whole.askForKeys(reader.epoch, now);
  }

  /**
   * A record that does not open is discarded (RFC 6347 §4.1.2.7). On a server it may be the Finished of a client with
   * another key. Our repeated flight requests another one, and if after a run of our timer that does not open either, the client is
   * told. The handshake itself ends when our timer has expired again and again and no valid record has come. On a client it means
   * nothing: a server with another key cannot read the client's Finished, sends no protected record, and sends decrypt_error
   * instead. `answered`: see {@link RecordSink.onForgery}.
   */
  private onDoubtfulKey(answered: number, now: Instant): void {
    if (this.#association.role === 'client') return;
    const { suspicion, hidesUnknownPsk } = this.#handshake.whole;
    const next = suspicion.onForgery(hidesUnknownPsk, now);
    if (next === 'ask-again') this.#association.timers.set('ask-again', now + ASK_AGAIN_GAP);
    else if (next === 'tell') sendAlert(this.#association, 'fatal', 'decrypt_error', answered);
  }

  /** RFC 9147 §4.5.3: used-up keys with successors need not end the session. */
  onFatalRecord(reason: RecordDropReason, epoch: number): void {
    const { epochs } = this.#association;
    const newest = epochs.reader?.epoch ?? epoch;
    if (reason === 'forgery_limit' && epoch < newest) return epochs.forgetReadersBefore(epoch + 1);
    // RFC 9146 §6: DTLS 1.2 discards silently what is invalid.
    if (reason === 'no_content_type' && !this.has('violationsAreFatal')) return;
    const alert = FATAL_RECORDS[reason] ?? 'bad_record_mac';
    const text = `a record of the peer ended the session: ${reason}. Connect again; session.drops counts such records`;
    this.#host.onFailure(new DTLSError('ERR_DTLS_RECORD', text, { alert }));
  }

  private isHandshaking(): boolean {
    return this.#association.life.at === 'handshaking';
  }

  /** A version with `rule` is chosen. */
  private has(rule: 'earlyData' | 'halfClose' | 'alertsWithoutLevel' | 'violationsAreFatal'): boolean {
    return this.#handshake.rules?.[rule] === true;
  }

  /**
   * A peer with keys that depend on our ServerHello has received it. Those of early data do not, and early data can
   * be replayed.
   */
  private provesPath(epoch: number): boolean {
    return epoch >= (this.has('earlyData') ? HANDSHAKE_EPOCH : 1);
  }

  private onProgress(useful: boolean): boolean {
    if (useful) this.#handshake.whole.suspicion.allay();
    return useful;
  }

  private onData(epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean {
    if (epoch === 0 || epoch === HANDSHAKE_EPOCH)
      return this.refuse(epoch, 'unprotected_data', 'unexpected_message', 'application data');
    // For each record: a name that is always the same is found faster than one that is given.
    if (epoch === EARLY_EPOCH && this.#handshake.rules?.earlyData === true) return this.onEarlyData(content);
    const { life } = this.#association;
    if (this.#inbound.isAfterEnd(epoch, sequence)) this.#association.drop('closed');
    else if (isOpen(life)) this.#inbound.deliver(content);
    else if (life.at === 'handshaking') this.#inbound.keep(content, now);
    // RFC 8446 §6.1: our close_notify does not affect the peer's direction.
    else if (this.has('halfClose')) this.#inbound.deliver(content);
    else this.#association.drop('closed');
    return true;
  }

  private onEarlyData(content: Uint8Array): boolean {
    const error = this.#handshake.whole.early.receive(content);
    if (error !== undefined) this.#host.onFailure(error);
    return true;
  }

  /**
   * In DTLS 1.2 the epoch in a record's header carries the same information, and reliably: this message only has to
   * be well formed.
   */
  private onChangeCipherSpec(epoch: number, content: Uint8Array): boolean {
    if (epoch === 0 && content.length === 1 && content[0] === 1 && this.isHandshaking()) return false;
    return this.refuse(epoch, 'bad_change_cipher_spec', 'unexpected_message', 'a ChangeCipherSpec');
  }

  private onAlert(epoch: number, sequence: number, content: Uint8Array, now: Instant): boolean {
    const alert = decodeAlert(content);
    if (alert === undefined) {
      // RFC 8446 §5.4: an empty record is out of place; other bytes are malformed.
      const answer = content.length === 0 ? 'unexpected_message' : 'decode_error';
      return this.refuse(epoch, 'malformed_alert', answer, 'a malformed alert');
    }
    if (epoch === 0) return this.onPlainAlert(alert, sequence, now);
    traceReceived(this.#association, alert);
    if (alert.description === Alert.close_notify) this.onCloseNotify(epoch, sequence, now);
    else if (isFatal(alert, !this.has('alertsWithoutLevel'))) this.#host.end(peerAlert(alert));
    return true;
  }

  /**
   * A plaintext alert can be forged. It is ignored after the handshake, and while a job of ours is running, when the
   * peer has nothing to send and our timer would expire without an answer. Otherwise a client sends its flight again,
   * as a probe with unpredictable record numbers. The alert is believed if it comes again with such a number, or if
   * nothing better comes while our timer runs out again and again; then a client whose cookie it refuses begins again.
   */
  private onPlainAlert(alert: AlertMessage, sequence: number, now: Instant): boolean {
    const isPossible = this.isHandshaking() && this.#keys.heard === 0;
    const handshake = isPossible ? this.#handshake.whole : undefined;
    const isPlausible = handshake !== undefined && !handshake.peerProtects && handshake.listens;
    if (!isPlausible || handshake.takesForLate(sequence)) {
      this.#association.drop('unauthenticated_alert');
      return false;
    }
    traceReceived(this.#association, alert);
    const ends = alert.level === AlertLevel.fatal || alert.description === Alert.close_notify;
    if (!ends) return false;
    const error = peerAlert(alert, handshake.doubtsPsk);
    if (handshake.isAnswer(sequence)) {
      if (handshake.restart(error, now)) handshake.suspicion.allay();
      else this.#host.end(error);
      return true;
    }
    // A peer that is still there answers again, which disproves the alert.
    if (handshake.suspicion.raise(error, now)) {
      if (this.#association.role === 'client') handshake.onRefusal();
      else handshake.onDoubt();
    }
    return false;
  }

  /**
   * RFC 5246 §7.2.1: answered with our own, unless ours came first. In DTLS 1.3 each direction ends separately (RFC
   * 8446 §6.1), and ours stays open with `allowHalfOpen`.
   */
  private onCloseNotify(epoch: number, sequence: number, now: Instant): void {
    if (this.isHandshaking())
      return this.#host.end(peerAlert({ level: AlertLevel.warning, description: Alert.close_notify }));
    if (this.#inbound.ended) return;
    this.#inbound.end(epoch, sequence);
    if (this.#association.life.at === 'closing') return this.#host.end(undefined);
    if (this.has('halfClose')) this.#association.tell({ type: 'peer-closed' });
    if (!this.has('halfClose') || !this.#association.behaviour.allowHalfOpen) this.#host.close(now);
  }

  /** A violation in an authentic record of DTLS 1.3 ends the session; all else is discarded (RFC 9147 §4.5.2). */
  private refuse(epoch: number, reason: DropReason, alert: CodedAlert, what: string): false {
    this.#association.drop(reason);
    if (epoch > 0 && this.has('violationsAreFatal'))
      this.#host.onFailure(violation(alert, `the peer sent ${what}, which has no place here`));
    return false;
  }
}

/** Where an alert's level is ignored only these two are not errors (RFC 8446 §6). */
function isFatal(alert: AlertMessage, levelsCount: boolean): boolean {
  if (levelsCount) return alert.level === AlertLevel.fatal;
  return alert.description !== Alert.close_notify && alert.description !== Alert.user_canceled;
}
