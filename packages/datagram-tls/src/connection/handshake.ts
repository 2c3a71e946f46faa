import { type DTLSError, violation } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { Action } from '../handshake/actions.js';
import type { Context } from '../handshake/context.js';
import { messageName } from '../handshake/flight.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Message } from '../handshake/message.js';
import { Reassembler } from '../handshake/reassembly.js';
import { Runner } from '../handshake/runner.js';
import type { Session } from '../handshake/session.js';
import type { Retry13 } from '../handshake/v13/retry-request.js';
import { HandshakeType, type Version } from '../wire/codes.js';
import { decodeAck } from '../wire/messages/ack.js';
import { type HandshakeFragment, readHandshakeFragments } from '../wire/messages/handshake-header.js';
import { Acks } from './acks.js';
import type { Association } from './association.js';
import { APPLICATION_EPOCH, type KeyChanges } from './key-changes.js';
import { Retransmission } from './retransmission.js';

/** What the handshake needs from the connection it belongs to. */
export interface HandshakeHost {
  onConnected(session: Session, now: Instant): void;
  onKeysToRead(now: Instant): void;
  onWarning(alert: 'no_renegotiation' | 'user_canceled'): void;
  onFailure(error: DTLSError): void;
  /** It has failed, or is over for another reason: nothing more is done for it. */
  isClosed(): boolean;
}

/** A certificate chain of the usual kind has 2 to 6 KB. Nothing is allocated before the bytes are here. */
const REASSEMBLY = { maxMessage: 0x10000, budget: 0x18000 } as const;

/**
 * What becomes of a fragment: it was new; it belongs to the flight under way and was here before; it is older than that
 * or of no use; it is more than may be held.
 */
type Fate = 'fresh' | 'repeated' | 'useless' | 'too much';

/** Handshake records in, actions out: reassembly, the state machine, acknowledgements. */
export class Handshake {
  readonly #association: Association;
  readonly #host: HandshakeHost;
  readonly #keys: KeyChanges;
  readonly #runner: Runner;
  readonly #reassembler: Reassembler;
  readonly #retransmission: Retransmission;
  readonly #acks: Acks;
  /** The epoch in which the message before the next one came. */
  #epoch = 0;
  /** message_seq of the first message that our last flight of the handshake does not answer. */
  #flightStart: number;
  #established = false;
  #finishing = false;
  /** Records that waited for keys may be read now. */
  #newKeys = false;
  /** Names and bytes of what came since our last flight, for the trace. */
  #incoming: { names: string[]; bytes: number } = { names: [], bytes: 0 };

  constructor(
    association: Association,
    host: HandshakeHost,
    keys: KeyChanges,
    ctx: Context,
    firstReceiveSeq: number,
    retry: Retry13 | undefined,
  ) {
    this.#association = association;
    this.#host = host;
    this.#keys = keys;
    this.#runner = new Runner(ctx, retry);
    this.#reassembler = new Reassembler(firstReceiveSeq, REASSEMBLY);
    this.#retransmission = new Retransmission(association);
    this.#acks = new Acks(association);
    this.#flightStart = firstReceiveSeq;
  }

  /** `undefined` until it is chosen. */
  get version(): Version | undefined {
    return this.#runner.version;
  }

  /** Our last flight is not acknowledged yet: the peer may lack the keys of the session. */
  get finishing(): boolean {
    return this.#finishing;
  }

  /** DTLS 1.3: {@link updateKeys} would do something now. */
  get canUpdateKeys(): boolean {
    return this.#runner.canUpdateKeys;
  }

  /** The peer sends nothing without protection any more. */
  get peerProtects(): boolean {
    return this.#runner.peerProtects;
  }

  /** The peer has shown nothing yet of the pre-shared key that it is to have. */
  get doubtsPsk(): boolean {
    return this.#runner.doubtsPsk;
  }

  /** A client's first flight. */
  start(now: Instant): void {
    this.#perform(this.#runner.start(), now);
  }

