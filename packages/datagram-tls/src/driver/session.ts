import { X509Certificate } from 'node:crypto';
import { invalidArgType, invalidState, outOfRange } from '../base/errors.js';
import { checkFunction, checkInteger, checkString } from '../config/checks.js';
import { DEFAULTS } from '../config/defaults.js';
import type { DropCounts } from '../connection/drops.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { Link } from '../endpoint/link.js';
import type { PeerAddress } from '../endpoint/peer.js';
import { exportKeyingMaterial, type Session } from '../handshake/session.js';
import { keylogLine } from '../keys/keylog.js';
import type { GroupName, SchemeName, Version } from '../wire/codes.js';
import { type Deferred, deferred } from './deferred.js';
import type { DTLSEndpoint } from './endpoint.js';
import { Inbox } from './inbox.js';
import type { Trace } from './options.js';
import { platform } from './platform.js';
import { type DTLSSessionStats, sessionStats } from './stats.js';

const MAKE = Symbol('make');
const MAX_EXPORT = 65_536;

type MessageHandler = (this: DTLSSession, data: Uint8Array) => void;
type ErrorHandler = (this: DTLSSession, error: Error) => void;
type HandshakeHandler = (this: DTLSSession, protocol: Version) => void;
type KeylogHandler = (this: DTLSSession, line: Uint8Array) => void;

/** What the session asks of the endpoint it belongs to. */
export interface SessionOwner {
  readonly endpoint: DTLSEndpoint;
  readonly trace: Trace | undefined;
  send(link: Link, data: Uint8Array): void;
  close(link: Link): void;
  abandon(link: Link): void;
  /** The session is over. */
  release(session: DTLSSession): void;
}

/** Cipher of a session, as node:tls names it. */
export interface CipherInfo {
  /** OpenSSL's name. */
  readonly name: string;
  /** IANA's name. */
  readonly standardName: string;
  readonly version: Version;
}

