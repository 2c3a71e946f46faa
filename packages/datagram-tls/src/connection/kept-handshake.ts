import type { Duration, Instant } from '../base/instant.js';
import { NONE_PACKED, pack, unpack } from '../base/packed.js';
import type { Destination, Security } from '../config/config.js';
import { Context } from '../handshake/context.js';
import { Reader, Writer } from '../wire/cursor.js';
import { rulesOf, type VersionRules } from '../wire/version.js';
import { type EarlyOutcome, readOutcome } from './application-data.js';
import type { Association, HandshakeHost } from './association.js';
import { FROM_ZERO, type InitialNumbers } from './beginning.js';
import { Handshake } from './handshake.js';
import type { KeyChanges } from './key-update.js';
import { sessionOf } from './life.js';
import type { Carried } from './saved-state.js';

/** Longer than any clock runs, ms. */
const LONGEST_REST: Duration = 2 ** 47;

/**
 * The handshake of an association: {@link whole} while a message, a timer or a call needs it. Between them only its state
 * stays, as bytes, since many sessions are silent, and the others mostly carry data, whose records have no need of it.
 */
export class KeptHandshake implements Carried {
  readonly #association: Association;
  readonly #host: HandshakeHost;
  readonly #keys: KeyChanges;
  readonly #destination: Destination;
  #security: Security;
  #whole: Handshake | undefined;
  /** What {@link Handshake.save} wrote; empty while it is whole. */
  #state = NONE_PACKED;
  /** When it became a state. */
  #since: Instant = 0;
  /** A datagram is being processed. */
  #receiving = false;

  constructor(
    association: Association,
    host: HandshakeHost,
    keys: KeyChanges,
    security: Security,
    destination: Destination,
  ) {
    this.#association = association;
    this.#host = host;
    this.#keys = keys;
    this.#security = security;
    this.#destination = destination;
  }

  /** A new one. */
  begin(numbers: InitialNumbers): void {
    this.#whole = this.from(numbers);
  }

  /** All that messages need; made again where only the state is there. */
  get whole(): Handshake {
    const whole = this.#whole ?? this.wake();
    if (whole === undefined) throw new Error('A handshake does not understand the state that it wrote');
    return whole;
  }

  /** Only the state is there. */
  get rests(): boolean {
    return this.#whole === undefined;
  }

  /** Only the state stays of one that is done, where no message is under way. */
  rest(now: Instant): void {
    const whole = this.#whole;
    const { life, awaitedJob } = this.#association;
    if (life.at !== 'open' || awaitedJob !== undefined || whole?.mayRest(now) !== true) return;
    this.#since = Math.floor(now);
    this.#state = pack(stateOf(whole, this.#since));
    this.#security = whole.security;
    this.#whole = undefined;
    this.#association.rest();
  }

  save(w: Writer, at: Instant): void {
    const whole = this.#whole;
    // Of an instant in whole ms, so that those in it are the same however often they are written.
    const now = Math.floor(at);
    const [since, state] =
      whole === undefined ? [this.#since, unpack(this.#state)] : [now, stateOf(whole, now)];
    w.varint(Math.min(Math.max(Math.round(at - since), 0), LONGEST_REST))
      .varint(state.length)
      .bytes(state);
  }

  /** Nothing of it is made before it is needed, or {@link isSound} asks. */
  restore(r: Reader, at: Instant): void {
    this.#since = Math.round(at - r.varint());
    this.#state = pack(r.bytes(r.varint()));
  }

  /** The state, which may come from outside, is understood. */
  get isSound(): boolean {
    const state = this.#state;
    const whole = this.wake();
    if (whole?.isQuiet === true) {
      this.#state = state;
      this.#whole = undefined;
    }
    return whole !== undefined;
  }

  /** `undefined`: the state is not understood. */
  private wake(): Handshake | undefined {
    const session = sessionOf(this.#association.life);
    if (session === undefined) return undefined;
    const whole = this.from(FROM_ZERO);
    const r = this.read();
    whole.restore(r, this.#since, session);
    if (this.#receiving) whole.onDatagram();
    this.#whole = whole;
    this.#state = NONE_PACKED;
    return r.finished() ? whole : undefined;
  }

  private read(): Reader {
    return new Reader(unpack(this.#state));
  }

  private from({ sendSeq, receiveSeq, retry, contact }: InitialNumbers): Handshake {
    const { behaviour, cids } = this.#association;
    const isEarly = contact === 'early-data';
    const context = new Context(this.#security, behaviour, this.#destination, sendSeq, isEarly, cids);
    return new Handshake(this.#association, this.#host, this.#keys, context, { retry, receiveSeq });
  }

  /** The settings that it began with, or those of the client's name. */
  get security(): Security {
    return this.#whole?.security ?? this.#security;
  }

  adopt(security: Security): void {
    this.#security = security;
    this.#whole?.useSecurity(security);
  }

  /** What is known of the peer before the handshake. */
  get destination(): Destination {
    return this.#destination;
  }

  /** Of the version; `undefined` until it is chosen. */
  get rules(): VersionRules | undefined {
    const session = sessionOf(this.#association.life);
    return session === undefined ? this.#whole?.version?.rules : rulesOf(session.version);
  }

  /** What became of early data. */
  get earlyOutcome(): EarlyOutcome {
    return this.#whole?.early.outcome ?? readOutcome(this.read());
  }

  /** See {@link Handshake.isQuiet}. */
  get isQuiet(): boolean {
    return this.#whole?.isQuiet !== false;
  }

  /** See {@link Handshake.awaitsAck}. */
  get awaitsAck(): boolean {
    return this.#whole?.awaitsAck === true;
  }

  /** See {@link Handshake.awaitsPlaintext}. */
  get awaitsPlaintext(): boolean {
    return this.#whole?.awaitsPlaintext === true;
  }

  /** See {@link Handshake.canUpdateKeys}. */
  get canUpdateKeys(): boolean {
    return this.rules?.keyUpdates === true && this.whole.canUpdateKeys;
  }

  /** See {@link Handshake.onNumbers}. */
  onNumbers(now: Instant): void {
    this.#whole?.onNumbers(now);
  }

  /** See {@link Handshake.onDatagram}. */
  onDatagram(): void {
    this.#receiving = true;
    this.#whole?.onDatagram();
  }

  /** See {@link Handshake.settle}. */
  settle(now: Instant): void {
    this.#receiving = false;
    this.#whole?.settle(now);
  }

  /** See {@link Handshake.oldestMessage}. */
  get oldestMessage(): Instant | undefined {
    return this.#whole?.oldestMessage;
  }

  /** See {@link Handshake.forgetMessagesUntil}. */
  forgetMessagesUntil(instant: Instant): void {
    this.#whole?.forgetMessagesUntil(instant);
  }

  /** See {@link Handshake.forgetMessages}. */
  forgetMessages(why?: 'evicted'): void {
    this.#whole?.forgetMessages(why);
  }
}

function stateOf(whole: Handshake, at: Instant): Uint8Array {
  const w = new Writer();
  whole.save(w, at);
  return w.finish();
}