  /** The content of a handshake record; returns whether any of it was new. */
  receive(payload: Uint8Array, epoch: number, sequence: number, now: Instant): boolean {
    const fragments = readHandshakeFragments(payload);
    if (fragments === undefined) {
      this.#onMalformed(payload, epoch);
      return false;
    }
    let fresh = false;
    let useful = true;
    for (const fragment of fragments) {
      const fate = this.#accept(fragment, epoch, now);
      if (fate === 'fresh') fresh = true;
      if (fate === 'useless' || fate === 'too much') useful = false;
      if (fate === 'repeated' && this.#established) this.#acks.demand();
      // A record of a thousand tiny fragments must not cost a thousand tries.
      if (fate === 'too much') break;
    }
    if (this.#host.isClosed()) return false;
    // RFC 9147 §7: what was not kept must not be acknowledged.
    if (useful) this.#acks.onRecord(epoch, sequence);
    if (fresh && epoch > 0) this.#onAnswered();
    if (fresh) this.#advance(now);
    return fresh;
  }

  answer(answer: JobAnswer, now: Instant): void {
    this.#perform(this.#runner.onAnswer(answer), now);
    this.#advance(now);
    this.settle(now);
  }

  /** DTLS 1.3: renews the keys we send with, and asks the peer to do the same. */
  updateKeys(requestPeer: boolean, now: Instant): void {
    this.#perform(this.#runner.updateKeys(requestPeer), now);
  }

  /** A datagram is done with: acknowledges what has to be. */
  settle(now: Instant): void {
    if (!this.#acks.active) return;
    const { version } = this.#runner;
    if (version === 'DTLSv1.2') return this.#acks.forget();
    // RFC 9147 §7: no ACK before DTLS 1.3 is chosen.
    if (version === undefined) return;
    if (!this.#established && this.#reassembler.gap) this.#acks.onGap();
    this.#acks.settle(this.#retransmission.ackDelay, now);
  }

  /** The content of an ACK record; returns whether it told anything new. */
  onAck(content: Uint8Array, epoch: number, now: Instant): boolean {
    if (this.#runner.version !== 'DTLSv1.3' || (epoch === 0 && this.#keys.heard > 0)) {
      this.#association.drop('unauthenticated_ack');
      return false;
    }
    const ack = decodeAck(content);
    if (ack === undefined) {
      this.#violate(epoch, 'malformed_ack', 'decode_error', 'the peer sent a malformed ACK');
      return false;
    }
    const newest = this.#newestAcknowledged(epoch);
    if (ack.recordNumbers.some((number) => number.epoch > newest)) {
      const text = 'the peer acknowledges a record that it cannot have read, or that there never was';
      this.#host.onFailure(violation('illegal_parameter', text));
      return false;
    }
    this.#association.trace({ kind: 'ack', direction: 'received', records: ack.recordNumbers.length });
    const news = this.#retransmission.onAck(ack.recordNumbers, now);
    if (news && this.#retransmission.delivered) this.#onDelivered(now);
    return news;
  }

  /**
   * The newest epoch whose records an ACK in `epoch` may name. In the handshake that is its own (RFC 9147 §7). After it
   * each direction counts for itself: a peer that has renewed its keys less often than we have is still in its right.
   */
  #newestAcknowledged(epoch: number): number {
    return epoch < APPLICATION_EPOCH ? epoch : this.#association.epochs.writer.epoch;
  }

  /** A record waits for keys that the peer has and we have not. */
  onHeld(): void {
    if (this.#runner.version === 'DTLSv1.3' && this.#epoch === 0) this.#acks.onUnreadable();
  }

  /** The flight under way got no answer in time. */
  onTimeout(now: Instant): void {
    this.#retransmission.onTimeout(now);
  }

  /** The peer may be gone: our flight goes out once more, and has the time of one timer to be answered. */
  onDoubt(now: Instant): void {
    this.#retransmission.onDoubt(now);
  }

  onAckTimeout(): void {
    this.#acks.send();
  }

  forgetFlight(): void {
    this.#retransmission.end();
  }

  /** The peer has shown that it is done with the handshake, though it did not acknowledge our last flight. */
  forgoAck(now: Instant): void {
    this.#onDelivered(now);
  }

  #accept(fragment: HandshakeFragment, epoch: number, now: Instant): Fate {
    if (this.#asksToRenegotiate(fragment, epoch)) {
      this.#host.onWarning('no_renegotiation');
      return 'useless';
    }
    if (fragment.messageSeq < this.#reassembler.next) return this.#onRepeated(fragment, epoch, now);
    if (epoch !== this.#runner.expectedEpoch) {
      const text = 'the peer sent a handshake message under keys that are not for it';
      this.#violate(epoch, 'unexpected_epoch', 'unexpected_message', text);
      return 'useless';
    }
    const fate = this.#reassembler.add(fragment, epoch);
    if (fate === 'stored') return 'fresh';
    const reason = fate === 'old' ? 'repeated_message' : fate;
    if (fate === 'conflicting_fragment' || fragment.length > REASSEMBLY.maxMessage) {
      const text = 'a fragment contradicts an earlier one, or its message is too large';
      this.#violate(epoch, reason, 'illegal_parameter', text);
    } else {
      this.#association.drop(reason);
    }
    return fate === 'over_budget' ? 'too much' : 'useless';
  }

  /** DTLS 1.2: a new handshake under the keys of the last one counts its messages from 0 again (RFC 6347 §4.2.2). */
  #asksToRenegotiate({ type, messageSeq, fragmentOffset }: HandshakeFragment, epoch: number): boolean {
    if (epoch === 0 || !this.#established || this.#runner.version !== 'DTLSv1.2') return false;
    const first =
      this.#association.security.role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
    return type === first && messageSeq === 0 && fragmentOffset === 0;
  }

  /**
   * The last message of what our flight answers asks for that flight again; were it any of them, the flight would go out
   * once for each. DTLS 1.2, without ACKs, takes the last message that came, even of a flight that is not whole.
   */
  #onRepeated(fragment: HandshakeFragment, epoch: number, now: Instant): Fate {
    this.#association.drop('repeated_message');
    const is13 = this.#runner.version === 'DTLSv1.3';
    if (is13 && fragment.messageSeq >= this.#flightStart) return 'repeated';
    const ends =
      fragment.messageSeq === (is13 ? this.#flightStart : this.#reassembler.next) - 1 &&
      fragment.fragmentOffset + fragment.fragmentLength === fragment.length;
    if (ends) this.#retransmission.onRepeated(epoch > 0, now);
    return 'useless';
  }

  /** RFC 8446 §5.1, §5.4: an empty record is out of place; other bytes are just wrong. */
  #onMalformed(payload: Uint8Array, epoch: number): void {
    const alert = payload.length === 0 ? 'unexpected_message' : 'decode_error';
    this.#violate(epoch, 'malformed_fragment', alert, 'the peer sent a malformed handshake record');
  }

  /**
   * What DTLS 1.3 counts as the peer's own doing in an authentic record (RFC 9147 §4.5.2) ends the session. In epoch 0,
   * where anybody may have sent it, and in DTLS 1.2 it is discarded.
   */
  #violate(
    epoch: number,
    reason: Parameters<Association['drop']>[0],
    alert: Parameters<typeof violation>[0],
    text: string,
  ): void {
    this.#association.drop(reason);
    if (epoch > 0 && this.#runner.version === 'DTLSv1.3') this.#host.onFailure(violation(alert, text));
  }

  #advance(now: Instant): void {
    while (this.#runner.ready && !this.#host.isClosed()) {
      const message = this.#reassembler.take();
      if (message === undefined) return;
      this.#noteIncoming(message);
      this.#perform(this.#runner.onMessage(message), now);
    }
  }

  #perform(actions: readonly Action[], now: Instant): void {
    for (const action of actions) this.#performOne(action, now);
    if (this.#host.isClosed()) return;
    this.#onEpoch(this.#runner.expectedEpoch);
    if (!this.#newKeys) return;
    this.#newKeys = false;
    this.#host.onKeysToRead(now);
  }

  /**
   * RFC 9147 §7.2: any part of the answer acknowledges all that it answers, and the rest is the peer's to repeat. In
   * epoch 0, where anybody may have sent it, that takes the whole ServerHello.
   */
  #onAnswered(): void {
    if (this.#runner.version === 'DTLSv1.3') this.#retransmission.onAnswered();
  }

  /** RFC 8446 §5.1: nothing stands between the last message under old keys and the first under new ones. */
  #onEpoch(epoch: number): void {
    if (epoch === this.#epoch) return;
    const before = this.#epoch;
    this.#epoch = epoch;
    if (this.#association.security.role === 'client') this.#onAnswered();
    const stray = this.#reassembler.onlyEpoch(epoch);
    for (let count = stray; count > 0; count--) this.#association.drop('unexpected_epoch');
    // In epoch 0 anybody may have sent them.
    if (stray > 0 && before > 0 && this.#runner.version === 'DTLSv1.3')
      this.#host.onFailure(
        violation('unexpected_message', 'a message follows a change of keys in the old epoch'),
      );
  }

  #performOne(action: Action, now: Instant): void {
    switch (action.do) {
      case 'send': {
        const { type, seq, epoch, body } = action;
        this.#retransmission.add({ kind: 'message', type, seq, epoch, body });
        return;
      }
      case 'send-change-cipher-spec':
        this.#retransmission.add({ kind: 'change-cipher-spec', epoch: 0 });
        return;
      case 'end-flight':
        this.#beginFlight(action.awaits, now);
        return;
      case 'acknowledge':
        this.#traceIncoming();
        this.#acks.demand();
        return;
      case 'install-keys':
        this.#keys.install(action);
        if (action.direction === 'read') this.#newKeys = true;
        return;
      case 'log-secret': {
        const { label, clientRandom, secret } = action;
        this.#association.tell({ type: 'secret', label, clientRandom, secret });
        return;
      }
      case 'ask':
        this.#association.tell({ type: 'job', job: action.job });
        return;
      case 'connected':
        this.#onConnected(action.session, now);
        return;
      case 'warn':
        this.#host.onWarning(action.alert);
        return;
      case 'fail':
        this.#traceIncoming();
        this.#host.onFailure(action.error);
        return;
    }
  }

  #beginFlight(awaits: Extract<Action, { do: 'end-flight' }>['awaits'], now: Instant): void {
    this.#traceIncoming();
    if (!this.#established) {
      this.#acks.forget();
      this.#flightStart = this.#reassembler.next;
    }
    this.#retransmission.begin(awaits, now);
  }

  #onConnected(session: Session, now: Instant): void {
    this.#traceIncoming();
    this.#established = true;
    this.#acks.onEstablished();
    // Records that still wait for keys are done with, one way or the other.
    this.#newKeys = true;
    const { awaits } = this.#retransmission;
    this.#finishing = awaits === 'ack';
    if (awaits === 'answer') this.#retransmission.end();
    // An unacknowledged last flight of ours is still a part of the handshake.
    if (!this.#finishing) this.#association.timers.stop('handshake');
    if (session.version === 'DTLSv1.3' && !this.#finishing) this.#keys.forgetOldWriters();
    this.#host.onConnected(session, now);
  }

  /** What awaited an ACK has arrived. */
  #onDelivered(now: Instant): void {
    if (this.#retransmission.awaits !== 'ack') return;
    this.#retransmission.end();
    this.#finishing = false;
    this.#association.timers.stop('handshake');
    this.#perform(this.#runner.onAcknowledged(), now);
    this.#keys.forgetOldWriters();
  }

  #noteIncoming({ type, body }: Message): void {
    if (!this.#association.behaviour.trace) return;
    this.#incoming.names.push(messageName(type, body));
    this.#incoming.bytes += body.length;
  }

  #traceIncoming(): void {
    const { names, bytes } = this.#incoming;
    this.#incoming = { names: [], bytes: 0 };
    if (names.length === 0) return;
    const event = { kind: 'flight', direction: 'received', messages: names, datagrams: 0, bytes } as const;
    this.#association.trace({ ...event, retransmission: false });
  }
}
