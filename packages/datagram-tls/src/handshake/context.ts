import type { DTLSError } from '../base/errors.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { Action, EarlyRefusal } from './actions.js';
import { Transcript } from './transcript.js';

const MAX_MESSAGE_SEQ = 0xffff;

/** Makes the connection IDs for the peer's records. */
export interface CidIssuer {
  /** One that no other association has; empty for none. Throws the error of the application's function. */
  issue(): Uint8Array;
  /** Up to `count` more; as many as the peer may have at a time. */
  issueMore(count: number): readonly Uint8Array[];
  /** One that it gets unasked, once; none where it may not know such messages. */
  issueFirstSpare(): readonly Uint8Array[];
  /** The peer has asked for some. */
  onRequest(): void;
  /** One that the peer is to use in place of its current one; none where it has not used the last such one yet. */
  issueSuccessor(): readonly Uint8Array[];
  /** On our protected records; empty for none. */
  readonly send: Uint8Array;
  /** The peer's protected records have one of ours. */
  readonly expected: boolean;
  /** We have no ID for another path, and the peer is known to answer requests. */
  readonly lacksSpare: boolean;
}

/** Shared by every step of one handshake: settings, transcript, numbering, and the actions of the current step. */
export class Context {
  readonly behaviour: Behaviour;
  readonly destination: Destination;
  readonly provider: CryptoProvider;
  /** Server: the client is answered only if its early data is accepted. */
  readonly early: boolean;
  #security: Security;
  #adopted = false;
  #actions: Action[] | undefined;
  #nextSeq: number;
  readonly #cids: CidIssuer | undefined;
  #connectionId: Uint8Array | undefined;
  /** Absent while it has no messages, as in an open session. */
  #transcript: Transcript | undefined;

  /** `firstSeq`: message_seq of our first message; 1 on a server that sent a cookie request before. */
  constructor(
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
    firstSeq: number,
    early = false,
    cids?: CidIssuer,
  ) {
    this.#security = security;
    this.behaviour = behaviour;
    this.destination = destination;
    this.early = early;
    this.provider = security.provider;
    this.#nextSeq = firstSeq;
    this.#cids = cids;
  }

  get transcript(): Transcript {
    this.#transcript ??= new Transcript(this.provider);
    return this.#transcript;
  }

  /** Forgets the messages so far: one that follows begins another transcript (RFC 6347 §4.2.1, RFC 8446 §4.4.1). */
  endTranscript(): void {
    this.#transcript = undefined;
  }

  /** One with the same messages so far, and with actions of its own. */
  fork(): Context {
    const { behaviour, destination, early } = this;
    const fork = new Context(this.#security, behaviour, destination, this.#nextSeq, early, this.#cids);
    fork.#adopted = this.#adopted;
    fork.#connectionId = this.#connectionId;
    fork.transcript.adopt(this.transcript.fork());
    return fork;
  }

  /** Our first one, for the peer's records; empty for none, and `undefined` where connection IDs are not used. */
  get connectionId(): Uint8Array | undefined {
    this.#connectionId ??= this.#cids?.issue();
    return this.#connectionId;
  }

  /** After the handshake; `undefined` where connection IDs are not used. */
  get cids(): CidIssuer | undefined {
    return this.#cids;
  }

  get security(): Security {
    return this.#security;
  }

  /** From here on the settings are those of the requested name. Versions, suites and groups stay. */
  adopt(security: Security): void {
    this.#security = security;
    this.#adopted = true;
  }

  /** Server: the client's name selected the settings, which the client is told (RFC 6066 §3). */
  get adopted(): boolean {
    return this.#adopted;
  }

  #made(): Action[] {
    this.#actions ??= [];
    return this.#actions;
  }

  emit(action: Action): void {
    this.#made().push(action);
  }

  /** Messages that may still be numbered: message_seq never wraps (RFC 9147 §5.2). */
  get numbersLeft(): number {
    return MAX_MESSAGE_SEQ + 1 - this.#nextSeq;
  }

  /** Adds a message to the flight and to the transcript. */
  send(type: number, body: Uint8Array, epoch: number): void {
    this.transcript.add(type, this.#nextSeq, body);
    this.sendPostHandshake(type, body, epoch);
  }

  /** Adds a message to the flight alone. */
  sendPostHandshake(type: number, body: Uint8Array, epoch: number): void {
    this.#made().push({ do: 'send', type, seq: this.#nextSeq++, epoch, body });
  }

  /** Client: its next ClientHello is a first one, to which nothing of before belongs. */
  restart(): void {
    this.endTranscript();
    this.#nextSeq = 0;
  }

  fail(error: DTLSError): void {
    this.#made().push({ do: 'fail', error });
  }

  /** Server: the client, whose path is not validated, is asked for a cookie. */
  decline(reason: EarlyRefusal): { readonly at: 'declined' } {
    this.#made().push({ do: 'decline', reason });
    return { at: 'declined' };
  }

  /** After the handshake, between two steps. */
  save(w: Writer): void {
    w.varint(this.#nextSeq);
  }

  restore(r: Reader): void {
    this.#nextSeq = r.varint();
  }

  /** The actions since the last call. */
  takeActions(): Action[] {
    const actions = this.#actions;
    this.#actions = undefined;
    return actions ?? [];
  }
}
