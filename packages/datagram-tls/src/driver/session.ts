import type { KeyObject, X509Certificate } from 'node:crypto';
import { type InspectOptions, inspect } from 'node:util';
import { isPromise } from '../base/awaitable.js';
import { toText } from '../base/bytes.js';
import { illegalConstructor, invalidReturn, invalidState } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { checkBoolean } from '../config/checks.js';
import { readOptions, withDefaults } from '../config/option-table.js';
import { encodeSession } from '../config/saved-session.js';
import type { EarlyOutcome } from '../connection/application-data.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionEvent } from '../connection/events.js';
import { isOpen } from '../connection/life.js';
import { type ConnectionEntry, mayStillRefuse } from '../endpoint/connection-entry.js';
import { exportKeyingMaterial, type Session } from '../handshake/session.js';
import { keylogLine } from '../keys/keylog.js';
import type { GroupName, SchemeName, SrtpProfileName, Version } from '../wire/codes.js';
import type { AddressChange, JudgeAddress } from './address-change.js';
import { bound, checkExport, type Handler, toBytes, viewBytes } from './arguments.js';
import { toBuffer, withBuffers } from './buffers.js';
import { asError, asThrown, explained, type HeldEvents, inTurn } from './callbacks.js';
import { CHANNELS, publish } from './channels.js';
import { Checkpoints } from './checkpoints.js';
import { warnOfRejection, warnOfTicketKeys } from './debug.js';
import { throwLater } from './guard.js';
import { Inbox } from './inbox.js';
import { inspection, sessionFields } from './inspection.js';
import { type CipherInfo, cipherInfo, peerCertificate, protocolName, publicKey } from './negotiated.js';
import { platform } from './platform.js';
import type { Port } from './port.js';
import {
  CHECKPOINT_OPTIONS,
  type CheckpointOptions,
  EXPORT_OPTIONS,
  type ExportOptions,
  generations,
  type Lineage,
  sealState,
} from './sealed-state.js';
import { Sender } from './sender.js';
import type { SessionControl, SessionEndpoint, SharedBySessions } from './session-endpoint.js';
import { type FinalState, finalStateOf, SessionLife } from './session-life.js';
import {
  type DTLSSessionStats,
  type LiveStats,
  type SessionDropReason,
  type SessionDrops,
  type SessionSource,
  sessionDrops,
  sessionStats,
} from './stats.js';
import { Streams } from './streams.js';

/** How the endpoint drives its sessions; the class has no such methods. The class assigns it. */
export let sessionControl: SessionControl<DTLSSession>;

const MAKE = Symbol('make');

/**
 * One association with one peer. Made by `connect`, and given to the callback of `listen`.
 *
 * @example
 * ```ts
 * import { connect, type DTLSSession } from 'datagram-tls';
 *
 * async function ask(session: DTLSSession, question: string): Promise<string | undefined> {
 *   session.send(question);
 *   for await (const answer of session) return answer.toString();
 *   return undefined;
 * }
 * const session = connect('example.net', 9000, { ca });
 * await session.opened;
 * console.log(await ask(session, 'hello'));
 * ```
 */