/** One association with one peer. Made by `connect`, and given to the callback of `listen`. */
export class DTLSSession implements AsyncIterable<Uint8Array> {
  readonly #owner: SessionOwner;
  readonly #opened: Deferred<{ protocol: Version }> = deferred();
  readonly #closed: Deferred<void> = deferred();
  readonly #inbox = new Inbox<Uint8Array>(DEFAULTS.messageQueue);
  readonly #times = {
    createdAt: process.hrtime.bigint(),
    destroyedAt: 0n,
    closingAt: 0n,
    handshakeCompletedAt: 0n,
  };
  readonly #serverName: string | undefined;
  #link: Link | undefined;
  #over = false;
  #finalStats: DTLSSessionStats | undefined;
  #certificate: X509Certificate | undefined;
  #onmessage: MessageHandler | undefined;
  #onerror: ErrorHandler | undefined;
  #onhandshake: HandshakeHandler | undefined;
  #onkeylog: KeylogHandler | undefined;

  constructor(
    token: typeof MAKE,
    owner: SessionOwner,
    link: Link | undefined,
    serverName: string | undefined,
  ) {
    if (token !== MAKE) throw new TypeError('Illegal constructor');
    this.#owner = owner;
    this.#link = link;
    this.#serverName = serverName;
  }

  /** For the other objects of this library: a session, and where its events go. */
  static create(owner: SessionOwner, link: Link | undefined, serverName: string | undefined): SessionControl {
    const session = new DTLSSession(MAKE, owner, link, serverName);
    return {
      session,
      attach: (found) => {
        session.#link = found;
      },
      onEvent: (event) => session.#onEvent(event),
      fail: (error) => session.#fail(error),
    };
  }

  /** Called with each message; the receiver owns the bytes. `undefined` clears it. */
  get onmessage(): MessageHandler | undefined {
    return this.#onmessage;
  }
  set onmessage(fn: MessageHandler | null | undefined) {
    this.#onmessage = this.#bound(fn, 'onmessage');
  }

  /** Called once, before `opened` is rejected, when the session fails. */
  get onerror(): ErrorHandler | undefined {
    return this.#onerror;
  }
  set onerror(fn: ErrorHandler | null | undefined) {
    this.#onerror = this.#bound(fn, 'onerror');
  }

  get onhandshake(): HandshakeHandler | undefined {
    return this.#onhandshake;
  }
  set onhandshake(fn: HandshakeHandler | null | undefined) {
    this.#onhandshake = this.#bound(fn, 'onhandshake');
  }

  /** Called with lines of a key log (RFC 9850), newline included: who has them can read the session. */
  get onkeylog(): KeylogHandler | undefined {
    return this.#onkeylog;
  }
  set onkeylog(fn: KeylogHandler | null | undefined) {
    this.#onkeylog = this.#bound(fn, 'onkeylog');
  }

  /** Resolves when the handshake is done; rejects when it fails. */
  get opened(): Promise<{ protocol: Version }> {
    return this.#opened.promise;
  }

  /** Resolves when the session is over; rejects only with the error given to `destroy`. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get destroyed(): boolean {
    return this.#over;
  }

  get endpoint(): DTLSEndpoint {
    return this.#owner.endpoint;
  }

  get remoteAddress(): PeerAddress | undefined {
    return this.#live?.peer;
  }

  get protocol(): Version | undefined {
    return this.#session?.version;
  }

  get cipher(): CipherInfo | undefined {
    const suite = this.#session?.suite;
    if (suite === undefined) return undefined;
    return { name: suite.opensslName, standardName: suite.name, version: suite.version };
  }

  /** The group of the key exchange. */
  get group(): GroupName | undefined {
    return this.#session?.group;
  }

  /** The scheme of the server's signature. */
  get signatureScheme(): SchemeName | undefined {
    return this.#session?.signatureScheme;
  }

  /** The name that the client asked for. */
  get servername(): string | undefined {
    return this.#session?.serverName ?? this.#serverName;
  }

  /** The peer's certificate, PEM. */
  get peerCertificate(): string | undefined {
    return this.#session === undefined ? undefined : this.peerX509Certificate?.toString();
  }

  /** The peer's certificate; once read it can be read after the end, too. */
  get peerX509Certificate(): X509Certificate | undefined {
    const leaf = this.#session?.peer.chain[0];
    if (this.#certificate === undefined && leaf !== undefined)
      this.#certificate = new X509Certificate(leaf.der);
    return this.#certificate;
  }

  /** The peer showed a certificate and it verified. */
  get authorized(): boolean {
    return this.#session?.peer.authorized ?? false;
  }

  /** OpenSSL's short name of what is wrong with the peer's certificate; `HANDSHAKE_INCOMPLETE` until it is known. */
  get authorizationError(): string | undefined {
    if (this.#over) return undefined;
    return this.#session === undefined ? 'HANDSHAKE_INCOMPLETE' : this.#session.peer.authorizationError;
  }

  /** Largest message that `send` takes now, bytes. */
  get maxMessageSize(): number | undefined {
    return this.#session === undefined ? undefined : this.#live?.connection.maxMessageSize;
  }

  /** How often records and messages were discarded, by reason. */
  get drops(): Readonly<DropCounts & { slow_reader?: number }> {
    const counts = this.#link?.connection.counters.dropped ?? {};
    return this.#inbox.dropped === 0 ? { ...counts } : { ...counts, slow_reader: this.#inbox.dropped };
  }

  get stats(): DTLSSessionStats {
    return this.#finalStats ?? this.#snapshot(true);
  }

  /**
   * Sends one message as one datagram and returns its length. Throws `ERR_INVALID_STATE` before the handshake is done
   * and after the end, `ERR_OUT_OF_RANGE` when the message is larger than `maxMessageSize`, `ERR_INVALID_ARG_TYPE`.
   */
  send(data: string | ArrayBufferView): number {
    const bytes = toBytes(data);
    const link = this.#live;
    if (link === undefined) {
      throw invalidState(
        this.#over ? 'Session is destroyed' : 'Cannot send application data before the handshake completes',
      );
    }
    this.#owner.send(link, bytes);
    return bytes.length;
  }

  /** Says close_notify and waits a moment for the peer's. Before the handshake is done `opened` rejects. */
  close(): Promise<void> {
    if (this.#over || this.#times.closingAt > 0n) return this.closed;
    this.#times.closingAt = process.hrtime.bigint();
    this.#rejectOpened(undefined);
    if (this.#link === undefined) this.#finish();
    else this.#owner.close(this.#link);
    return this.closed;
  }

  /** Ends at once, with close_notify if the handshake was done. `closed` rejects with `error` if there is one. */
  destroy(error?: Error): void {
    if (this.#over) return;
    this.#rejectOpened(error);
    const link = this.#link;
    this.#finish(error);
    if (link !== undefined) this.#owner.abandon(link);
  }

  /**
   * Keying material for another protocol (RFC 5705). `length`: 1 to 65536 bytes; an absent context differs from an
   * empty one. Throws `ERR_INVALID_STATE` unless the session is open.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Uint8Array {
    const session = this.#session;
    if (session === undefined) throw invalidState('Session is not open');
    checkInteger(length, 'length', 1, 0xffff_ffff);
    if (length > MAX_EXPORT) throw outOfRange('length', `<= ${MAX_EXPORT}`, length);
    checkString(label, 'label');
    if (context !== undefined && !(context instanceof Uint8Array)) {
      throw invalidArgType('context', 'an instance of Buffer or Uint8Array', context);
    }
    if (context !== undefined && context.length > 0xffff)
      throw outOfRange('context.length', '<= 65535', context.length);
    return exportKeyingMaterial(platform.provider, session, label, context, length);
  }

  /** Messages, from now on. Leaving the loop closes the session; `onmessage` goes on beside it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array, undefined> {
    if (this.#over) this.#inbox.end();
    return this.#inbox.iterate(() => void this.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #live(): Link | undefined {
    return this.#over ? undefined : this.#link;
  }

  get #session(): Session | undefined {
    return this.#live?.connection.session;
  }

  #onEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'message':
        this.#inbox.push(event.data);
        this.#onmessage?.call(this, event.data);
        return;
      case 'connected':
        this.#onConnected(event.session.version);
        return;
      case 'secret':
        this.#onkeylog?.call(this, keylogLine(event.label, event.clientRandom, event.secret));
        return;
      case 'trace':
        this.#owner.trace?.(event.event, this);
        return;
      case 'closed':
        if (event.error === undefined) this.#finish();
        else this.#fail(event.error);
        return;
      case 'job':
        return;
    }
  }

  #onConnected(protocol: Version): void {
    this.#times.handshakeCompletedAt = process.hrtime.bigint();
    this.#opened.resolve({ protocol });
    this.#onhandshake?.call(this, protocol);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    try {
      this.#onerror?.call(this, error);
    } finally {
      this.#rejectOpened(error);
      this.#finish();
    }
  }

  #rejectOpened(error: Error | undefined): void {
    this.#opened.reject(error ?? invalidState('Session was closed before the handshake completed'));
  }

  /** After an error in `onerror` itself the session may be over already. */
  #finish(error?: Error): void {
    if (this.#over) return;
    this.#rejectOpened(error);
    this.#times.destroyedAt = process.hrtime.bigint();
    this.#finalStats = this.#snapshot(false);
    this.#over = true;
    this.#inbox.end();
    this.#owner.release(this);
    if (error === undefined) this.#closed.resolve();
    else this.#closed.reject(error);
  }

  #snapshot(isConnected: boolean): DTLSSessionStats {
    const counters = this.#link?.connection.counters;
    const dropped = Object.values(counters?.dropped ?? {}).reduce((sum, n) => sum + n, 0);
    return sessionStats(
      {
        ...this.#times,
        bytesReceived: BigInt(counters?.payloadReceived ?? 0),
        bytesSent: BigInt(counters?.payloadSent ?? 0),
        messagesReceived: BigInt(counters?.messagesReceived ?? 0),
        messagesSent: BigInt(counters?.messagesSent ?? 0),
        retransmitCount: BigInt(counters?.retransmissions ?? 0),
        droppedCount: BigInt(dropped + this.#inbox.dropped),
      },
      isConnected,
    );
  }

  #bound<F extends (...args: never[]) => void>(fn: F | null | undefined, name: string): F | undefined {
    if (fn === null || fn === undefined) return undefined;
    checkFunction(fn, name);
    return fn.bind(this) as F;
  }
}

/** How the endpoint drives a session. */
export interface SessionControl {
  readonly session: DTLSSession;
  attach(link: Link): void;
  onEvent(event: ConnectionEvent): void;
  fail(error: Error): void;
}

function toBytes(data: unknown): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw invalidArgType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}