export class DTLSSession implements AsyncIterable<Buffer> {
  static {
    sessionControl = {
      create: (shared, serverName, held) => new DTLSSession(MAKE, shared, serverName, held),
      attach: (session, port, entry) => {
        session.#port = port;
        session.#entry = entry;
        session.#sender.attach(port, entry);
      },
      goOn: (session, lineage) => {
        session.#lineage = lineage;
      },
      onEvent: (session, event) => session.#onEvent(event),
      onSendError: (session, error) => {
        session.#sender.onError(error);
        session.#tellDrop('send_failed');
      },
      fail: (session, error) => session.#fail(error),
      cut: (session, error) => {
        if (session.#life.isClosing) session.#finish();
        else session.#fail(error);
      },
      failBy: (session, thrown, unheard) => {
        if (session.#breakOff(thrown) !== 'heard') unheard(thrown);
      },
    };
  }

  readonly #shared: SharedBySessions<DTLSSession>;
  readonly #inbox: Inbox;
  /** Client: the name it asks for. */
  readonly #serverName: string | undefined;
  #port: Port | undefined;
  /** `undefined` before the association begins and after the end. */
  #entry: ConnectionEntry | undefined;
  /**
   * V8 keeps handlers in old space, and they refer to the session. So a session that is over keeps only this of its
   * connection.
   */
  #finalState: FinalState | undefined;

  readonly #life = new SessionLife();
  /** By `close`, so that no message arrives any more. */
  #isClosing = false;

  readonly #sender = new Sender(() => this.#ondrain?.());
  /** Created on demand. */
  #streams: Streams | undefined;
  #held: HeldEvents | undefined;

  /** Of {@link checkpoint}. */
  #checkpoints: Checkpoints | undefined;
  /** Of states that were made, or of the one that it goes on from. */
  #lineage: Lineage | undefined;

  #stats: LiveStats<DTLSSessionStats> | undefined;
  #saved: Buffer | undefined;
  #certificate: X509Certificate | undefined;
  #publicKey: KeyObject | undefined;

  #onmessage: Handler<DTLSSession, [data: Buffer]> | undefined;
  #onerror: Handler<DTLSSession, [error: Error]> | undefined;
  #onhandshake: Handler<DTLSSession, [protocol: Version]> | undefined;
  #onkeylog: Handler<DTLSSession, [line: string]> | undefined;
  #ondrain: Handler<DTLSSession, []> | undefined;
  #onend: Handler<DTLSSession, []> | undefined;
  #onsession: Handler<DTLSSession, [saved: Buffer]> | undefined;
  #onmigrate: JudgeAddress<DTLSSession> | undefined;

  private constructor(
    token: typeof MAKE,
    shared: SharedBySessions<DTLSSession>,
    serverName: string | undefined,
    held: HeldEvents | undefined,
  ) {
    if (token !== MAKE) throw illegalConstructor();
    this.#shared = shared;
    this.#inbox = new Inbox(shared.inboxLimits, shared.unread, () => this.#tellDrop('slow_reader'));
    this.#serverName = serverName;
    this.#held = held;
  }

  /** Called with each message; the receiver owns the bytes. `undefined` clears it. */
  get onmessage(): Handler<DTLSSession, [data: Buffer]> | undefined {
    return this.#onmessage;
  }
  set onmessage(fn: Handler<DTLSSession, [data: Buffer]> | null | undefined) {
    this.#onmessage = bound(fn, 'onmessage', this);
    if (this.#onmessage !== undefined)
      inTurn(this.#inbox.handOver(), (message) => this.#onmessage?.(message));
  }

  /** Called once, before `opened` is rejected, when the session fails. */
  get onerror(): Handler<DTLSSession, [error: Error]> | undefined {
    return this.#onerror;
  }
  set onerror(fn: Handler<DTLSSession, [error: Error]> | null | undefined) {
    this.#onerror = bound(fn, 'onerror', this);
  }

  get onhandshake(): Handler<DTLSSession, [protocol: Version]> | undefined {
    return this.#onhandshake;
  }
  set onhandshake(fn: Handler<DTLSSession, [protocol: Version]> | null | undefined) {
    this.#onhandshake = bound(fn, 'onhandshake', this);
  }

  /** Called with lines of a key log (RFC 9850), without a newline. Anyone holding these lines can decrypt the session. */
  get onkeylog(): Handler<DTLSSession, [line: string]> | undefined {
    return this.#onkeylog;
  }
  set onkeylog(fn: Handler<DTLSSession, [line: string]> | null | undefined) {
    this.#onkeylog = bound(fn, 'onkeylog', this);
  }

  /** Called when `send` takes messages again, after it refused some because the send queue was full: see {@link drained}. */
  get ondrain(): Handler<DTLSSession, []> | undefined {
    return this.#ondrain;
  }
  set ondrain(fn: Handler<DTLSSession, []> | null | undefined) {
    this.#ondrain = bound(fn, 'ondrain', this);
  }

  /** Called when the peer has sent close_notify in DTLS 1.3 and our side may go on: see `allowHalfOpen`. */
  get onend(): Handler<DTLSSession, []> | undefined {
    return this.#onend;
  }
  set onend(fn: Handler<DTLSSession, []> | null | undefined) {
    this.#onend = bound(fn, 'onend', this);
  }

  /**
   * Called with the value for `connect`'s option `session`, to resume this session: in DTLS 1.3 with each ticket of
   * the server, which may send none, in DTLS 1.2 at most once, at the end of the handshake. It holds secrets: anyone
   * holding it can act as this client.
   */
  get onsession(): Handler<DTLSSession, [saved: Buffer]> | undefined {
    return this.#onsession;
  }
  set onsession(fn: Handler<DTLSSession, [saved: Buffer]> | null | undefined) {
    this.#onsession = bound(fn, 'onsession', this);
  }

  /**
   * Called when the peer's address changes, which needs connection IDs, and when a new address is validated. Its answer may
   * refuse the new address, or vouch for it: see `MigrateHandler`.
   */
  get onmigrate(): JudgeAddress<DTLSSession> | undefined {
    return this.#onmigrate;
  }
  set onmigrate(fn: JudgeAddress<DTLSSession> | null | undefined) {
    this.#onmigrate = bound(fn, 'onmigrate', this);
  }

  /** Resolves when the handshake is done; rejects when it fails. */
  get opened(): Promise<{ protocol: Version }> {
    return this.#life.opened.promise;
  }

  /** Resolves when the session is over; rejects only with the error given to `destroy`. */
  get closed(): Promise<void> {
    return this.#life.closed.promise;
  }

  get destroyed(): boolean {
    return this.#life.isOver;
  }

  get endpoint(): SessionEndpoint {
    return this.#shared.endpoint;
  }

  /**
   * The connection IDs on the records of each side, empty for none: `send` on ours, `receive` on the peer's. `undefined` until
   * both have agreed on them, and where they have not.
   */
  get connectionId(): { readonly send: Buffer; readonly receive: Buffer } | undefined {
    const ids = this.#entry?.connection.connectionIds;
    return ids && { send: toBuffer(ids.send), receive: toBuffer(ids.receive) };
  }

  /** `undefined` until the name of the host is resolved; it remains after the end. It changes with the peer's address. */
  get remoteAddress(): PeerAddress | undefined {
    return this.#entry?.peer ?? this.#finalState?.peer;
  }

  /**
   * Where our side of the session is; it remains after the end. On a socket that serves many peers it is the address that
   * the socket is bound to, which may be `0.0.0.0` or `::`.
   */
  get localAddress(): PeerAddress | undefined {
    return this.#entry === undefined ? this.#finalState?.local : this.#port?.localAddress;
  }

  /** Client: the last value that `onsession` was called with; `undefined` before, and after the end. */
  get session(): Buffer | undefined {
    return this.destroyed ? undefined : this.#saved;
  }

  // The negotiated parameters and the peer. As in node:dtls most of them are gone after the end.

  get protocol(): Version | undefined {
    return this.#session?.version;
  }

  get cipher(): CipherInfo | undefined {
    const suite = this.#session?.suite;
    return suite === undefined ? undefined : cipherInfo(suite);
  }

  /** The group of the key exchange; `undefined` where a pre-shared key was used alone. */
  get group(): GroupName | undefined {
    return this.#session?.group;
  }

  /** The scheme of the server's signature; `undefined` with a pre-shared key. */
  get signatureScheme(): SchemeName | undefined {
    return this.#session?.signatureScheme;
  }

  /** The negotiated application protocol (RFC 7301). */
  get alpnProtocol(): string | undefined {
    const name = this.#session?.agreed.alpn;
    return name === undefined ? undefined : protocolName(name);
  }

  /** The SRTP profile, by OpenSSL's name; its keys come from `exportKeyingMaterial` with the label EXTRACTOR-dtls_srtp (RFC 5764). */
  get srtpProfile(): SrtpProfileName | undefined {
    return this.#session?.agreed.srtp;
  }

  /** The name that the client asked for. */
  get servername(): string | undefined {
    return this.#session?.serverName ?? (this.destroyed ? undefined : this.#serverName);
  }

  /** The peer's certificate, PEM. */
  get peerCertificate(): string | undefined {
    return this.#session === undefined ? undefined : this.peerX509Certificate?.toString();
  }

  /**
   * The peer's certificate; `issuerCertificate` leads along the chain that the peer sent. A certificate that was read
   * once remains after the end. `undefined` also where the platform cannot parse an unverified one.
   */
  get peerX509Certificate(): X509Certificate | undefined {
    if (this.#session !== undefined) this.#certificate ??= peerCertificate(this.#session.peer.chain);
    return this.#certificate;
  }

  /** The peer's public key, of its certificate or raw (RFC 7250), which authenticated the peer. */
  get peerPublicKey(): KeyObject | undefined {
    const der = this.#session?.peer.publicKey;
    if (der !== undefined) this.#publicKey ??= publicKey(der);
    return this.#publicKey;
  }

  /**
   * The OCSP response about the peer's certificate, DER, if `requestOCSP` asked for one. That of an authorized peer
   * is verified and has the status good.
   */
  get ocspResponse(): Buffer | undefined {
    const staple = this.#session?.peer.staple;
    return staple === undefined ? undefined : toBuffer(staple);
  }

  /** The session resumes an earlier one, without a new authentication of the peer. */
  get reused(): boolean {
    return this.#session?.resumed ?? false;
  }

  /**
   * The state of early data: `offered` when it was sent, `accepted`, or `refused`, which means that it is sent again
   * when the handshake is done; `none` without early data.
   */
  get earlyData(): EarlyOutcome {
    return this.#lastState?.earlyData ?? 'none';
  }

  /** The identity of the shared key, as text; it remains after the end. */
  get pskIdentity(): string | undefined {
    const identity = this.#session?.peer.pskIdentity;
    return identity === undefined ? this.#finalState?.pskIdentity : toText(identity);
  }

  /** The peer's certificate or public key was verified, or it has the pre-shared key. */
  get authorized(): boolean {
    return this.#session?.peer.authorized ?? false;
  }

  /** OpenSSL's short name of the fault of the peer's certificate; `HANDSHAKE_INCOMPLETE` until it is known. */
  get authorizationError(): string | undefined {
    if (this.destroyed) return undefined;
    return this.#session === undefined ? 'HANDSHAKE_INCOMPLETE' : this.#session.peer.authorizationError;
  }

  /** Largest message that `send` takes now, bytes. It falls when the system, or the transport, refuses a datagram of that size. */
  get maxMessageSize(): number | undefined {
    const connection = this.#entry?.connection;
    const sends = connection !== undefined && (this.#session !== undefined || connection.maySend);
    return sends ? connection.maxMessageSize : undefined;
  }

  /**
   * Bytes that wait to be sent: those of this session for a later turn of the event loop, and those that wait in the
   * socket or the transport, which all sessions of the endpoint share. 0 before the handshake and after the end.
   */
  get bufferedAmount(): number {
    return this.#sender.bufferedAmount;
  }

  /**
   * Resolves when there is room to send: no message of this session waits for a later turn, and at least half of
   * `maxSendQueue` is free. At once if that is so now; also when the session ends.
   */
  get drained(): Promise<void> {
    return this.#sender.drained;
  }

  /**
   * How often records and messages were discarded, by reason: those of the connection; `slow_reader` for messages
   * that the application did not read in time (`maxUnreadBytes`); `peer_closed` for messages to a peer that had just
   * closed; `send_failed` for datagrams that the system refused, such as those too large for the path (smaller ones
   * are not checked); `send_queue_full` for messages while the send queue is full (`maxSendQueue`).
   */
  get drops(): SessionDrops {
    return sessionDrops(this.#counts());
  }

  /** Live; the same object each time. `stats.drops` are these drops as bigints. */
  get stats(): DTLSSessionStats {
    this.#stats ??= sessionStats(() => this.#counts());
    if (this.destroyed) this.#stats.freeze();
    return this.#stats.stats;
  }

  #counts(): SessionSource {
    return {
      times: this.#life,
      counters: this.#lastState?.counters,
      ownDrops: { ...this.#sender.drops, slow_reader: this.#inbox.dropped },
    };
  }

  /**
   * Sends one message as one datagram, now or in one of the next turns of the event loop, and returns its length.
   * Returns 0 for a message that is not sent: when the peer has just closed and when the send queue is full
   * (`maxSendQueue`, {@link drained}), both counted in `drops`, and when the keys are used up, which ends the session
   * with `ERR_DTLS_KEY_LIMIT` (`onerror`). Throws `ERR_INVALID_STATE` before the handshake is done and after the end,
   * `ERR_OUT_OF_RANGE` when the message is larger than `maxMessageSize`, `ERR_INVALID_ARG_TYPE`.
   */
  send(data: string | ArrayBufferView): number {
    const bytes = toBytes(data);
    const outcome = this.#sender.send(bytes, this.#life.isClosing);
    if (outcome === 'full') this.#tellDrop('send_queue_full');
    if (outcome === 'peer-closed') this.#tellDrop('peer_closed');
    return outcome === 'sent' ? bytes.length : 0;
  }

  /**
   * DTLS 1.3: switches to new sending keys; with `requestPeer`, the peer does the same. This also happens
   * automatically before the keys are used up. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS
   * 1.2, and `ERR_DTLS_KEY_LIMIT` when there are no further keys: the session then ends when the current ones are
   * used up.
   * @see RFC 9147 §8
   */
  updateKeys({ requestPeer = false }: { requestPeer?: boolean } = {}): void {
    checkBoolean(requestPeer, 'requestPeer');
    if (this.#entry === undefined) throw invalidState('Session is not open');
    this.#port?.updateKeys(this.#entry, requestPeer);
  }

  /**
   * Keeps only the state of this session, some hundred bytes, until a datagram, a call or a timer wakes it: see
   * `hibernateAfter`. Returns whether it hibernates: not before the handshake is done and after the end, and not while
   * something is under way, such as a message that the peer has to acknowledge.
   */
  hibernate(): boolean {
    return this.#entry !== undefined && this.#port?.hibernate(this.#entry) === true;
  }

  /**
   * Sends close_notify and ends without waiting for the peer's. Before the handshake is done `opened` rejects. In DTLS
   * 1.3 a client waits until the server acknowledges its handshake or closes, one round trip after `opened`, and on a
   * path with losses at most 3 s: a server that refuses the client's certificate says so only then.
   */
  close(): Promise<void> {
    if (this.destroyed) return this.closed;
    this.#life.startClosing();
    this.#isClosing = true;
    const entry = this.#entry;
    if (entry !== undefined) this.#port?.closeEntry(entry);
    if (entry === undefined || !mayStillRefuse(entry)) this.#finish();
    return this.closed;
  }

  /** Ends at once, with close_notify if the handshake was done. `closed` rejects with `error` if there is one. */
  destroy(error?: Error): void {
    if (this.destroyed) return;
    const entry = this.#entry;
    this.#finish(error);
    if (entry !== undefined) this.#port?.abandonEntry(entry);
  }

  /**
   * Ends the session here without a word to the peer, and returns its sealed state: `endpoint.import` goes on with it, on
   * another process or machine. What was sent before is on its way; messages that nobody has read move along. The state holds
   * the keys of the session: it must go on once, because two that do so reveal what they send. Throws `ERR_INVALID_STATE`
   * unless the session is open, and `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for a wrong `key`.
   */
  export(options: ExportOptions): Buffer {
    const { key } = readOptions(options, EXPORT_OPTIONS);
    const entry = this.#entry;
    const port = this.#port;
    if (entry === undefined || port === undefined) throw invalidState('Session is not open');
    const state = port.saveEntry(entry);
    const unread = this.#inbox.takeAll();
    const lineage = generations.next(this.#lineage);
    this.#lineage = lineage;
    const sealed = sealState(key, { lineage, unread, state }, Date.now());
    this.#finish();
    port.pump();
    return toBuffer(sealed);
  }

  /**
   * Keeps the state of the session in a store of the application, so that `endpoint.import` goes on with it when this process
   * fails; resolves when the first state is kept. Further ones follow by themselves, each time half of `reserve` records are
   * sent or received, and when keys are renewed: `store` has to replace the one before. What the kept state does not allow is not
   * sent: `send` returns 0 then, as with a full send queue, until `store` is done ({@link drained}). Delete the state when the
   * session is over. Throws `ERR_INVALID_STATE` unless the session is open, and `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   * or `ERR_OUT_OF_RANGE` for wrong options; rejects with what `store` throws, which ends the session.
   */
  checkpoint(options: CheckpointOptions): Promise<void> {
    const { key, reserve, store } = withDefaults(
      readOptions(options, CHECKPOINT_OPTIONS),
      CHECKPOINT_OPTIONS,
    );
    const entry = this.#entry;
    const port = this.#port;
    if (entry === undefined || port === undefined || !isOpen({ at: entry.connection.phase }))
      throw invalidState('Session is not open');
    this.#checkpoints?.end();
    const take = (): Buffer => {
      const state = port.checkpointEntry(entry, reserve);
      const lineage = generations.next(this.#lineage);
      this.#lineage = lineage;
      return toBuffer(sealState(key, { lineage, unread: [], state }, Date.now()));
    };
    const onKept = (): void => port.confirmEntry(entry);
    const onFailure = (thrown: unknown): void => {
      if (this.#breakOff(thrown) === 'unheard') warnOfRejection(thrown);
    };
    this.#checkpoints = new Checkpoints({ take, onKept, onFailure }, store);
    return this.#keepFirst(this.#checkpoints);
  }

  async #keepFirst(checkpoints: Checkpoints): Promise<void> {
    try {
      await checkpoints.keep();
    } catch (thrown) {
      this.#breakOff(thrown);
      throw thrown;
    }
  }

  /** Keeps the process running while the session lasts, as it does until {@link unref}. */
  ref(): this {
    if (!this.destroyed) this.#shared.onReference(this, true);
    return this;
  }

  /**
   * Lets the process end while the session lasts, with its socket and timers. Where sessions share an endpoint that
   * `listen` made, that is `endpoint.unref()`; where clients share one, each of them has to be unreferenced.
   */
  unref(): this {
    if (!this.destroyed) this.#shared.onReference(this, false);
    return this;
  }

  /**
   * Keying material for another protocol (RFC 5705, RFC 8446 §7.5). `length`: 1 to 65536 bytes; in DTLS 1.2 an absent
   * context differs from an empty one. Throws `ERR_INVALID_STATE` unless the session is open, `ERR_INVALID_ARG_TYPE`,
   * `ERR_OUT_OF_RANGE`, and `ERR_CRYPTO_OPERATION_FAILED` for what the version cannot export: in DTLS 1.3 more than
   * 8160 bytes (12240 with SHA-384) or a label of more than 249 bytes, in DTLS 1.2 a label of the handshake.
   */
  exportKeyingMaterial(length: number, label: string, context?: ArrayBufferView): Buffer {
    const session = this.#session;
    if (session === undefined) throw invalidState('Session is not open');
    checkExport(length, label, context);
    const bytes = context === undefined ? undefined : viewBytes(context);
    return toBuffer(exportKeyingMaterial(platform.provider, session, label, bytes, length));
  }

  /**
   * Messages, from now on; several loops share them. Leaving the loop closes the session; `onmessage` goes on beside
   * it. The loop ends with the session, and throws its error when it failed. Throws `ERR_INVALID_STATE` where
   * {@link readable} reads the messages.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    return this.#streamed.iterate();
  }

  /**
   * Messages as a Web Stream, from now on; `onmessage` goes on beside it. It closes with the session, or when the
   * peer closes its direction, and fails with the session's error. Cancelling it closes the session. Messages that
   * are not read in time are lost as `maxUnreadBytes` says. Throws `ERR_INVALID_STATE` where `for await` reads the
   * messages.
   */
  get readable(): ReadableStream<Buffer> {
    return this.#streamed.readable;
  }

  /**
   * A Web Stream that sends each chunk as one message. It waits for the handshake, and for room in the send queue.
   * It fails when a chunk cannot be sent, as `send`, and when the session ends. Closing it closes the session; with
   * `allowHalfOpen` in DTLS 1.3 only our direction, until the peer closes or `close` is called. Aborting it destroys
   * the session.
   */
  get writable(): WritableStream<string | ArrayBufferView> {
    return this.#streamed.writable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return inspection('DTLSSession', sessionFields(this, this.#life.failure), depth, options);
  }

  /** `undefined` before the handshake is done and after the end. */
  get #session(): Session | undefined {
    return this.#entry?.connection.session;
  }

  /** Closes our direction; resolves when that is done, or when the session is over where the other one ends, too. */
  #endSending(): Promise<void> {
    const entry = this.#entry;
    if (entry === undefined || this.#port === undefined) return this.close();
    if (!this.#life.startClosing()) return this.closed;
    return this.#port.closeSending(entry) ? Promise.resolve() : this.closed;
  }

  get #streamed(): Streams {
    if (this.#streams !== undefined) return this.#streams;
    this.#streams = new Streams(this.#inbox, {
      opened: this.opened,
      offer: (message) => this.#sender.offer(toBytes(message), this.#life.isClosing),
      hasRoom: () => this.#sender.hasRoom(),
      endSending: () => this.#endSending(),
      close: () => this.close(),
      destroy: (error) => this.destroy(error),
    });
    if (this.destroyed) this.#streams.end(this.#life.failure);
    return this.#streams;
  }

  /** A message was dropped. */
  #tellDrop(reason: SessionDropReason): void {
    if (CHANNELS.sessionDrop.hasSubscribers)
      publish(CHANNELS.sessionDrop, { session: this, endpoint: this.endpoint, reason, count: 1 });
  }

  get #lastState(): Pick<Connection, 'counters' | 'earlyData'> | undefined {
    return this.#entry?.connection ?? this.#finalState;
  }

  #onMessage(data: Buffer): void {
    this.#inbox.push(data);
    this.#onmessage?.(data);
  }

  #onEvent(event: ConnectionEvent): void {
    if (this.#held !== undefined && this.#isHeld(() => this.destroyed || this.#onEvent(event))) return;
    switch (event.type) {
      case 'message':
        if (this.destroyed || this.#isClosing) return;
        this.#onMessage(toBuffer(event.data));
        return;
      case 'early-data':
        if (!this.destroyed && !this.#life.isClosing) this.#shared.onEarlyData(toBuffer(event.data), this);
        return;
      case 'connected':
        this.#life.open(event.session.version);
        if (CHANNELS.sessionOpen.hasSubscribers) {
          const protocol = event.session.version;
          publish(CHANNELS.sessionOpen, { session: this, endpoint: this.endpoint, protocol });
        }
        this.#onhandshake?.(event.session.version);
        return;
      case 'acknowledged':
        if (this.#isClosing) this.#finish();
        return;
      case 'ticket':
        if (this.destroyed) return;
        this.#saved = toBuffer(encodeSession(platform.provider, event.ticket, Date.now()));
        this.#onsession?.(this.#saved);
        return;
      case 'checkpoint-due':
        this.#checkpoints?.renew();
        return;
      case 'ticket-keys-failed':
        warnOfTicketKeys(event.error);
        return;
      case 'secret':
        this.#onSecret(keylogLine(event.label, event.clientRandom, event.secret));
        return;
      case 'trace':
        this.#shared.trace?.(event.event, this);
        return;
      case 'migrated':
        if (!this.destroyed) this.#onMigrated(event);
        return;
      case 'peer-closed':
        this.#inbox.end();
        this.#onend?.();
        return;
      case 'closed':
        if (event.error === undefined) this.#finish();
        else this.#fail(asThrown(withBuffers(explained(event.error, this.#sender.error))));
        return;
      case 'answered':
      case 'job':
      case 'keep-session':
      case 'forget-session':
        // The port has done it.
        return;
    }
  }

  #onMigrated({ from, to, validated }: AddressChange): void {
    if (CHANNELS.sessionMigrate.hasSubscribers)
      publish(CHANNELS.sessionMigrate, { session: this, endpoint: this.endpoint, from, to, validated });
    if (this.#onmigrate === undefined) return;
    try {
      const answer: unknown = this.#onmigrate({ from, to, validated });
      if (!isPromise(answer)) return this.#judge(to, answer);
      void Promise.resolve(answer)
        .then((late) => this.#judge(to, late))
        .catch((thrown: unknown) => this.#onRefusedToJudge(thrown));
    } catch (thrown) {
      this.#onRefusedToJudge(thrown);
    }
  }

  /** The application's verdict on an address, which may be out of date. */
  #judge(address: PeerAddress, verdict: unknown): void {
    if (verdict === undefined || this.#entry === undefined) return;
    if (typeof verdict !== 'boolean')
      throw invalidReturn('session.onmigrate', 'true, false or undefined', verdict);
    if (this.#entry.peer !== address) return;
    if (verdict) this.#port?.validatePath(this.#entry);
    else this.#port?.refusePath(this.#entry);
  }

  /** It is asked, and what it throws is the error of its session. */
  #onRefusedToJudge(thrown: unknown): void {
    if (this.#breakOff(thrown) === 'late') throwLater(thrown);
  }

  /** As in node:dtls an exception of this handler is the error of the session. */
  #onSecret(line: string): void {
    // A flight has several secrets: after an exception the handler is not asked again.
    if (this.destroyed) return;
    try {
      this.#onkeylog?.(line);
    } catch (thrown) {
      if (this.#breakOff(thrown) === 'late') throwLater(thrown);
    }
  }

  /** Returns whether `tell` comes later, when the maker of this session has it in hand. */
  #isHeld(tell: () => void): boolean {
    const isHeld = this.#held?.hold(tell) ?? false;
    if (!isHeld) this.#held = undefined;
    return isHeld;
  }

  /**
   * A callback of the application failed, and with it the session. `heard`: the application knows the error, because
   * it is the session's own, or from `onerror`; `unheard`: there is no `onerror`; `late`: the session was over.
   */
  #breakOff(thrown: unknown): 'heard' | 'unheard' | 'late' {
    if (this.#life.hasTold(thrown)) return 'heard';
    if (this.destroyed) return 'late';
    const entry = this.#entry;
    const isHeard = this.#onerror !== undefined;
    try {
      this.#fail(asError(thrown));
    } finally {
      if (entry !== undefined) this.#port?.abandonEntry(entry);
    }
    return isHeard ? 'heard' : 'unheard';
  }

  /** `closed` resolves all the same, as in node:dtls: it rejects only after `destroy(error)`. */
  #fail(error: Error): void {
    if (this.destroyed) return;
    if (this.#held !== undefined && this.#isHeld(() => this.#fail(error))) return;
    this.#life.failure = error;
    if (CHANNELS.sessionError.hasSubscribers)
      publish(CHANNELS.sessionError, { session: this, endpoint: this.endpoint, error });
    try {
      this.#onerror?.(error);
    } finally {
      this.#life.rejectOpened(error);
      this.#finish();
    }
  }

  #finish(error?: Error): void {
    if (this.destroyed) return;
    const failed = this.#life.failure !== undefined;
    this.#life.end(error);
    const { failure } = this.#life;
    if (this.#entry !== undefined)
      this.#finalState = finalStateOf(this.#entry, this.localAddress, this.pskIdentity);
    this.#entry = undefined;
    this.#stats?.freeze();
    this.#checkpoints?.end();
    this.#sender.end();
    this.#inbox.end(failure);
    this.#inbox.leave();
    this.#streams?.end(failure);
    if (CHANNELS.sessionEnd.hasSubscribers)
      publish(CHANNELS.sessionEnd, { session: this, endpoint: this.endpoint, error: failure });
    this.#shared.onEnd(this, { began: this.#port !== undefined, failed });
  }
}
